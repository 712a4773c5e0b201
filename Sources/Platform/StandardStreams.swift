import Glibc

/// The three descriptors that every process begins with.
package enum StandardStreams {
  /// To be called before any file or connection is opened: a descriptor that was closed when the process
  /// began would be given to it, and what is meant for a reader be written into that. What can not be
  /// written stays so. What the language's runtime opened before is known by its kind (`write`).
  package static func occupy() {
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
      // The lowest that is free, so this one.
      _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
    }
  }

  /// Writes all of it, also to what somebody made non-blocking.
  ///
  /// - Returns: the `errno` by which it can not be written.
  package static func write(_ text: String, to descriptor: Int32) -> Int32? {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return errno }
    // What makes threads wait (eventfd(2), epoll(7)) has no type of file: there was nothing else here.
    guard status.st_mode & S_IFMT != 0 else { return EBADF }
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if written > 0 {
        rest = rest.dropFirst(written)
        continue
      }
      switch written < 0 ? errno : EIO {
      case EINTR: continue
      case EAGAIN:
        var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&ready, 1, -1)
      case let number: return number
      }
    }
    return nil
  }

  /// In words.
  package static func reason(_ number: Int32) -> String {
    "it can not be written: \(String(cString: strerror(number)))"
  }
}
