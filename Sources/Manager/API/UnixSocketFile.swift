import Glibc
import Protocol

/// The file of the Unix socket: taken over only when nobody answers on it, for its owner's eyes
/// only, and removed only while it is still ours.
struct UnixSocketFile: Sendable {
  /// `sun_path` of unix(7), with its closing zero.
  static let pathBytes = 107
  let path: String

  /// Which file it is, so that another manager's later socket is never removed.
  struct Identity: Hashable, Sendable {
    var device: UInt64
    var inode: UInt64
  }

  /// Makes the path free, or says who holds it.
  func claim() throws(DiagnosticError) {
    guard path.utf8.count <= Self.pathBytes else {
      throw unusable("the path is longer than \(Self.pathBytes) bytes, a Unix socket's limit")
    }
    var status = stat()
    guard lstat(path, &status) == 0 else {
      if errno == ENOENT { return }
      throw unusable(UnixSocketFile.text(of: errno))
    }
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      throw unusable("a file that is no socket is in the way")
    }
    guard !isAnswered() else {
      throw DiagnosticError(
        .portInUse, subject: path, reason: "another manager answers on this socket",
        remedy: "Stop it first, or choose another state directory.")
    }
    guard unlink(path) == 0 || errno == ENOENT else {
      throw unusable(UnixSocketFile.text(of: errno))
    }
  }

  /// Right after binding. Between the two only the umask protects the file, and the peer's
  /// credentials protect what is behind it.
  func restrict() throws(DiagnosticError) -> Identity {
    guard chmod(path, 0o600) == 0, let identity = identity() else {
      throw unusable(UnixSocketFile.text(of: errno))
    }
    return identity
  }

  func remove(_ known: Identity) {
    if identity() == known { unlink(path) }
  }

  private func identity() -> Identity? {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    return Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }

  /// Whether a process listens. Only a refusal is proof that none does; a full backlog is not.
  private func isAnswered() -> Bool {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | O_NONBLOCK, 0)
    guard descriptor >= 0 else { return true }
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { space in
      space.copyBytes(from: path.utf8.prefix(Self.pathBytes))
    }
    let outcome = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    return outcome == 0 || (errno != ECONNREFUSED && errno != ENOENT)
  }

  private func unusable(_ reason: String) -> DiagnosticError {
    DiagnosticError(
      .stateDirectoryUnusable, subject: path, reason: reason,
      remedy: "Check the socket's path and its directory's owner and mode.")
  }
}

extension UnixSocketFile {
  /// What an errno means, in the C library's words.
  static func text(of errno: Int32) -> String {
    String(cString: strerror(errno))
  }
}
