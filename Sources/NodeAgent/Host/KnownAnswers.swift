import AgentCore
import Platform
import Protocol
import Synchronization

/// What pieces of work made of what they read last, for as long as the machine says the same.
final class KnownAnswers: Sendable {
  /// All traces together; a server with twenty targets takes a tenth of it.
  private static let byteLimit = 4 << 20
  /// What was not asked for so long is of a target that is gone. Boot clock, ns.
  private static let age: Int64 = 600_000_000_000

  private struct Known: Sendable {
    var trace: ReadTrace
    var bytes: Int
    var facts: UInt64
    var answer: CollectorAnswer
    var turn = 0
    var used: Int64
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
    let known = use(name)
    if let known, known.facts == facts {
      guard let changed = known.trace.changed(host, listings, turn: known.turn) else {
        return known.answer
      }
      asked = changed
    }
    var samples: [Sample] = []
    if case .sampled(let collection) = known?.answer { samples = collection.samples }
    let recorder = ReadRecorder(knowing: asked, samplesBefore: samples)
    let answer = collect(recorder)
    keep(name, facts, recorder, answer)
    return answer
  }

  private func use(_ name: String) -> Known? {
    let now = Clock.boot()
    return state.withLock { state in
      guard let place = state.known.index(forKey: name) else { return nil }
      state.known.values[place].turn &+= 1
      state.known.values[place].used = now
      return state.known.values[place]
    }
  }

  private func keep(
    _ name: String, _ facts: UInt64, _ recorder: ReadRecorder, _ answer: CollectorAnswer
  ) {
    // What failed is tried as if for the first time; what jobs did is never the same twice.
    var isSteady = false
    if case .sampled(let collection) = answer {
      isSteady = collection.failures.isEmpty && collection.jobs.isEmpty
    }
    let made = isSteady ? recorder.finish() : nil
    let now = Clock.boot()
    state.withLock { state in
      let turn = state.known[name]?.turn ?? name.utf8.count
      if let before = state.known.removeValue(forKey: name) { state.bytes -= before.bytes }
      guard let made else { return }
      if state.bytes + made.bytes > Self.byteLimit {
        state.known = state.known.filter { now - $0.value.used < Self.age }
        state.bytes = state.known.values.reduce(0) { $0 + $1.bytes }
      }
      guard state.bytes + made.bytes <= Self.byteLimit else { return }
      state.bytes += made.bytes
      state.known[name] = Known(
        trace: made.trace, bytes: made.bytes, facts: facts, answer: answer, turn: turn, used: now)
    }
  }
}
