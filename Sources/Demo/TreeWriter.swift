import Glibc

/// A file that could not be written or removed.
package struct TreeWriteError: Error, Hashable, CustomStringConvertible {
  package var path: String
  package var reason: String
  /// There was no room: it may work later.
  package private(set) var isFull = false
  package var description: String { "\(path): \(reason)" }

  init(_ path: String, _ code: Int32) {
    self.path = path
    reason = String(cString: strerror(code))
    isFull = code == ENOSPC || code == EDQUOT
  }

  init(_ path: String, _ reason: String) {
    self.path = path
    self.reason = reason
  }
}

/// Keeps one directory equal to a simulated server's tree. Readers see each file whole, old or new;
/// files that did not change are left alone, files that vanished are removed with the directories
/// that they leave empty.
package struct TreeWriter: Sendable {
  private let directory: String
  /// What is on the disk, by path below `directory`; `nil` for a file found there at the start.
  private var digests: [String: Int?] = [:]
  private var knownDirectories: Set<String> = []

  /// Takes over `directory`, made if absent. **Every file in it that the first tree does not have is
  /// removed**, so the caller makes sure that it is a simulated one.
  package init(directory: String) throws(TreeWriteError) {
    self.directory = directory
    try makeDirectory(directory)
    var found: [String] = []
    try Self.list(directory, below: "", depth: 0, into: &found)
    for path in found { digests[path] = .some(nil) }
  }

  /// Makes the directory hold `tree`, whose keys are paths below it.
  package mutating func write(_ tree: [String: [UInt8]]) throws(TreeWriteError) {
    for (path, bytes) in tree {
      let digest = Self.digest(bytes)
      if let known = digests[path], known == digest { continue }
      try replace(path, bytes)
      digests[path] = .some(digest)
    }
    for path in digests.keys where tree[path] == nil { try remove(path) }
  }

  private static func digest(_ bytes: [UInt8]) -> Int {
    var hasher = Hasher()
    bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    return hasher.finalize()
  }

  private mutating func replace(_ path: String, _ bytes: [UInt8]) throws(TreeWriteError) {
    let whole = directory + "/" + path
    if let slash = whole.lastIndex(of: "/") { try makeDirectory(String(whole[..<slash])) }
    // The half-written file lies at the top, where no agent lists names: a temporary file beside
    // `live/scratch` would be taken for a file system.
    try Self.writeWhole(whole, through: directory + "/.writing", bytes)
  }

  /// Writes a file so that its readers see the old or the new content, never a part.
  static func writeWhole(
    _ path: String, through temporary: String, _ bytes: [UInt8]
  ) throws(TreeWriteError) {
    let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw TreeWriteError(temporary, errno) }
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        Glibc.write(file, buffer.baseAddress?.advanced(by: done), buffer.count - done)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        let code = errno
        close(file)
        throw TreeWriteError(temporary, code)
      }
      done += count
    }
    close(file)
    guard rename(temporary, path) == 0 else { throw TreeWriteError(path, errno) }
  }

  private mutating func makeDirectory(_ path: String) throws(TreeWriteError) {
    guard knownDirectories.insert(path).inserted else { return }
    try Self.makeDirectory(path)
  }

  /// Makes a directory and those above it; one that is there already is fine.
  static func makeDirectory(_ path: String) throws(TreeWriteError) {
    if path.isEmpty || mkdir(path, 0o755) == 0 || errno == EEXIST { return }
    guard errno == ENOENT, let slash = path.lastIndex(of: "/") else {
      throw TreeWriteError(path, errno)
    }
    try makeDirectory(String(path[..<slash]))
    guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw TreeWriteError(path, errno) }
  }

  private mutating func remove(_ path: String) throws(TreeWriteError) {
    guard unlink(directory + "/" + path) == 0 || errno == ENOENT else {
      throw TreeWriteError(directory + "/" + path, errno)
    }
    digests[path] = nil
    var parent = path[...]
    while let slash = parent.lastIndex(of: "/") {
      parent = parent[..<slash]
      let folder = directory + "/" + parent
      // A directory that still holds something ends the climb.
      guard rmdir(folder) == 0 else { return }
      knownDirectories.remove(folder)
    }
  }

  /// A tree of ours is ten directories deep; more is not ours, or a loop.
  private static let greatestDepth = 16

  private static func list(
    _ directory: String, below prefix: String, depth: Int, into found: inout [String]
  ) throws(TreeWriteError) {
    guard depth < greatestDepth else { throw TreeWriteError(directory, "nested too deep") }
    for name in try entries(of: directory) {
      let path = directory + "/" + name
      var status = stat()
      guard lstat(path, &status) == 0 else { continue }
      if status.st_mode & S_IFMT == S_IFDIR {
        try list(path, below: prefix + name + "/", depth: depth + 1, into: &found)
      } else {
        found.append(prefix + name)
      }
    }
  }

  /// Whether a link is there, wherever it leads.
  static func isLink(_ path: String) throws(TreeWriteError) -> Bool {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      if errno == ENOENT { return false }
      throw TreeWriteError(path, errno)
    }
    return status.st_mode & S_IFMT == S_IFLNK
  }

  /// The names in a directory but `.` and `..`; none when there is no such directory.
  static func entries(of directory: String) throws(TreeWriteError) -> [String] {
    guard let handle = opendir(directory) else {
      if errno == ENOENT { return [] }
      throw TreeWriteError(directory, errno)
    }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }
}
