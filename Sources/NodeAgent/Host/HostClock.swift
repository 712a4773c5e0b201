import Glibc
import Protocol

/// The door to the machine's clocks.
package struct HostClock: Sendable {
  package init() {}

  /// Both clocks as close together as two calls allow.
  package func now() -> Stamp {
    Stamp(
      bootNanoseconds: HostClock.read(CLOCK_BOOTTIME),
      wallNanoseconds: HostClock.read(CLOCK_REALTIME))
  }

  private static func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    guard clock_gettime(clock, &time) == 0 else { return 0 }
    return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }
}
