import Glibc
import Protocol

/// The manager's state directory: its own, mode 0700, and held by one process at a time.
///
/// The lock is a `flock` on `lock` inside it; the kernel drops it with the process, so a manager
/// that was killed leaves nothing to clean up.
package final class StateDirectory: Sendable {
  package let path: String
  private let lock: CInt

  /// Makes the directory when it is missing, closes it to others, and takes the lock.
  package init(path: String) throws(DiagnosticError) {
    var path = path
    while path.count > 1 && path.hasSuffix("/") { path.removeLast() }
    if mkdir(path, 0o700) != 0 && errno != EEXIST {
      throw Self.unusable(path, "it can not be created", errno)
    }
    guard chmod(path, 0o700) == 0 else {
      throw Self.unusable(path, "its permissions can not be set to 0700", errno)
    }
    let descriptor = open(path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else {
      throw Self.unusable(path, "its lock file can not be opened", errno)
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let code = errno
      let holder = Self.holder(descriptor)
      close(descriptor)
      guard code == EWOULDBLOCK else {
        throw Self.unusable(path, "its lock file can not be locked", code)
      }
      throw DiagnosticError(
        .databaseLocked, subject: path,
        reason: "another manager (pid \(holder)) uses this state directory",
        remedy: "Stop that manager, or choose another state directory.")
    }
    self.path = path
    lock = descriptor
    let line = Array("\(getpid())\n".utf8)
    _ = ftruncate(descriptor, 0)
    // The number is for the message above only; a failed write costs no safety.
    _ = pwrite(descriptor, line, line.count, 0)
  }

  deinit {
    // Not left to the close: a child that is between fork and exec has the descriptor too.
    _ = flock(lock, LOCK_UN)
    close(lock)
  }

  private static func holder(_ descriptor: CInt) -> String {
    // A pid has at most seven digits.
    var bytes = [UInt8](repeating: 0, count: 16)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    let digits = bytes.prefix(max(0, count)).prefix { $0 >= 0x30 && $0 <= 0x39 }
    return digits.isEmpty ? "unknown" : String(decoding: digits, as: UTF8.self)
  }

  private static func unusable(_ path: String, _ what: String, _ code: CInt) -> DiagnosticError {
    DiagnosticError(
      .stateDirectoryUnusable, subject: path, reason: "\(what): \(String(cString: strerror(code)))",
      remedy: "Give the manager a directory that its user owns and may write.")
  }
}
