import AgentCore
import Glibc
import Platform
import Synchronization

/// A trace that is asked cycle after cycle. Once it has stood for some, it keeps for itself what it
/// reads, open, and compares in one buffer: no path is walked, and nothing is made.
///
/// Only one thread asks at a time: a second one, while a read of the first hangs, is told to do the
/// work anew.
final class AskedTrace: Sendable {
  enum Change {
    case none
    /// Only these numbers are others, by sample.
    case numbers([(sample: Int, bits: UInt64)])
    /// What is known by then, up to the first contents that differ.
    case other([ReadTrace.Access])
  }

  private struct State {
    var accesses: [ReadTrace.Access]
    var counted: [Int: CountedText]
    /// Places of what was not there.
    var absences: [Int]
    var turn: Int
    let first: Int
    /// Of the host's memory, when all that was not there was last looked for.
    var epoch: Int
    /// By place; empty until it has stood for long enough.
    var kept: [Kept] = []
    /// Something of it was let go in this turn, and is to be kept again after some more.
    var lost: Int?
  }

  private enum Kept {
    case nothing
    case file(Int32, KeptReading)
    /// Of a directory's names, or of those among which its name is not.
    case directory(KeptDirectory)
  }

  /// So many turns without a change are the sign of more.
  static let patience = 3
  /// Files of clients of one target that are kept open; where there are more, none is.
  private static let clientLimit = 32

  private let state: Mutex<State>
  private let files: KeptFiles

  /// - Parameter turn: grows by one each time; traces that begin with different ones look for what was
  ///   not there in different cycles.
  init(_ trace: ReadTrace, _ host: HostRoot, turn: Int, epoch: Int) {
    files = host.memory.files
    state = Mutex(
      State(
        accesses: trace.accesses, counted: trace.counted,
        absences: trace.accesses.indices.filter {
          if case .absent = trace.accesses[$0] { true } else { false }
        }, turn: turn, first: turn, epoch: epoch))
  }

  deinit {
    state.withLock { state in
      files.takeBack(
        state.kept.compactMap { if case .file(let number, _) = $0 { number } else { nil } })
    }
  }

  /// Where a trace that follows this one begins to count.
  var turn: Int { state.withLockIfAvailable { $0.turn } ?? 0 }

  /// Asks everything again.
  func ask(_ host: HostRoot, _ listings: Listings) -> Change {
    var buffer = host.memory.takeBuffer()
    defer { host.memory.giveBuffer(buffer) }
    return buffer.withUnsafeMutableBytes { buffer in
      state.withLockIfAvailable { state in
        state.turn &+= 1
        let change = Self.ask(&state, host, listings, buffer)
        switch change {
        case .none, .numbers:
          if state.turn &- (state.lost ?? state.first) >= Self.patience,
            state.kept.isEmpty || state.lost != nil
          {
            Self.keep(&state, host, listings, buffer)
          }
        case .other: giveAll(&state)
        }
        return change
      }
    } ?? .other([])
  }

  private static func ask(
    _ state: inout State, _ host: HostRoot, _ listings: Listings,
    _ buffer: UnsafeMutableRawBufferPointer
  ) -> Change {
    // First, so that no other change hides that something has come.
    if hasCome(&state, host, listings) {
      // Whoever left out looking for it looks now.
      host.memory.lookAgain()
      return .other([])
    }
    let isKept = !state.kept.isEmpty
    var numbers: [(sample: Int, bits: UInt64)] = []
    for place in state.accesses.indices {
      if isKept, isSame(&state, place, &numbers, host, listings, buffer) { continue }
      switch state.accesses[place].again(host, listings) {
      case .same: continue
      case .other: return .other(Array(state.accesses[..<place]))
      case .says(let bytes):
        guard case .contents(let path, let before, let isKept) = state.accesses[place]
        else { continue }
        if let changed = state.counted[place]?.follow(from: before.span, to: bytes.span) {
          numbers += changed
          state.accesses[place] = .contents(path: path, bytes: bytes, isKept: isKept)
          continue
        }
        return .other(
          state.accesses[..<place] + [.contents(path: path, bytes: bytes, isKept: isKept)])
      }
    }
    return numbers.isEmpty ? .none : .numbers(numbers)
  }

  private static func hasCome(
    _ state: inout State, _ host: HostRoot, _ listings: Listings
  ) -> Bool {
    let now = host.memory.epoch
    let age = state.turn &- state.first
    for place in state.absences {
      guard case .absent(let paths, let looks) = state.accesses[place],
        state.epoch != now || looks + age < ReadTrace.absenceTurns
          || (state.turn &+ place) % ReadTrace.absenceTurns == 0,
        !paths.allSatisfy({ listings.isAbsent($0, host) })
      else { continue }
      return true
    }
    state.epoch = now
    return false
  }

