import AgentCore
import Platform
import Protocol
import Synchronization

/// Reads `job_stats` of all targets of a server, and remembers what it read.
struct JobStatsReader {
  /// Entries of all targets together: 700,000 of some 70 bytes. More are told as not followed.
  static let entryLimit = 700_000

  private struct Place: Hashable {
    var kind: TargetKind
    var directory: String
  }

  private struct Followed {
    var follower: JobFollower
    /// Changes with each mount of the target.
    var instance: Int64?
  }

  private static let kinds: [(reader: TargetReader, file: Parameter)] = [
    (.mdt, .mdtJobStats), (.ost, .ostJobStats),
  ]

  /// Everything counts from the first reading on, as of the moment of it.
  private let countsEverything: Bool
  private var followed: [Place: Followed] = [:]
  /// The targets of each kind when they were last listed, and when that was.
  private var listed: [TargetKind: (directories: Set<String>, at: Stamp)] = [:]
  private var buffer: [UInt8] = []
  private let clock = HostClock()

  init(countsEverything: Bool = false) { self.countsEverything = countsEverything }

  mutating func collect(_ host: HostRoot, _ context: CollectorContext) -> CollectorAnswer {
    guard context.facts.hasLustre else { return .notApplicable(reason: noLustre) }
    var gathering = Gathering("jobs", host)
    for (reader, file) in Self.kinds {
      let now = clock.now()
      guard let identities = reader.identities(&gathering, context.facts) else { continue }
      let present = Set(identities.map(\.directory))
      for place in followed.keys where place.kind == reader.kind {
        if !present.contains(place.directory) { followed[place] = nil }
      }
      for identity in identities { read(reader, file, identity, &gathering) }
      listed[reader.kind] = (present, now)
    }
    return gathering.answer(orNotApplicable: "no target here keeps job statistics")
  }

  private mutating func read(
    _ reader: TargetReader, _ file: Parameter, _ identity: TargetReader.Identity,
    _ gathering: inout Gathering
  ) {
    let place = Place(kind: reader.kind, directory: identity.directory)
    let instance = reader.instance.flatMap { gathering.number($0, identity.directory) }
    var state = current(place, instance)
    let others = followed.values.reduce(0) { $0 + $1.follower.count } - state.follower.count
    state.follower.entryLimit = Self.entryLimit - others
    // Taken out while it is read: a copy would be a copy of all jobs.
    followed[place] = nil
    let name = file.name([identity.directory])
    let outcome = scan(file.paths([identity.directory]), &state.follower, gathering.host)
    switch outcome {
    case .absent: return
    case .unread(let error): gathering.fail(name, error)
    case .read(let leftovers, let failure):
      for text in leftovers.texts { gathering.leftover(name, text) }
      if let failure { gathering.fail(name, failure) }
      let report = state.follower.end(isWhole: failure == nil, target: identity.reference)
      if let report { gathering.jobs(report) }
      gathering.sample(
        .jobEntries, Int64(state.follower.count), of: identity.subject,
        ["component": reader.component])
    }
    followed[place] = state
  }

  /// What is known of a target's jobs; nothing when it was mounted since the last reading: then all
  /// that its jobs did was done since.
  private func current(_ place: Place, _ instance: Int64?) -> Followed {
    let before = listed[place.kind]
    var since: Stamp?
    if let known = followed[place] {
      if known.instance == nil || instance == nil || known.instance == instance {
        return Followed(follower: known.follower, instance: instance ?? known.instance)
      }
      since = before?.at
    } else if let before, !before.directories.contains(place.directory) {
      since = before.at
    }
    if countsEverything { since = Stamp(bootNanoseconds: 0, wallNanoseconds: 0) }
    return Followed(
      follower: JobFollower(countsSince: since, seed: .random(in: .min ... .max)),
      instance: instance)
  }

  private enum Outcome {
    case absent
    case unread(HostError)
    case read(Leftovers, failure: HostError?)
  }

  /// From the first path that there is.
  private mutating func scan(
    _ paths: [String], _ follower: inout JobFollower, _ host: HostRoot
  ) -> Outcome {
    var failure: HostError?
    for path in paths {
      var scanner = JobStatsScanner()
      var hasBegun = false
      do {
        let began = clock.now()
        try host.stream(path, buffer: &buffer) { bytes, piece in
          if !hasBegun {
            follower.begin(began)
            hasBegun = true
          }
          switch piece {
          case .some: return scanner.scan(bytes, into: &follower)
          case .full: scanner.skipLine(bytes)
          case .last: scanner.finish(bytes, into: &follower)
          }
          return 0
        }
        return .read(scanner.leftovers, failure: nil)
      } catch {
        if hasBegun { return .read(scanner.leftovers, failure: error) }
        if !error.isAbsence { failure = failure ?? error }
      }
    }
    return failure.map(Outcome.unread) ?? .absent
  }
}

/// Keeps one reader for the agent's life, and the pace at which it may read.
final class JobStatsKeeper: Sendable {
  /// Of one processor, at most: files of hundreds of MiB are read seldom, small ones every cycle.
  private static let share: Int64 = 100
  private static let longestPause: Int64 = 300_000_000_000

  private let reader = Mutex(JobStatsReader())
  private let cost = Atomic<Int64>(0)

  /// A hundred times the processor time of the last reading.
  var pause: Duration {
    let nanoseconds = cost.load(ordering: .relaxed)
    return .nanoseconds(min(nanoseconds * Self.share, Self.longestPause))
  }

  func collect(_ host: HostRoot, _ context: CollectorContext) -> CollectorAnswer {
    let before = Clock.thread()
    let answer = reader.withLock { $0.collect(host, context) }
    cost.store(max(0, Clock.thread() - before), ordering: .relaxed)
    return answer
  }
}
