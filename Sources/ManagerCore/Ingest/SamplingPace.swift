import Protocol

/// How regularly one life of an agent's process samples. An agent that was held up (a machine that was
/// suspended or starved, a process that was stopped) makes no batch meanwhile, and no order is missing: what
/// history lacks would have no reason otherwise.
///
/// A step is a pause when the steps before and after it are much shorter: an interval that changes is none.
/// What was sampled before the manager told its interval is not judged: another one may have told another.
package struct SamplingPace: Sendable {
  /// What a busy machine may be late.
  private static let jitter: Int64 = 2_000_000_000

  private struct Batch {
    var order: UInt64
    /// By the boot clock, which no one sets.
    var boot: Int64
    var nanoseconds: Int64
  }

  private struct Step {
    var length: Int64
    /// The times of its batches by the manager's clock.
    var range: ClosedRange<Int64>
    /// The length of the one before.
    var before: Int64?
  }

  private var last: Batch?
  private var step: Step?

  /// By the boot clock, when it was told the interval first.
  private let since: Int64

  /// - Parameter hello: of its first session with this run of the manager.
  package init(since hello: Stamp) { since = hello.bootNanoseconds }

  /// Takes the next batch.
  ///
  /// - Parameter nanoseconds: its time by the manager's clock.
  /// - Returns: the times of the batches around a pause that came to its end one batch ago.
  package mutating func take(
    order: UInt64, stamp: Stamp, nanoseconds: Int64
  ) -> ClosedRange<Int64>? {
    guard stamp.bootNanoseconds >= since else { return nil }
    let batch = Batch(order: order, boot: stamp.bootNanoseconds, nanoseconds: nanoseconds)
    defer { last = batch }
    guard let last, last.order &+ 1 == order, last.boot <= batch.boot,
      last.nanoseconds <= nanoseconds
    else {
      step = nil
      return nil
    }
    let length = batch.boot - last.boot
    var pause: ClosedRange<Int64>?
    if let step, let before = step.before,
      step.length > 2 * max(before, length) + SamplingPace.jitter
    {
      pause = step.range
    }
    step = Step(length: length, range: last.nanoseconds...nanoseconds, before: step?.length)
    return pause
  }
}
