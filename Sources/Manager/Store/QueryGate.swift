import Platform
import Synchronization

/// Lets work that has time stand back while somebody waits for an answer: there are few cores, and
/// putting a day together takes one of them for minutes.
final class QueryGate: Sendable {
  private let underWay = Atomic<Int>(0)

  func enter() { underWay.add(1, ordering: .relaxed) }
  func leave() { underWay.subtract(1, ordering: .relaxed) }
  var isBusy: Bool { underWay.load(ordering: .relaxed) > 0 }

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
      guard gate.isBusy, Clock.monotonic() - began >= Self.work else { return }
      for _ in 0..<Self.waits where gate.isBusy { try? await Task.sleep(for: Self.wait) }
      began = Clock.monotonic()
    }
  }
}
