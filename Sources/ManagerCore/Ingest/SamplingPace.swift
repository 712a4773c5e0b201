import Protocol

/// How regularly one agent's process samples. An agent that was held up (a machine that was suspended or
/// starved, a process that was stopped) makes no batch meanwhile, and no order is missing: what history
/// lacks would have no reason otherwise.
package struct SamplingPace: Sendable {
  /// What a busy machine may be late.
  private static let jitter: Int64 = 2_000_000_000

  private var stream: StreamKey?
  private var order: UInt64 = 0
  /// By the boot clock, which no one sets.
  private var boot: Int64 = 0
  private var nanoseconds: Int64 = 0
  /// From the batch before to the last one.
  private var step: Int64?

  package init() {}

  /// Takes the next batch of the life that speaks.
  ///
  /// - Parameters:
  ///   - nanoseconds: its time by the manager's clock.
  ///   - interval: at which agents are told to sample. It may be another one since the manager was started,
  ///     so the step before counts too.
  /// - Returns: the times of the batches before and after a pause; `nil` when there was none.
  package mutating func take(
    _ stream: StreamKey, order: UInt64, stamp: Stamp, nanoseconds: Int64, interval: Int64
  ) -> ClosedRange<Int64>? {
    let before = self
    (self.stream, self.order) = (stream, order)
    (boot, self.nanoseconds) = (stamp.bootNanoseconds, nanoseconds)
    step = nil
    guard before.stream == stream, before.order &+ 1 == order, before.boot <= boot else {
      return nil
    }
    let step = boot - before.boot
    self.step = step
    guard step > 2 * max(interval, before.step ?? interval) + SamplingPace.jitter,
      before.nanoseconds <= nanoseconds
    else { return nil }
    return before.nanoseconds...nanoseconds
  }
}
