import Glibc

/// The door to the machine's files: every path lies below one root. With a root other than `/` a
/// tree of files stands for a machine; nothing outside of it can be reached.
package struct HostRoot: Sendable {
  /// Absolute or as given; without a slash at its end.
  package let root: String
  /// Shared by the copies of this value.
  let memory = HostMemory()

  /// True when this is the machine itself.
  package var isLive: Bool { root == "/" }

  package init(_ root: String) {
    var text = root
    while text.utf8.count > 1 && text.hasSuffix("/") { text.removeLast() }
    self.root = text.isEmpty ? "/" : text
  }

  /// A parameter is far smaller; `job_stats` of a busy target reaches tens of MiB and has its own
  /// reader.
  package static let readLimit = 8 << 20
  /// An MDT's `exports` has a directory for each client.
  package static let listLimit = 200_000

  /// The whole file. Files of the kernel say their size is 0, so this reads until nothing comes.
  package func read(_ path: String, limit: Int = HostRoot.readLimit) throws(HostError) -> [UInt8] {
    let file = try openFile(path)
    // One page holds nearly every parameter.
    var bytes = [UInt8](repeating: 0, count: 4_096)
    var length = 0
    while true {
      if length == bytes.count {
        // One copy and one fill of whole blocks, also where nothing is optimised.
        bytes = [UInt8](unsafeUninitializedCapacity: length * 2) { larger, count in
          guard let start = larger.baseAddress else { return }
          bytes.withUnsafeBytes { old in
            if let from = old.baseAddress { memcpy(start, from, length) }
          }
          memset(start + length, 0, length)
          count = length * 2
        }
      }
      let count = bytes.withUnsafeMutableBytes { buffer in
        Glibc.read(
          file.number, buffer.baseAddress.map { $0 + length }, buffer.count - length)
      }
      if count < 0 {
        if errno == EINTR { continue }
        throw .system(path: path, number: errno)
      }
      if count == 0 { break }
      length += count
      if length > limit { throw .tooLarge(path: path, limit: limit) }
    }
    bytes.removeLast(bytes.count - length)
    return bytes
  }

  /// Names in a directory, sorted.
  package func list(_ directory: String) throws(HostError) -> [String] {
    try entries(directory).map { $0.name }
  }

  /// Names of the directories in a directory (links to directories included), sorted.
  package func directories(_ directory: String) throws(HostError) -> [String] {
    var names: [String] = []
    for entry in try entries(directory) {
      switch entry.isDirectory {
      case true?: names.append(entry.name)
      case false?: break
      case nil: if isDirectory("\(directory)/\(entry.name)") { names.append(entry.name) }
      }
    }
    return names
  }

  /// True when something is at the path. Only evidence of presence: an error says false.
  package func exists(_ path: String) -> Bool {
    (try? open(path, O_PATH)) != nil
  }

  /// Whether something is at the path, where that can be told.
  package func isPresent(_ path: String) throws(HostError) -> Bool {
    do {
      _ = try open(path, O_PATH)
      return true
    } catch {
      if error.isAbsence { return false }
      throw error
    }
  }

  package func isDirectory(_ path: String) -> Bool {
    (try? open(path, O_PATH | O_DIRECTORY)) != nil
  }

  private struct Entry {
    var name: String
    /// `nil` when the directory does not say, or for a symbolic link.
    var isDirectory: Bool?
  }

  private func entries(_ directory: String) throws(HostError) -> [Entry] {
    let file = try open(directory, O_RDONLY | O_DIRECTORY)
    guard let stream = fdopendir(file.release()) else {
      throw .system(path: directory, number: errno)
    }
    defer { closedir(stream) }
    var entries: [Entry] = []
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        if errno != 0 { throw .system(path: directory, number: errno) }
        break
      }
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name == "." || name == ".." { continue }
      guard entries.count < HostRoot.listLimit else {
        throw .tooLarge(path: directory, limit: HostRoot.listLimit)
      }
      let type = Int(entry.pointee.d_type)
      let isUnsaid = type == Int(DT_UNKNOWN) || type == Int(DT_LNK)
      entries.append(Entry(name: name, isDirectory: isUnsaid ? nil : type == Int(DT_DIR)))
    }
    return entries.sorted { $0.name < $1.name }
  }

  /// The kernel's own mounts are trusted as they are; a tree is walked part by part, because a
  /// link in it may point anywhere.
  func open(_ path: String, _ flags: Int32) throws(HostError) -> OpenFile {
    if isLive {
      guard !HostRoot.climbs(path) else { throw .outsideRoot(path: path) }
      return try OpenFile(path: path, flags)
    }
    let parts = path.split(separator: "/").filter { $0 != "." }.map(String.init)
    guard !parts.contains("..") else { throw .outsideRoot(path: path) }
    return try TreeWalk(root: root, path: path).open(parts, flags)
  }

  /// Whether one of the path's parts is `..`.
  private static func climbs(_ path: String) -> Bool {
    // Of the part so far: how many dots it is, or that it is something else.
    var dots = 0
    for byte in path.utf8 {
      if byte == UInt8(ascii: "/") {
        if dots == 2 { return true }
        dots = 0
      } else {
        dots = byte == UInt8(ascii: ".") && dots >= 0 ? dots + 1 : -1
      }
    }
    return dots == 2
  }
}
