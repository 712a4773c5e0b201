import Glibc

/// The door to the machine's files: every path lies below one root. With a root other than `/` a
/// tree of files stands for a machine; nothing outside of it can be reached.
package struct HostRoot: Sendable {
  /// Absolute or as given; without a slash at its end.
  package let root: String
  /// Shared by the copies of this value.
  let memory: HostMemory

  /// A tree may be changed by hand at any time, and each look counts there. A machine changes as Lustre
  /// changes it, so that what an earlier cycle found out need not be found out again.
  let remembers: Bool

  /// True when this is the machine itself.
  package var isLive: Bool { root == "/" }

  private let keepsTree: Bool

  package init(_ root: String) { self.init(root, KeptFiles()) }

  /// A root that is read as a machine is: what was there is looked for where it was, what was not is
  /// not looked for each time, and descriptors stay open as those of the kernel's own files do.
  package static func asMachine(_ root: String) -> HostRoot {
    HostRoot(root, KeptFiles(.any), remembers: true)
  }

  /// The same, with descriptors that stay open although the tree does not lie at `/`: its files may be
  /// written, but none may be put in another's place.
  static func asMachine(_ root: String, keepingIn files: KeptFiles) -> HostRoot {
    HostRoot(root, files, remembers: true, keepsTree: true)
  }

  private init(
    _ root: String, _ files: KeptFiles, remembers: Bool? = nil, keepsTree: Bool = false
  ) {
    memory = HostMemory(files)
    self.keepsTree = keepsTree
    var text = root
    while text.utf8.count > 1 && text.hasSuffix("/") { text.removeLast() }
    self.root = text.isEmpty ? "/" : text
    self.remembers = remembers ?? (self.root == "/")
  }

  /// A parameter is far smaller; `job_stats` of a busy target reaches tens of MiB and has its own
  /// reader.
  package static let readLimit = 8 << 20
  /// An MDT's `exports` has a directory for each client.
  package static let listLimit = 200_000

  /// The whole file. Files of the kernel say their size is 0, so this reads until nothing comes.
  package func read(_ path: String, limit: Int = HostRoot.readLimit) throws(HostError) -> [UInt8] {
    try HostRoot.contents(of: try openFile(path), path, limit)
  }

  /// The same for a file that is read in every cycle: it stays open where it may.
  func readAgain(_ path: String, limit: Int = HostRoot.readLimit) throws(HostError) -> [UInt8] {
    guard mayStayOpen(path) else { return try read(path, limit: limit) }
    let kept = memory.files.take(path)
    // What is empty may be of an entry that is gone as well, and is never kept.
    if let kept, let bytes = try? HostRoot.contents(of: kept, path, limit), !bytes.isEmpty {
      memory.files.give(path, kept, isKnown: true)
      return bytes
    }
    // What was open may be of an entry that is gone, and other entries have gone with it.
    if kept != nil { memory.lookAgain() }
    let file = try openFile(path)
    let bytes = try HostRoot.contents(of: file, path, limit)
    if !bytes.isEmpty { memory.files.give(path, file, isKnown: false) }
    return bytes
  }

  /// Whether files and directories of this path are of the kernel, and no open one pins a module.
  func mayStayOpen(_ path: String) -> Bool {
    guard isLive || keepsTree else { return false }
    return path.hasPrefix("/proc/")
      || path.hasPrefix("/sys/") && !path.hasPrefix("/sys/kernel/debug")
        // Interfaces are renamed, and an open file goes with its device.
        && !path.hasPrefix("/sys/class/net")
  }

  private enum Filling { case end, full, failed(Int32) }

  static func contents(
    of file: OpenFile, _ path: String, _ limit: Int
  ) throws(HostError) -> [UInt8] {
    var bytes: [UInt8] = []
    // One byte more than the limit tells that there is more; nothing beyond it is read.
    let most = limit + 1
    // One page holds nearly every parameter.
    var room = min(4_096, most)
    while true {
      var filling = Filling.full
      bytes = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
        bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(buffer).copyMemory(from: $0) }
        count = bytes.count
        filling = fill(buffer, &count, from: file.number)
      }
      if case .failed(let number) = filling { throw .system(path: path, number: number) }
      if bytes.count > limit { throw .tooLarge(path: path, limit: limit) }
      if case .end = filling { return bytes }
      if room >= largeBytes { return try largeContents(bytes, of: file, path, limit) }
      room = min(room * 2, most)
    }
  }

  /// Above this, the kernel's memory is asked for by itself.
  private static let largeBytes = 256 << 10

  /// All of a file of which `begun` is the beginning. Its memory goes back as soon as it is refused: freed in
  /// the usual way it would stay with each thread that ever had so much.
  private static func largeContents(
    _ begun: [UInt8], of file: OpenFile, _ path: String, _ limit: Int
  ) throws(HostError) -> [UInt8] {
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    guard let start = mmap(nil, limit + 1, PROT_READ | PROT_WRITE, flags, -1, 0),
      start != MAP_FAILED
    else { throw .system(path: path, number: errno) }
    defer { munmap(start, limit + 1) }
    let bytes = UnsafeMutableRawBufferPointer(start: start, count: limit + 1)
    begun.withUnsafeBytes { bytes.copyMemory(from: $0) }
    var held = begun.count
    switch fill(bytes.bindMemory(to: UInt8.self), &held, from: file.number) {
    case .failed(let number): throw .system(path: path, number: number)
    case .full: throw .tooLarge(path: path, limit: limit)
    case .end: return [UInt8](bytes[..<held])
    }
  }

  private static func fill(
    _ buffer: UnsafeMutableBufferPointer<UInt8>, _ held: inout Int, from number: Int32
  ) -> Filling {
    guard let start = buffer.baseAddress else { return .full }
    while held < buffer.count {
      // Not pread: the position of some files of LNet counts entries and not bytes.
      let count = Glibc.read(number, start + held, buffer.count - held)
      if count < 0 {
        if errno == EINTR { continue }
        return .failed(errno)
      }
      if count == 0 { return .end }
      held += count
    }
    return .full
  }

  /// Names in a directory, sorted.
  package func list(_ directory: String) throws(HostError) -> [String] {
    try entries(directory).map { $0.name }
  }

  /// Names of the directories in a directory (links to directories included), sorted.
  package func directories(_ directory: String) throws(HostError) -> [String] {
    directories(among: try entries(directory), in: directory)
  }

  func directories(among entries: [Entry], in directory: String) -> [String] {
    entries.filter { $0.isDirectory ?? isDirectory("\(directory)/\($0.name)") }.map(\.name)
  }

  /// True when something is at the path. Only evidence of presence: an error says false.
  package func exists(_ path: String) -> Bool {
    (try? open(path, O_PATH)) != nil
  }

  /// Whether something is at the path, where that can be told.
  package func isPresent(_ path: String) throws(HostError) -> Bool {
    if isLive, !HostRoot.climbs(path) {
      if access(path, F_OK) == 0 { return true }
      let error = HostError.system(path: path, number: errno)
      if error.isAbsence { return false }
      throw error
    }
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

  struct Entry: Sendable {
    var name: String
    /// `nil` when the directory does not say, or for a symbolic link.
    var isDirectory: Bool?
  }

  func entries(_ directory: String) throws(HostError) -> [Entry] {
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
      entries.append(Entry(name: name, type: Int(entry.pointee.d_type)))
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
