import Glibc

/// What a trace keeps open: its files, with what they said, one behind the other; its directories.
struct KeptAccesses: Sendable {
  private struct File: Sendable {
    /// Negative when it was let go.
    var number: Int32
    var reading: KeptReading
    var place: Int
    /// Where in `said` it lies.
    var start: Int
    var count: Int
  }

  /// A file that says something else than before.
  struct Difference {
    fileprivate var index: Int
    var place: Int
    /// Of what it says now, which lies in the buffer; 0 when it can not be read, or says nothing.
    var count: Int
  }

  private var files: [File] = []
  private var said: [UInt8] = []
  private var directories: [(place: Int, directory: KeptDirectory)] = []
  /// Of all that is kept, when it was made.
  var places: Set<Int> = []

  /// Files of clients of one target that are kept open; where there are more, none is.
  private static let clientLimit = 32

  init() {}

  init(
    _ accesses: [ReadTrace.Access], _ host: HostRoot, _ listings: Listings,
    _ buffer: UnsafeMutableRawBufferPointer
  ) {
    let ofClients = accesses.count {
      if case .contents(_, _, false) = $0 { true } else { false }
    }
    for (place, access) in accesses.enumerated() {
      switch access {
      case .contents(let path, let bytes, let isKept):
        guard isKept || ofClients <= Self.clientLimit else { continue }
        addFile(place, path, bytes, host, buffer, isMinor: !isKept)
      case .directories, .names:
        guard let kept = Self.directory(access, host, listings, buffer) else { continue }
        directories.append((place, kept))
        places.insert(place)
      case .refused, .present, .absent: continue
      }
    }
  }

  private mutating func addFile(
    _ place: Int, _ path: String, _ bytes: [UInt8], _ host: HostRoot,
    _ buffer: UnsafeMutableRawBufferPointer, isMinor: Bool
  ) {
    // What is empty tells nothing: a file that is gone may be so as well.
    guard !bytes.isEmpty, host.mayStayOpen(path) else { return }
    let kept = host.memory.files
    guard let file = kept.take(path) ?? (try? host.openFile(path)),
      let number = kept.lend(file, isMinor: isMinor)
    else { return }
    let reading = KeptReading(path)
    // Some files can not be read in this way; whatever else it says is seen when it is asked next.
    guard reading.fill(number, buffer) != nil else { return kept.takeBack([number]) }
    files.append(
      File(
        number: number, reading: reading, place: place, start: said.count, count: bytes.count))
    said += bytes
    places.insert(place)
  }

  private static func directory(
    _ access: ReadTrace.Access, _ host: HostRoot, _ listings: Listings,
    _ buffer: UnsafeMutableRawBufferPointer
  ) -> KeptDirectory? {
    let known = host.memory.directories
    switch access {
    case .names(let path, let names):
      let kept = known.directory(path, host, listings, buffer)
      return kept?.entries?.map(\.name) == names ? kept : nil
    case .directories(let path, _, let names?):
      guard let kept = known.directory(path, host, listings, buffer), let entries = kept.entries,
        // A link of sysfs is there as long as what it leads to.
        path.hasPrefix("/sys/class/") || entries.allSatisfy({ $0.isDirectory != nil }),
        host.directories(among: entries, in: path) == names
      else { return nil }
      return kept
    case .directories(let path, let parent?, nil):
      guard let kept = known.directory(parent, host, listings, buffer),
        let entries = kept.entries, !entries.contains(where: { "\(parent)/\($0.name)" == path })
      else { return nil }
      return kept
    default: return nil
    }
  }

  // MARK: asking

  /// Lets go of the directories that list something else, and tells their places.
  mutating func missingDirectories(
    _ listings: Listings, _ buffer: UnsafeMutableRawBufferPointer
  ) -> [Int] {
    var missing: [Int] = []
    for (place, directory) in directories where !directory.isUnchanged(listings, buffer) {
      missing.append(place)
    }
    if !missing.isEmpty { directories.removeAll { missing.contains($0.place) } }
    return missing
  }

  /// The next file that says something else; `nil` when none does.
  func difference(
    from next: inout Int, _ buffer: UnsafeMutableRawBufferPointer
  ) -> Difference? {
    said.withUnsafeBytes { said in
      while next < files.count {
        let index = next
        next += 1
        let file = files[index]
        guard file.number >= 0 else { continue }
        let count = file.reading.fill(file.number, buffer)
        if count == file.count, let before = said.baseAddress, let now = buffer.baseAddress,
          memcmp(before + file.start, now, file.count) == 0
        {
          continue
        }
        return Difference(index: index, place: file.place, count: count ?? 0)
      }
      return nil
    }
  }

  /// From now on the file is to say this.
  mutating func replace(_ difference: Difference, with bytes: [UInt8]) {
    let file = files[difference.index]
    said.replaceSubrange(file.start..<(file.start + file.count), with: bytes)
    files[difference.index].count = bytes.count
    let more = bytes.count - file.count
    guard more != 0 else { return }
    for index in files.indices where files[index].start > file.start {
      files[index].start += more
    }
  }

  // MARK: letting go

  /// The path decides what the file says.
  mutating func letGo(
    _ difference: Difference, _ accesses: [ReadTrace.Access], _ host: HostRoot
  ) {
    let file = files[difference.index]
    files[difference.index].number = -1
    guard difference.count == 0 else { return give(file, accesses, host) }
    // It may be of an entry that is gone, and other entries have gone with it.
    host.memory.files.takeBack([file.number])
    host.memory.lookAgain()
  }

  /// All are for whoever reads them next.
  mutating func giveAll(_ accesses: [ReadTrace.Access], _ host: HostRoot) {
    for file in files where file.number >= 0 { give(file, accesses, host) }
    self = KeptAccesses()
  }

  private func give(_ file: File, _ accesses: [ReadTrace.Access], _ host: HostRoot) {
    if case .contents(let path, _, true) = accesses[file.place] {
      host.memory.files.takeBack(file.number, at: path)
    } else {
      host.memory.files.takeBack([file.number])
    }
  }

  mutating func close(_ kept: KeptFiles) {
    kept.takeBack(files.map(\.number).filter { $0 >= 0 })
    files = []
  }
}
