import Glibc

/// A small file that the operator named, read whole.
struct BoundedFile {
  let path: String
  /// A file beyond this is not what it is taken for.
  var bytesMax = 1 << 20
  /// A shell hands a secret over a pipe, whose writer may be slow; what is read again and again is a file.
  var mayBePipe = true

  struct Content {
    var text: String
    var mode: mode_t
  }

  /// The reason is a clause for a complaint.
  struct Unreadable: Error {
    var reason: String
    var isMissing: Bool
  }

  func read() throws(Unreadable) -> Content {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (mayBePipe ? 0 : O_NONBLOCK))
    guard descriptor >= 0 else { throw unreadable(errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw unreadable(errno) }
    guard mayBePipe || status.st_mode & S_IFMT != S_IFIFO else {
      throw Unreadable(reason: "it is a pipe", isMissing: false)
    }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16_384)
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw unreadable(errno) }
      if count == 0 { break }
      bytes += chunk.prefix(count)
      guard bytes.count <= bytesMax else {
        throw Unreadable(reason: "it is larger than \(bytesMax >> 10) KiB", isMissing: false)
      }
    }
    return Content(text: String(decoding: bytes, as: UTF8.self), mode: status.st_mode)
  }

  private func unreadable(_ code: CInt) -> Unreadable {
    Unreadable(reason: String(cString: strerror(code)), isMissing: code == ENOENT)
  }
}
