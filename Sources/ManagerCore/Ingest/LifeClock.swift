import Protocol

/// Gives the batches of an earlier life of an agent's process their times, in the manager's wall
/// clock. Within the boot that speaks, the boot clock says it; of a boot before, its own last wall
/// clock does, corrected by how far that server's wall clock is off now. Never in the future, and the
/// distances between a life's batches stay true.
package struct LifeClock: Hashable, Sendable {
  /// What is added to the boot clock of another boot; `nil` for the present one.
  private var offset: Int64?

  /// - Parameters:
  ///   - clock: the present boot's; it has seen at least one frame.
  ///   - sent: the stamp of that frame.
  ///   - now: the manager's wall clock.
  package init(_ life: HeldLife, clock: ClockModel, sent: Stamp, now: Int64) {
    guard life.boot != clock.boot else { return }
    let skew = clock.skew(sent) ?? 0
    let end = min(life.lastStamp.wallNanoseconds.boundedPlus(skew), now)
    offset = end.boundedMinus(life.lastStamp.bootNanoseconds)
  }

  package func nanoseconds(_ stamp: Stamp, clock: ClockModel?, now: Int64) -> Int64 {
    if let offset { return min(stamp.bootNanoseconds.boundedPlus(offset), now) }
    return min(clock?.corrected(stamp) ?? now, now)
  }
}
