import Glibc

/// Opens a path of a tree one part at a time. An absolute link means the tree's own root, as it
/// would for the machine that the tree stands for; a link that climbs above the root is refused.
struct TreeWalk {
  let root: String
  let path: String

  /// As the kernel's own limit on links in one path.
  private static let linkLimit = 40

  func open(_ parts: [String], _ flags: Int32) throws(HostError) -> OpenFile {
    var above: [OpenFile] = [
      try OpenFile(directory: AT_FDCWD, name: root, O_PATH | O_DIRECTORY, path: path)
    ]
    var rest = Array(parts.reversed())
    var links = 0
    while let part = rest.popLast() {
      guard let directory = above.last else { throw .outsideRoot(path: path) }
      if part == ".." {
        guard above.count > 1 else { throw .outsideRoot(path: path) }
        above.removeLast()
        continue
      }
      let next = try OpenFile(
        directory: directory.number, name: part, O_PATH | O_NOFOLLOW, path: path)
      let kind = try kind(next)
      switch kind {
      case S_IFLNK:
        links += 1
        guard links <= TreeWalk.linkLimit else { throw .system(path: path, number: ELOOP) }
        let target = try readLink(next)
        if target.hasPrefix("/") { above.removeLast(above.count - 1) }
        let steps = target.split(separator: "/").filter { $0 != "." }.map(String.init)
        rest.append(contentsOf: steps.reversed())
      case S_IFDIR:
        above.append(next)
      default:
        guard rest.isEmpty else { throw .system(path: path, number: ENOTDIR) }
        // Not opened when it is a FIFO or a device: even opening one can have effects.
        guard flags & O_PATH != 0 || kind == S_IFREG else {
          throw .notAFile(path: path)
        }
        return try OpenFile(
          directory: directory.number, name: part, flags | O_NOFOLLOW, path: path)
      }
    }
    guard let last = above.last else { throw .outsideRoot(path: path) }
    return try OpenFile(directory: last.number, name: ".", flags, path: path)
  }

  private func kind(_ file: OpenFile) throws(HostError) -> mode_t {
    var about = stat()
    guard fstat(file.number, &about) == 0 else { throw .system(path: path, number: errno) }
    return about.st_mode & S_IFMT
  }

  private func readLink(_ file: OpenFile) throws(HostError) -> String {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let capacity = buffer.count
    let count = buffer.withUnsafeMutableBytes { bytes in
      bytes.withMemoryRebound(to: CChar.self) { text -> Int in
        guard let start = text.baseAddress else { return -1 }
        return readlinkat(file.number, "", start, capacity)
      }
    }
    guard count >= 0, count < capacity else { throw .system(path: path, number: errno) }
    return String(decoding: buffer[..<count], as: UTF8.self)
  }
}
