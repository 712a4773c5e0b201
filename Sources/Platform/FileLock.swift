import Glibc

/// A lock on a file (flock(2)), held until this is gone or the process has ended, however it ends.
package final class FileLock: Sendable {
  package enum Access: Sendable {
    /// Made where it is missing; the holder's process is written into it, for the words to the next one.
    case naming
    /// Opened for reading, which is enough to lock and works where nothing can be written; made only where
    /// it is missing.
    case silent
  }

  package enum Refusal: Error {
    /// Another process has it; its number, where it wrote one.
    case held(by: pid_t?)
    case unusable(FileError)
  }

  private let descriptor: Int32

  /// - Parameter flags: more for open(2), such as `O_NOFOLLOW`.
  package init(_ path: String, _ access: Access, flags: Int32 = 0) throws(Refusal) {
    let descriptor = Self.open(path, access, flags | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw .unusable(FileError(path: path, operation: "open", errorNumber: errno))
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let number = errno
      let holder = Self.holder(descriptor)
      close(descriptor)
      if number == EWOULDBLOCK { throw .held(by: holder) }
      throw .unusable(FileError(path: path, operation: "lock", errorNumber: number))
    }
    self.descriptor = descriptor
    if case .naming = access {
      let line = Array("\(getpid())\n".utf8)
      _ = ftruncate(descriptor, 0)
      // Of use to people only; a failed write costs no safety.
      _ = pwrite(descriptor, line, line.count, 0)
    }
  }

  /// Before this is gone: nothing that it protects is touched any more.
  package func release() { _ = flock(descriptor, LOCK_UN) }

  deinit {
    // Not left to the close: a child that is between fork and exec has the descriptor too, and would hold
    // the lock until then.
    _ = flock(descriptor, LOCK_UN)
    close(descriptor)
  }

  private static func open(_ path: String, _ access: Access, _ flags: Int32) -> Int32 {
    switch access {
    case .naming: return Glibc.open(path, O_RDWR | O_CREAT | flags, 0o600)
    case .silent:
      let descriptor = Glibc.open(path, O_RDONLY | flags)
      guard descriptor < 0, errno == ENOENT else { return descriptor }
      return Glibc.open(path, O_RDONLY | O_CREAT | flags, 0o600)
    }
  }

  private static func holder(_ descriptor: Int32) -> pid_t? {
    // A process's number has at most seven digits.
    var bytes = [UInt8](repeating: 0, count: 16)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    let digits = bytes.prefix(max(0, count)).prefix { $0 >= 0x30 && $0 <= 0x39 }
    return pid_t(String(decoding: digits, as: UTF8.self))
  }
}
