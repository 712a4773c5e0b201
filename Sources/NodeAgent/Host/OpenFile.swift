import Glibc

/// Owns one descriptor and closes it.
final class OpenFile {
  private(set) var number: Int32

  init(owning number: Int32) { self.number = number }

  convenience init(path: String, _ flags: Int32) throws(HostError) {
    try self.init(directory: AT_FDCWD, name: path, flags, path: path)
  }

  /// Opens `name` below a directory; `path` is what an error calls it.
  init(directory: Int32, name: String, _ flags: Int32, path: String) throws(HostError) {
    while true {
      let number = openat(directory, name, flags | O_CLOEXEC)
      if number >= 0 {
        self.number = number
        return
      }
      if errno != EINTR { throw .system(path: path, number: errno) }
    }
  }

  /// Gives the descriptor away; the caller closes it.
  func release() -> Int32 {
    defer { number = -1 }
    return number
  }

  deinit { if number >= 0 { close(number) } }
}

/// glibc shows it only to programs that ask for GNU extensions; the value is part of the kernel's
/// interface on every architecture that Lustre runs on.
let O_PATH: Int32 = 0o10_000_000
