import Protocol

/// How fast one server may have its certificate renewed: each costs a signature, a row and a sync. An
/// agent asks once a minute at most, and once more whenever it connects with one that has expired.
struct RenewalRate {
  /// Answers that got lost, or an agent whose disk did not take the new one for some minutes.
  static let burst = 10.0
  /// The agent's own interval.
  private static let interval: Int64 = 60_000_000_000

  /// Of certificates that live for minutes, several renewals a minute are in order.
  private let perSecond: Double
  /// Only servers with a certificate of ours come here.
  private var buckets: [ServerID: RateBucket] = [:]

  init(lifetimeNanoseconds: Int64) {
    perSecond = 1e9 / Double(max(1, min(Self.interval, lifetimeNanoseconds / 4)))
  }

  /// Takes a renewal; `false` when there is none left. `now` is monotonic, in nanoseconds.
  mutating func take(_ server: ServerID, now: Int64) -> Bool {
    var bucket = buckets[server] ?? RateBucket(Self.burst, now: now)
    bucket.refill(perSecond, Self.burst, now)
    defer { buckets[server] = bucket }
    guard bucket.level >= 1 else { return false }
    bucket.level -= 1
    return true
  }
}
