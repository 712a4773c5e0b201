import Glibc

/// The machine's clocks, in nanoseconds.
package enum Clock {
  /// Since boot, suspend included.
  package static func boot() -> Int64 { read(CLOCK_BOOTTIME) }
  /// Never steps back.
  package static func monotonic() -> Int64 { read(CLOCK_MONOTONIC) }
  /// Since the epoch; a person or NTP may step it.
  package static func wall() -> Int64 { read(CLOCK_REALTIME) }

  /// Processor time of the calling thread.
  package static func thread() -> Int64 { read(CLOCK_THREAD_CPUTIME_ID) }

  private static func read(_ id: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(id, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
