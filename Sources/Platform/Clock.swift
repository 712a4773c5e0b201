import Glibc

/// The machine's clocks, in nanoseconds.
package enum Clock {
  /// Since boot, suspend included.
  package static func boot() -> Int64 { read(CLOCK_BOOTTIME) }
  /// Never steps back.
  package static func monotonic() -> Int64 { read(CLOCK_MONOTONIC) }
  /// Since the epoch; a person or NTP may step it.
  package static func wall() -> Int64 { read(CLOCK_REALTIME) }

  /// The wall clock and that since the boot at one moment. Who reads them one after the other and is held up
  /// in between sees a step of the clock where there was none.
  package static func wallAndBoot() -> (wall: Int64, boot: Int64) {
    together(wall: wall, boot: boot)
  }

  /// Reads again while more than a millisecond lies between; of several the closest counts.
  package static func together(
    wall: () -> Int64, boot: () -> Int64
  ) -> (wall: Int64, boot: Int64) {
    var best: (wall: Int64, boot: Int64, width: Int64)?
    for _ in 0..<16 {
      let before = boot()
      let time = wall()
      let width = boot() - before
      if width < best?.width ?? .max { best = (time, before + width / 2, width) }
      if width <= 1_000_000 { break }
    }
    return best.map { ($0.wall, $0.boot) } ?? (wall(), boot())
  }

  /// Processor time of the calling thread.
  package static func thread() -> Int64 { read(CLOCK_THREAD_CPUTIME_ID) }

  private static func read(_ id: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(id, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