  /// Asks what is kept. When it says something else than before it is let go, and the path decides.
  private static func isSame(
    _ state: inout State, _ place: Int, _ numbers: inout [(sample: Int, bits: UInt64)],
    _ host: HostRoot, _ listings: Listings, _ buffer: UnsafeMutableRawBufferPointer
  ) -> Bool {
    switch state.kept[place] {
    case .nothing: return false
    case .directory(let directory):
      if directory.isUnchanged(listings, buffer) { return true }
      state.kept[place] = .nothing
      state.lost = state.turn
      return false
    case .file(let number, let reading):
      guard case .contents(let path, let before, let isKept) = state.accesses[place]
      else { return false }
      let count = reading.fill(number, buffer)
      if count == before.count, KeptReading.isEqual(before, buffer) { return true }
      if let count, count > 0, state.counted[place] != nil {
        let bytes = [UInt8](UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        if let changed = state.counted[place]?.follow(from: before.span, to: bytes.span) {
          numbers += changed
          state.accesses[place] = .contents(path: path, bytes: bytes, isKept: isKept)
          return true
        }
      }
      state.kept[place] = .nothing
      state.lost = state.turn
      if let count, count > 0, isKept {
        host.memory.files.takeBack(number, at: path)
      } else if let count, count > 0 {
        host.memory.files.takeBack([number])
      } else {
        // It may be of an entry that is gone, and other entries have gone with it.
        host.memory.files.takeBack([number])
        host.memory.lookAgain()
      }
      return false
    }
  }

  // MARK: keeping

  private static func keep(
    _ state: inout State, _ host: HostRoot, _ listings: Listings,
    _ buffer: UnsafeMutableRawBufferPointer
  ) {
    let ofClients = state.accesses.count {
      if case .contents(_, _, false) = $0 { true } else { false }
    }
    let hasFewClients = ofClients <= clientLimit
    let before = state.kept
    state.lost = nil
    state.kept = state.accesses.enumerated().map { place, access in
      if place < before.count {
        if case .nothing = before[place] {} else { return before[place] }
      }
      return switch access {
      case .contents(let path, let bytes, let isKept):
        isKept || hasFewClients ? file(path, bytes, host, buffer, isMinor: !isKept) : .nothing
      case .directories(let path, let parent, let names):
        directory(path, parent, names, host, listings, buffer)
      case .names(let path, let names):
        if let kept = host.memory.directories.directory(path, host, listings, buffer),
          kept.entries?.map(\.name) == names
        {
          .directory(kept)
        } else {
          .nothing
        }
      case .refused, .present, .absent: .nothing
      }
    }
  }

  private static func file(
    _ path: String, _ bytes: [UInt8], _ host: HostRoot,
    _ buffer: UnsafeMutableRawBufferPointer, isMinor: Bool
  ) -> Kept {
    // What is empty tells nothing: a file that is gone may be so as well.
    guard !bytes.isEmpty, host.mayStayOpen(path) else { return .nothing }
    let files = host.memory.files
    guard let file = files.take(path) ?? (try? host.openFile(path)),
      let number = files.lend(file, isMinor: isMinor)
    else { return .nothing }
    let reading = KeptReading(path)
    // Some files can not be read in this way; whatever else it says is seen when it is asked next.
    if reading.fill(number, buffer) != nil { return .file(number, reading) }
    files.takeBack([number])
    return .nothing
  }

  private static func directory(
    _ path: String, _ parent: String?, _ names: [String]?, _ host: HostRoot,
    _ listings: Listings, _ buffer: UnsafeMutableRawBufferPointer
  ) -> Kept {
    let directories = host.memory.directories
    guard let names else {
      guard let parent, let kept = directories.directory(parent, host, listings, buffer),
        let entries = kept.entries, !entries.contains(where: { "\(parent)/\($0.name)" == path })
      else { return .nothing }
      return .directory(kept)
    }
    guard let kept = directories.directory(path, host, listings, buffer),
      let entries = kept.entries,
      // A link of sysfs is there as long as what it leads to.
      path.hasPrefix("/sys/class/") || entries.allSatisfy({ $0.isDirectory != nil }),
      host.directories(among: entries, in: path) == names
    else { return .nothing }
    return .directory(kept)
  }

  /// The work is done anew: what is open is for whoever does it.
  private func giveAll(_ state: inout State) {
    for (place, kept) in state.kept.enumerated() {
      guard case .file(let number, _) = kept else { continue }
      if case .contents(let path, _, true) = state.accesses[place] {
        files.takeBack(number, at: path)
      } else {
        files.takeBack([number])
      }
    }
    state.kept = []
  }
}
