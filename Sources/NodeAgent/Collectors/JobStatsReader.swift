import AgentCore
import Platform
import Protocol
import Synchronization

/// Reads `job_stats` of one target, and remembers what it read.
final class JobStatsReader: Sendable {
  private struct State: Sendable {
    var follower: JobFollower?
    /// Changes with each mount of the target.
    var instance: Int64?
    var countsSince: Stamp?
    var lastBegan: Stamp?
    var text = JobStatsText()
    var paths: (directory: String, all: [String]) = ("", [])
  }

  private let state: Mutex<State>
  /// Entries that it holds, and processor time of its last reading; to be asked while it reads.
  private let entries = Atomic<Int>(0)
  private let cost = Atomic<Int64>(0)
  /// The next reading may take long.
  private let large = Atomic(true)
  /// Entries that it may hold.
  private let room = Atomic<Int>(JobStatsKeeper.entryLimit)

  /// - Parameter countsSince: `nil` when the target may have been here before that.
  init(countsSince: Stamp?) { state = Mutex(State(countsSince: countsSince)) }

  var entryCount: Int { entries.load(ordering: .relaxed) }
  var costNanoseconds: Int64 { cost.load(ordering: .relaxed) }
  func setRoom(_ count: Int) { room.store(count, ordering: .relaxed) }

  func read(
    _ reader: TargetReader, _ identity: TargetReader.Identity, _ gathering: inout Gathering
  ) {
    let instance = reader.instance.flatMap { gathering.number($0, identity.directory) }
    read(reader, identity, instance: instance, &gathering)
  }

  func read(
    _ reader: TargetReader, _ identity: TargetReader.Identity, instance: Int64?,
    _ gathering: inout Gathering
  ) {
    let (before, began) = (Clock.monotonic(), large.load(ordering: .relaxed) ? Clock.thread() : nil)
    let file = reader.kind == .mdt ? Parameter.mdtJobStats : Parameter.ostJobStats
    // One reading at a time, on the target's own lane: nobody waits here.
    state.withLock { state in
      var follower = current(&state, instance)
      state.follower = nil
      follower.entryLimit = room.load(ordering: .relaxed)
      if state.paths.directory != identity.directory {
        state.paths = (identity.directory, file.paths([identity.directory]))
      }
      let outcome = JobStatsReader.scan(
        state.paths.all, &follower, &state.text, identity.reference, gathering.host)
      switch outcome {
      case .absent:
        // Nothing was read: the target offers no job statistics, or is about to.
        state.countsSince = nil
        return
      case .unread(let error): gathering.fail(file.name([identity.directory]), error)
      case .read(let began, let leftovers, let failure):
        let name = file.name([identity.directory])
        for text in leftovers.texts { gathering.leftover(name, text) }
        if let failure { gathering.fail(name, failure) }
        let report = follower.end(isWhole: failure == nil, target: identity.reference)
        tell(report, began, &state, follower, identity, reader, &gathering)
      case .equal(let began, let report):
        tell(report, began, &state, follower, identity, reader, &gathering)
      }
      state.follower = follower
      large.store(state.text.isUnknown, ordering: .relaxed)
    }
    // To ask for processor time takes longer than to read a small file, which never takes much.
    let taken = began.map { Clock.thread() - $0 } ?? min(Clock.monotonic() - before, 1_000_000)
    cost.store(max(0, taken), ordering: .relaxed)
  }

  private func tell(
    _ report: JobReport?, _ began: Stamp, _ state: inout State, _ follower: JobFollower,
    _ identity: TargetReader.Identity, _ reader: TargetReader, _ gathering: inout Gathering
  ) {
    if let report { gathering.jobs(report) }
    gathering.sample(
      .jobEntries, Int64(follower.count), of: identity.subject, ["component": reader.component])
    state.lastBegan = began
    entries.store(follower.count, ordering: .relaxed)
  }

  /// What is known of the target's jobs; nothing when it was mounted since the last reading: then all
  /// that its jobs did was done since.
  private func current(_ state: inout State, _ instance: Int64?) -> JobFollower {
    defer { state.instance = instance ?? state.instance }
    if let known = state.follower {
      if state.instance == nil || instance == nil || state.instance == instance { return known }
      state.countsSince = state.lastBegan
    }
    return JobFollower(
      countsSince: state.countsSince, seed: .random(in: .min ... .max))
  }

