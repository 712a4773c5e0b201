import Protocol

/// How regularly one life of an agent's process samples. An agent that was held up (a machine that was
/// suspended or starved, a process that was stopped) makes no batch meanwhile, and no order is missing: what
/// history lacks would have no reason otherwise.
///
/// A step is a pause when the steps before and after it, and the interval that the agent was told, are much
/// shorter: an interval that changes is none.
package struct SamplingPace: Sendable {
  package struct Pause: Hashable, Sendable {
    /// The times of the batches around it by the manager's clock.
    package var range: ClosedRange<Int64>
    /// The first of them was taken by an earlier run of the manager, whose clock may have been another.
    package var spansRuns: Bool
  }

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
    var pause: Pause
    /// The longest of the step before and of the interval, as far as they are known.
    var usual: Int64?
  }

  private var last: Batch?
  private var step: Step?
  private var lastLength: Int64?
  private var earlier: LastBatch?

  /// By the boot clock, when it was told the interval first.
  private let since: Int64
  private let toldBefore: Int64?

  /// - Parameters:
  ///   - hello: of its first session with this run of the manager; `nil` of a life that was over by then.
  ///   - interval: at which it sampled until then, in nanoseconds; `nil` when it does not say. What it
  ///     sampled by then is not judged without.
  ///   - earlier: the newest batch that an earlier run of the manager had of this life.
  package init(since hello: Stamp?, interval: Int64?, earlier: LastBatch?) {
    since = hello?.bootNanoseconds ?? .max
    toldBefore = interval
    self.earlier = earlier
  }

  /// Takes the next batch.
  ///
  /// - Parameter nanoseconds: its time by the manager's clock.
  /// - Returns: a pause that came to its end one batch ago.
  package mutating func take(order: UInt64, stamp: Stamp, nanoseconds: Int64) -> Pause? {
    let batch = Batch(order: order, boot: stamp.bootNanoseconds, nanoseconds: nanoseconds)
    var spansRuns = false
    if last == nil, let earlier {
      // No stamp is kept: its boot clock went as far as the manager's did.
      let (ago, isTooLong) = nanoseconds.subtractingReportingOverflow(earlier.nanoseconds)
      let (boot, isTooEarly) = batch.boot.subtractingReportingOverflow(ago)
      if !isTooLong && !isTooEarly {
        last = Batch(order: earlier.order, boot: boot, nanoseconds: earlier.nanoseconds)
        spansRuns = true
      }
    }
    earlier = nil
    defer { last = batch }
    guard let last, last.order &+ 1 == order, last.boot <= batch.boot,
      last.nanoseconds <= nanoseconds, last.boot >= since || toldBefore != nil,
      case let (length, isTooLong) = batch.boot.subtractingReportingOverflow(last.boot), !isTooLong
    else {
      step = nil
      lastLength = nil
      return nil
    }
    var pause: Pause?
    // Not the double of the others, which may be as long as a number is.
    if let step, let usual = step.usual,
      (step.length - SamplingPace.jitter) / 2 > max(usual, length)
    {
      pause = step.pause
    }
    let told = last.boot < since ? toldBefore : nil
    step = Step(
      length: length,
      pause: Pause(range: last.nanoseconds...nanoseconds, spansRuns: spansRuns),
      usual: [lastLength, told].compactMap { $0 }.max())
    lastLength = length
    return pause
  }
}
