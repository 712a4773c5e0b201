import Protocol

/// How fast strangers may try to enrol: a bucket of attempts for each address and one for all.
/// What succeeds is given back, so that a site of thousands enrols as fast as it can with right
/// tokens; guessing is slow.
struct EnrolmentRate {
  /// A person who mistypes, or thirty servers behind one address with an expired token.
  static let burst = 30.0
  /// Attempts of one address each second.
  static let perSecond = 1.0
  /// For all addresses together: an attacker with many still gets no more.
  static let burstOfAll = 300.0
  static let perSecondOfAll = 20.0
  /// 4,096 addresses are about 400 kB. When all of them are busy, a new one is refused.
  static let addresses = 4_096

  private var buckets: [String: RateBucket] = [:]
  private var all: RateBucket?

  /// Takes an attempt; `false` when there is none left. `now` is monotonic, in nanoseconds.
  mutating func take(_ address: String, now: Int64) -> Bool {
    var total = all ?? RateBucket(Self.burstOfAll, now: now)
    total.refill(Self.perSecondOfAll, Self.burstOfAll, now)
    defer { all = total }
    if buckets[address] == nil && buckets.count >= Self.addresses { forgetIdle(now) }
    guard buckets[address] != nil || buckets.count < Self.addresses else { return false }
    var own = buckets[address] ?? RateBucket(Self.burst, now: now)
    own.refill(Self.perSecond, Self.burst, now)
    defer { buckets[address] = own }
    guard own.level >= 1, total.level >= 1 else { return false }
    own.level -= 1
    total.level -= 1
    return true
  }

  /// Gives an attempt back that succeeded.
  mutating func giveBack(_ address: String) {
    if let level = buckets[address]?.level { buckets[address]?.level = min(Self.burst, level + 1) }
    if let level = all?.level { all?.level = min(Self.burstOfAll, level + 1) }
  }

  var knownAddresses: Int { buckets.count }

  /// Addresses whose bucket is full again are as good as unknown.
  private mutating func forgetIdle(_ now: Int64) {
    for (address, bucket) in buckets {
      var bucket = bucket
      bucket.refill(Self.perSecond, Self.burst, now)
      if bucket.level >= Self.burst { buckets[address] = nil }
    }
  }
}
