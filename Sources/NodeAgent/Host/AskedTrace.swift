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
    let looksAlways: Bool
    /// Of the host's memory, when all that was not there was last looked for.
    var epoch: Int
    /// Places of what is asked by its path; all, until the trace has stood for long enough.
    var asked: [Int]
    var kept = KeptAccesses()
    /// Since when something is missing of what is kept.
    var lacks: Int?
    var numbers: [(sample: Int, bits: UInt64)] = []
  }

  /// So many turns without a change are the sign of more.
  static let patience = 3

  private let state: Mutex<State>
  private let files: KeptFiles

  /// - Parameter turn: grows by one each time; traces that begin with different ones look for what was
  ///   not there in different cycles.
  /// - Parameter looksAlways: for what was not there, however often it was looked for.
  init(_ trace: ReadTrace, _ host: HostRoot, turn: Int, epoch: Int, looksAlways: Bool = false) {
    files = host.memory.files
    let absences = trace.accesses.indices.filter { trace.accesses[$0].isAbsence }
    state = Mutex(
      State(
        accesses: trace.accesses, counted: trace.counted, absences: absences, turn: turn,
        first: turn, looksAlways: looksAlways, epoch: epoch,
        asked: trace.accesses.indices.filter { !trace.accesses[$0].isAbsence }, lacks: turn))
  }

  deinit { state.withLock { $0.kept.close(files) } }

  /// Where a trace that follows this one begins to count.
  var turn: Int { state.withLockIfAvailable { $0.turn } ?? 0 }

  /// Asks everything again.
  func ask(_ host: HostRoot, _ listings: Listings) -> Change {
    var buffer = host.memory.takeBuffer()
    defer { host.memory.giveBuffer(buffer) }
    return buffer.withUnsafeMutableBytes { buffer in
      state.withLockIfAvailable { state in
        Self.askInTurn(&state, host, listings, buffer)
      }
    } ?? .other([])
  }

  private static func askInTurn(
    _ state: inout State, _ host: HostRoot, _ listings: Listings,
    _ buffer: UnsafeMutableRawBufferPointer
  ) -> Change {
    state.turn &+= 1
    // First, so that no other change hides that something has come.
    if hasCome(&state, host, listings) {
      // Whoever left out looking for it looks now.
      host.memory.lookAgain()
      state.kept.giveAll(state.accesses, host)
      return .other([])
    }
    if let known = ask(&state, host, listings, buffer) {
      // The work is done anew: what is open is for whoever does it.
      state.kept.giveAll(state.accesses, host)
      return .other(known)
    }
    if let since = state.lacks, state.turn &- since >= patience {
      keep(&state, host, listings, buffer)
    }
    guard !state.numbers.isEmpty else { return .none }
    defer { state.numbers = [] }
    return .numbers(state.numbers)
  }

  private static func hasCome(
    _ state: inout State, _ host: HostRoot, _ listings: Listings
  ) -> Bool {
    let now = host.memory.epoch
    let age = state.turn &- state.first
    for place in state.absences {
      guard case .absent(let paths, let looks) = state.accesses[place],
        state.looksAlways || state.epoch != now || looks + age < ReadTrace.absenceTurns
          || (state.turn &+ place) % ReadTrace.absenceTurns == 0,
        !paths.allSatisfy({ listings.isAbsent($0, host) })
      else { continue }
      return true
    }
    state.epoch = now
    return false
  }

  /// `nil` when nothing differs, or numbers alone; else what is known.
  private static func ask(
    _ state: inout State, _ host: HostRoot, _ listings: Listings,
    _ buffer: UnsafeMutableRawBufferPointer
  ) -> [ReadTrace.Access]? {
    var known: [Int] = []
    for place in state.asked {
      if let difference = again(&state, place, host, listings) {
        return known.map { state.accesses[$0] } + difference
      }
      known.append(place)
    }
    for place in state.kept.missingDirectories(listings, buffer) {
      state.lacks = state.turn
      state.asked.append(place)
      if let difference = again(&state, place, host, listings) {
        return known.map { state.accesses[$0] } + difference
      }
    }
    var next = 0
    while let file = state.kept.difference(from: &next, buffer) {
      if follow(&state, file, buffer) { continue }
      state.kept.letGo(file, state.accesses, host)
      state.lacks = state.turn
      state.asked.append(file.place)
      if let difference = again(&state, file.place, host, listings) {
        return state.accesses[..<file.place].filter { !$0.isAbsence } + difference
      }
    }
    return nil
  }

  /// Asks by the path. `nil` when it is as before, but for numbers; else what it says, if it can be told.
  private static func again(
    _ state: inout State, _ place: Int, _ host: HostRoot, _ listings: Listings
  ) -> [ReadTrace.Access]? {
    switch state.accesses[place].again(host, listings) {
    case .same: return nil
    case .other: return []
    case .says(let bytes):
      guard case .contents(let path, let before, let isKept) = state.accesses[place] else {
        return []
      }
      let said = ReadTrace.Access.contents(path: path, bytes: bytes, isKept: isKept)
      guard let changed = state.counted[place]?.follow(from: before.span, to: bytes.span) else {
        return [said]
      }
      state.numbers += changed
      state.accesses[place] = said
      return nil
    }
  }

  /// Whether what is kept says the same in other numbers.
  private static func follow(
    _ state: inout State, _ file: KeptAccesses.Difference,
    _ buffer: UnsafeMutableRawBufferPointer
  ) -> Bool {
    guard file.count > 0, state.counted[file.place] != nil,
      case .contents(let path, let before, let isKept) = state.accesses[file.place]
    else { return false }
    let bytes = [UInt8](UnsafeRawBufferPointer(rebasing: buffer[..<file.count]))
    guard let changed = state.counted[file.place]?.follow(from: before.span, to: bytes.span)
    else { return false }
    state.numbers += changed
    state.accesses[file.place] = .contents(path: path, bytes: bytes, isKept: isKept)
    state.kept.replace(file, with: bytes)
    return true
  }

  private static func keep(
    _ state: inout State, _ host: HostRoot, _ listings: Listings,
    _ buffer: UnsafeMutableRawBufferPointer
  ) {
    state.kept.giveAll(state.accesses, host)
    state.kept = KeptAccesses(state.accesses, host, listings, buffer)
    state.asked = state.accesses.indices.filter {
      !state.accesses[$0].isAbsence && !state.kept.places.contains($0)
    }
    state.kept.places = []
    state.lacks = nil
  }
}
