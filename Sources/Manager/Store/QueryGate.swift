import Platform
import Synchronization

/// Lets work that has time stand back while somebody waits for an answer: there are few cores, and
/// putting a day together takes one of them for minutes.
final class QueryGate: Sendable {
  /// How long an answer takes from its query's end until it is with who asked: it has to be written as
  /// JSON and sent. A panel asks for the next then.
  private static let sending: Int64 = 10_000_000

  private let underWay = Atomic<Int>(0)
  private let lastEnd = Atomic<Int64>(.min)

  func enter() { underWay.add(1, ordering: .relaxed) }

  func leave() {
    lastEnd.store(Clock.monotonic(), ordering: .relaxed)
    underWay.subtract(1, ordering: .relaxed)
  }

  func isBusy(at now: Int64) -> Bool {
    underWay.load(ordering: .relaxed) > 0
      || now < lastEnd.load(ordering: .relaxed) &+ Self.sending
  }

  /// One piece of work, which asks at every step.
  struct Turn {
    /// How long it works between two waits.
    private static let work: Int64 = 2_000_000
    /// A wait; ten in turn are the most, so that answers without end hold the work up by ten times and
    /// not for ever.
    private static let wait = Duration.milliseconds(2)
    private static let waits = 10

    private let gate: QueryGate
    private var began = Clock.monotonic()

    init(_ gate: QueryGate) { self.gate = gate }

    /// Waits when there is a query and its time is over.
    mutating func giveWay() async {
      let now = Clock.monotonic()
      guard now - began >= Self.work, gate.isBusy(at: now) else { return }
      for _ in 0..<Self.waits where gate.isBusy(at: Clock.monotonic()) {
        try? await Task.sleep(for: Self.wait)
      }
      began = Clock.monotonic()
    }
  }
}
