import Glibc

/// Files that measurements need; nothing that must survive a crash.
enum FileText {
  static func write(_ bytes: [UInt8], to path: String) throws {
    let number = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    guard number >= 0 else { throw BenchFailure("\(path): error \(errno)") }
    defer { close(number) }
    try append(bytes, to: number, path)
  }

  static func append(_ bytes: [UInt8], to number: Int32, _ path: String) throws {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        Glibc.write(number, buffer.baseAddress.map { $0 + done }, buffer.count - done)
      }
      guard count > 0 else { throw BenchFailure("\(path): error \(errno)") }
      done += count
    }
  }

  /// A directory with all above it.
  static func makeFolder(_ path: String) throws {
    var made = ""
    for part in path.split(separator: "/") {
      made += "/\(part)"
      guard mkdir(made, 0o755) == 0 || errno == EEXIST else {
        throw BenchFailure("\(made): error \(errno)")
      }
    }
  }
}