  private enum Outcome {
    case absent
    case unread(HostError)
    case read(Stamp, Leftovers, failure: HostError?)
    /// It says what it said the last two times.
    case equal(Stamp, JobReport)
  }

  /// From the first path that there is.
  private static func scan(
    _ paths: [String], _ follower: inout JobFollower, _ text: inout JobStatsText,
    _ target: TargetReference, _ host: HostRoot
  ) -> Outcome {
    var failure: HostError?
    var buffer = host.memory.takeBuffer()
    defer { host.memory.giveBuffer(buffer) }
    for path in paths {
      let began = HostClock().now()
      switch text.read(path, host, &buffer) {
      case .said(let count, let isEqual):
        if isEqual, let report = follower.endEqual(began, target: target) {
          return .equal(began, report)
        }
        var scanner = JobStatsScanner()
        follower.begin(began)
        scan(buffer, count, &scanner, &follower)
        return .read(began, scanner.leftovers, failure: nil)
      case .unknown: break
      }
      switch stream(path, &follower, &text, &buffer, host) {
      case .absent: continue
      case .unread(let error): failure = failure ?? error
      case let outcome: return outcome
      }
    }
    return failure.map(Outcome.unread) ?? .absent
  }

  /// All of it lies in the buffer.
  private static func scan(
    _ buffer: [UInt8], _ count: Int, _ scanner: inout JobStatsScanner,
    _ follower: inout JobFollower
  ) {
    let bytes = buffer.span.extracting(0..<count)
    let taken = scanner.scan(bytes, into: &follower)
    scanner.finish(bytes.extracting(taken..<count), into: &follower)
  }

  private static func stream(
    _ path: String, _ follower: inout JobFollower, _ text: inout JobStatsText,
    _ buffer: inout [UInt8], _ host: HostRoot
  ) -> Outcome {
    var scanner = JobStatsScanner()
    let began = HostClock().now()
    var hasBegun = false
    var total = 0
    do {
      try host.stream(path, buffer: &buffer) { bytes, piece in
        if !hasBegun {
          follower.begin(began)
          hasBegun = true
        }
        switch piece {
        case .some:
          let taken = scanner.scan(bytes, into: &follower)
          total += taken
          return taken
        case .full: scanner.skipLine(bytes)
        case .last: scanner.finish(bytes, into: &follower)
        }
        return 0
      }
      text.streamed(total)
      return .read(began, scanner.leftovers, failure: nil)
    } catch {
      text = JobStatsText()
      if hasBegun { return .read(began, scanner.leftovers, failure: error) }
      return error.isAbsence ? .absent : .unread(error)
    }
  }
}

/// The readers of all targets of a server, for the agent's life, and the pace at which they read.
final class JobStatsKeeper: Sendable {
  /// Entries of all targets together: 700,000 of some 70 bytes. More are told as not followed.
  static let entryLimit = 700_000
  /// Of one processor, at most: files of hundreds of MiB are read seldom, small ones every cycle.
  private static let share: Int64 = 100
  private static let longestPause: Int64 = 300_000_000_000

  private struct State: Sendable {
    var readers: [String: JobStatsReader] = [:]
    var listedAt: Stamp?
  }
  private let state = Mutex(State())

  /// A target that comes counts from the last list that did not have it.
  func reader(of lane: String) -> JobStatsReader {
    state.withLock { state in
      if let known = state.readers[lane] { return known }
      let reader = JobStatsReader(countsSince: state.listedAt)
      state.readers[lane] = reader
      return reader
    }
  }

  /// All targets that there are, `nil`: those of the last list. The readers of others are let go.
  func listed(_ lanes: Set<String>?, at stamp: Stamp) {
    state.withLock { state in
      if let lanes { state.readers = state.readers.filter { lanes.contains($0.key) } }
      state.listedAt = stamp
      let all = state.readers.values.reduce(0) { $0 + $1.entryCount }
      for reader in state.readers.values {
        reader.setRoom(max(0, Self.entryLimit - all + reader.entryCount))
      }
    }
  }

  /// A hundred times the processor time that all targets' last readings took.
  func pause(_ reader: JobStatsReader) -> Duration {
    let all = state.withLock { $0.readers.values.reduce(0) { $0 + $1.costNanoseconds } }
    return .nanoseconds(min(all * Self.share, Self.longestPause))
  }
}
