import Glibc

/// A piece of a file that is read in pieces.
package enum StreamPiece {
  /// More follows.
  case some
  /// The buffer is full; what is not taken now can not be kept.
  case full
  /// The end of the file; perhaps empty.
  case last
}

extension HostRoot {
  /// 128 KiB: many entries a system call, and little of the agent's memory.
  package static let streamBytes = 128 << 10
  /// Half a million jobs of 2 KiB each. What goes on for longer does not end.
  package static let streamLimit = 1 << 30

  /// Reads a file in pieces, however large it is. `take` answers how many bytes of a piece it has
  /// taken; the others come again in front of what follows them. With `.full`, and nothing taken, the
  /// piece is dropped.
  package func stream(
    _ path: String, buffer: inout [UInt8], limit: Int = HostRoot.streamLimit,
    _ take: (Span<UInt8>, StreamPiece) -> Int
  ) throws(HostError) {
    let file = try openFile(path)
    if buffer.isEmpty { buffer = [UInt8](repeating: 0, count: HostRoot.streamBytes) }
    var held = 0
    var total = 0
    while true {
      let count = buffer.withUnsafeMutableBytes { bytes in
        Glibc.read(file.number, bytes.baseAddress.map { $0 + held }, bytes.count - held)
      }
      if count < 0 {
        if errno == EINTR { continue }
        throw .system(path: path, number: errno)
      }
      if count == 0 {
        _ = take(buffer.span.extracting(0..<held), .last)
        return
      }
      total += count
      guard total <= limit else { throw .tooLarge(path: path, limit: limit) }
      held += count
      let taken = min(held, max(0, take(buffer.span.extracting(0..<held), .some)))
      if taken == 0, held == buffer.count {
        _ = take(buffer.span.extracting(0..<held), .full)
        held = 0
      } else if taken > 0 {
        buffer.withUnsafeMutableBytes { bytes in
          if let start = bytes.baseAddress { memmove(start, start + taken, held - taken) }
        }
        held -= taken
      }
    }
  }

  /// A regular file, open for reading.
  func openFile(_ path: String) throws(HostError) -> OpenFile {
    let file = try open(path, O_RDONLY | O_NONBLOCK)
    var about = stat()
    guard fstat(file.number, &about) == 0 else { throw .system(path: path, number: errno) }
    guard about.st_mode & S_IFMT == S_IFREG else {
      if about.st_mode & S_IFMT == S_IFDIR { throw .system(path: path, number: EISDIR) }
      throw .notAFile(path: path)
    }
    return file
  }
}
