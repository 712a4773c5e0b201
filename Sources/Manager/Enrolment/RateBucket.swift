/// A bucket of attempts that fills again with time. Times are monotonic, in nanoseconds.
struct RateBucket {
  var level: Double
  private var filledNanoseconds: Int64

  /// Full.
  init(_ burst: Double, now: Int64) {
    level = burst
    filledNanoseconds = now
  }

  mutating func refill(_ perSecond: Double, _ burst: Double, _ now: Int64) {
    let seconds = Double(max(0, now - filledNanoseconds)) / 1e9
    level = min(burst, level + seconds * perSecond)
    filledNanoseconds = max(now, filledNanoseconds)
  }
}
