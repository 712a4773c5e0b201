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

  private final class Known: Sendable {
    let trace: ReadTrace
    let bytes: Int
    let facts: UInt64
    let answer: CollectorAnswer
    private let first: Int
    private let turns: Atomic<Int>
    /// Of the host's memory, when all that was not there was last looked for.
    private let epoch: Atomic<Int>
    private let used: Atomic<Int64>

    init(
      _ trace: ReadTrace, bytes: Int, facts: UInt64, _ answer: CollectorAnswer, turn: Int,
      epoch: Int
    ) {
      self.trace = trace
      self.bytes = bytes
      self.facts = facts
      self.answer = answer
      first = turn
      turns = Atomic(turn)
      self.epoch = Atomic(epoch)
      used = Atomic(Clock.boot())
    }

    var turn: Int { turns.load(ordering: .relaxed) }
    var age: Int64 { Clock.boot() - used.load(ordering: .relaxed) }

    /// As `ReadTrace.changed`.
    func changed(_ host: HostRoot, _ listings: Listings) -> [ReadTrace.Access]? {
      let now = host.memory.epoch
      let changed = trace.changed(
        host, listings, turn: turn, age: turn &- first,
        misses: epoch.load(ordering: .relaxed) != now)
      if changed == nil { epoch.store(now, ordering: .relaxed) }
      return changed
    }

    func use() {
      turns.wrappingAdd(1, ordering: .relaxed)
      used.store(Clock.boot(), ordering: .relaxed)
    }
  }

  private struct State {
    var known: [String: Known] = [:]
    var bytes = 0
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
    guard host.remembers else { return collect(nil) }
    var asked: [ReadTrace.Access] = []
    let known = state.withLock { $0.known[name] }
    known?.use()
    if let known, known.facts == facts {
      guard let changed = known.changed(host, listings) else {
        return known.answer
      }
      asked = changed
    }
    var samples: [Sample] = []
    if case .sampled(let collection) = known?.answer { samples = collection.samples }
    let recorder = ReadRecorder(knowing: asked, samplesBefore: samples)
    let epoch = host.memory.epoch
    let answer = collect(recorder)
    keep(name, facts, recorder, answer, epoch)
    return answer
  }

  private func keep(
    _ name: String, _ facts: UInt64, _ recorder: ReadRecorder, _ answer: CollectorAnswer,
    _ epoch: Int
  ) {
    // What failed is tried as if for the first time; what jobs did is never the same twice.
    var isSteady = false
    if case .sampled(let collection) = answer {
      isSteady = collection.failures.isEmpty && collection.jobs.isEmpty
    }
    let made = isSteady ? recorder.finish() : nil
    state.withLock { state in
      let turn = state.known[name]?.turn ?? name.utf8.count
      if let before = state.known.removeValue(forKey: name) { state.bytes -= before.bytes }
      guard let made else { return }
      if state.bytes + made.bytes > Self.byteLimit {
        state.known = state.known.filter { $0.value.age < Self.longestAge }
        state.bytes = state.known.values.reduce(0) { $0 + $1.bytes }
      }
      guard state.bytes + made.bytes <= Self.byteLimit else { return }
      state.bytes += made.bytes
      state.known[name] = Known(
        made.trace, bytes: made.bytes, facts: facts, answer, turn: turn, epoch: epoch)
    }
  }
}
