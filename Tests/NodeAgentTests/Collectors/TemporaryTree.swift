import Glibc

/// A tree of files that stands for a machine, gone when the test is over.
final class TemporaryTree: Sendable {
  let path: String

  init() throws {
    var template = Array("/tmp/iml-tree-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw TreeError.call("mkdtemp", errno) }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Writes a file, with its directories.
  func write(_ file: String, _ text: String) throws { try write(file, Array(text.utf8)) }

  func write(_ file: String, _ bytes: [UInt8]) throws {
    try makeDirectories(file)
    guard let stream = fopen(path + file, "w") else { throw TreeError.call(file, errno) }
    defer { fclose(stream) }
    guard fwrite(bytes, 1, bytes.count, stream) == bytes.count else {
      throw TreeError.call(file, errno)
    }
  }

  func directory(_ directory: String) throws {
    try makeDirectories(directory + "/.")
  }

  func link(_ file: String, to target: String) throws {
    try makeDirectories(file)
    guard symlink(target, path + file) == 0 else { throw TreeError.call(file, errno) }
  }

  func fifo(_ file: String) throws {
    try makeDirectories(file)
    guard mkfifo(path + file, 0o600) == 0 else { throw TreeError.call(file, errno) }
  }

  func remove(_ file: String) throws {
    guard unlink(path + file) == 0 else { throw TreeError.call(file, errno) }
  }

  private func makeDirectories(_ file: String) throws {
    var current = path
    for part in file.split(separator: "/").dropLast() {
      current += "/" + part
      if mkdir(current, 0o755) != 0, errno != EEXIST { throw TreeError.call(current, errno) }
    }
  }

  deinit { TemporaryTree.removeAll(path) }

  private static func removeAll(_ path: String) {
    if let stream = opendir(path) {
      var names: [String] = []
      while let entry = readdir(stream) {
        withUnsafePointer(to: &entry.pointee.d_name) { pointer in
          pointer.withMemoryRebound(to: CChar.self, capacity: 256) {
            names.append(String(cString: $0))
          }
        }
      }
      closedir(stream)
      for name in names where name != "." && name != ".." {
        // `remove` takes links away and not what they point to.
        if Glibc.remove("\(path)/\(name)") != 0 { removeAll("\(path)/\(name)") }
      }
    }
    _ = Glibc.remove(path)
  }
}

enum TreeError: Error { case call(String, Int32) }
