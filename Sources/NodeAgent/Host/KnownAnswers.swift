import AgentCore
import Platform
import Protocol
import Synchronization

/// What pieces of work made of what they read last, for as long as the machine says the same.
final class KnownAnswers: Sendable {
  /// All traces together; a server with twenty targets takes a tenth of it.
  private static let byteLimit = 4 << 20
  /// What was not asked for so long is of a target that is gone. Boot clock, ns.
  private static let longestAge: Int64 = 600_000_000_000
  private static let sweepInterval: Int64 = 60_000_000_000

  /// What a piece of work makes.
  private enum Made: Sendable {
    case answer(CollectorAnswer)
    case listing(CollectorListing)
    case target(TargetReader.Identity, instance: Int64?)
  }

  private final class Known: Sendable {
    let trace: AskedTrace
    let bytes: Int
    let facts: UInt64
    private let state: Mutex<Made>
    private let used = Atomic(Clock.boot())

    init(_ trace: AskedTrace, bytes: Int, facts: UInt64, _ made: Made) {
      self.trace = trace
      self.bytes = bytes
      self.facts = facts
      state = Mutex(made)
    }

    var made: Made { state.withLock { $0 } }

    /// The same with these numbers.
    func made(with numbers: [(sample: Int, bits: UInt64)]) -> Made {
      state.withLock { made in
        guard case .answer(.sampled(var collection)) = made else { return made }
        // So that the samples are changed where they lie.
        made = .listing(.units([]))
        for (sample, bits) in numbers where collection.samples.indices.contains(sample) {
          collection.samples[sample].bits = bits
        }
        made = .answer(.sampled(collection))
        return made
      }
    }

    var usedAt: Int64 { used.load(ordering: .relaxed) }
    func use() { used.store(Clock.boot(), ordering: .relaxed) }
  }

  private struct State {
    var known: [String: Known] = [:]
    var bytes = 0
    var nextSweep: Int64 = 0
  }

  private let state = Mutex(State())

  init() {}

  /// The answer of a piece of work, which is done only when something differs from the last time.
  /// Never two of one name at once. On a tree it is always done.
  ///
  /// - Parameter facts: a number that is another whenever the facts are others.
  func answer(
    _ name: String, _ host: HostRoot, _ listings: Listings, facts: UInt64,
    _ collect: (ReadRecorder?) -> CollectorAnswer
  ) -> CollectorAnswer {
    let made = make(name, host, listings, facts) { .answer(collect($0)) }
    // No other work has this name.
    guard case .answer(let answer) = made else { return collect(nil) }
    return answer
  }

  /// The same of work that lists what there is to do.
  func listing(
    _ name: String, _ host: HostRoot, _ listings: Listings, facts: UInt64,
    _ list: (ReadRecorder?) -> CollectorListing
  ) -> CollectorListing {
    let made = make(name, host, listings, facts) { .listing(list($0)) }
    guard case .listing(let listing) = made else { return list(nil) }
    return listing
  }

  /// The same of how a target is named and which of its mounts this is.
  func target(
    _ name: String, _ host: HostRoot, _ listings: Listings, facts: UInt64,
    _ look: (ReadRecorder?) -> (identity: TargetReader.Identity, instance: Int64?)
  ) -> (identity: TargetReader.Identity, instance: Int64?) {
    let made = make(name, host, listings, facts) {
      let target = look($0)
      return .target(target.identity, instance: target.instance)
    }
    guard case .target(let identity, let instance) = made else { return look(nil) }
    return (identity, instance)
  }

  private func make(
    _ name: String, _ host: HostRoot, _ listings: Listings, _ facts: UInt64,
    _ work: (ReadRecorder?) -> Made
  ) -> Made {
    guard host.remembers else { return work(nil) }
    var asked: [ReadTrace.Access] = []
    let known = state.withLock { $0.known[name] }
    known?.use()
    if let known, known.facts == facts {
      switch known.trace.ask(host, listings) {
      case .none: return known.made
      case .numbers(let numbers): return known.made(with: numbers)
      case .other(let accesses): asked = accesses
      }
    }
    var samples: [Sample] = []
    if case .answer(.sampled(let collection)) = known?.made { samples = collection.samples }
    let recorder = ReadRecorder(knowing: asked, samplesBefore: samples)
    let epoch = host.memory.epoch
    let made = work(recorder)
    keep(name, facts, recorder, made, host, epoch)
    return made
  }

  private func keep(
    _ name: String, _ facts: UInt64, _ recorder: ReadRecorder, _ made: Made, _ host: HostRoot,
    _ epoch: Int
  ) {
    // What failed is tried as if for the first time; what jobs did is never the same twice.
    var isSteady = true
    switch made {
    case .answer(.sampled(let collection)): isSteady = collection.jobs.isEmpty
    case .target, .answer(.notApplicable), .listing(.units), .listing(.notApplicable): break
    case .answer(.failed), .listing(.failed): isSteady = false
    }
    let finished = isSteady ? recorder.finish() : nil
    let dropped = state.withLock { state in
      var dropped = sweep(&state)
      let before = state.known.removeValue(forKey: name)
      if let before {
        state.bytes -= before.bytes
        dropped.append(before)
      }
      guard let (trace, bytes) = finished, state.bytes + bytes <= Self.byteLimit else {
        return dropped
      }
      state.bytes += bytes
      let turn = before?.trace.turn ?? name.utf8.count
      state.known[name] = Known(
        AskedTrace(trace, host, turn: turn, epoch: epoch), bytes: bytes, facts: facts, made)
      return dropped
    }
    // Files are closed here, outside of the lock.
    withExtendedLifetime(dropped) {}
  }

  /// Takes out what nobody has asked for a while.
  private func sweep(_ state: inout State) -> [Known] {
    let now = Clock.boot()
    guard now >= state.nextSweep else { return [] }
    state.nextSweep = now + Self.sweepInterval
    let old = state.known.filter { now - $0.value.usedAt > Self.longestAge }
    for (name, known) in old {
      state.known[name] = nil
      state.bytes -= known.bytes
    }
    return Array(old.values)
  }
}
