/// What a counter did from one reading of a source to the next.
///
/// A backwards step of a 32-bit counter is a wrap when it makes less than half a turn: more in one
/// interval is less likely than a reset that nobody marked. A 64-bit counter never wraps.
struct CounterStep: Hashable {
  var amount: UInt64
  var isReset: Bool

  init(from old: UInt64, to new: UInt64, width: UInt8) {
    let wrapped = (new &- old) & 0xffff_ffff
    if new >= old {
      (amount, isReset) = (new - old, false)
    } else if width == 32 && old <= 0xffff_ffff && wrapped < 1 << 31 {
      (amount, isReset) = (wrapped, false)
    } else {
      (amount, isReset) = (new, true)
    }
  }
}

/// A rate in sixteen bits: the exponent and seven more of its bits, rounded up, so it is at most 0.8 %
/// above the true one. In thousandths a second; neighbours in a burst differ by a byte or less.
enum RateCode {
  static func encode(_ amount: UInt64, over nanoseconds: UInt64) -> UInt64 {
    guard amount > 0 else { return 0 }
    let exact = Double(amount) * 1e12 / Double(max(1, nanoseconds))
    guard exact > 1 else { return 1 }
    let exponent = exact.exponent
    // 1.0 … 2.0 in 128 steps.
    let step = (exact.significand - 1) * 128
    return UInt64(exponent) * 128 + UInt64(step.rounded(.up)) + 1
  }

  /// 0 for what no rate has. Of codes that are known the greater one is of the greater rate.
  static func known(_ code: UInt64) -> UInt64 { code < 64 * 1_024 ? code : 0 }

  /// Per second.
  static func decode(_ code: UInt64) -> Double {
    let code = known(code)
    guard code > 0 else { return 0 }
    let exponent = Int((code - 1) / 128)
    return Double(sign: .plus, exponent: exponent, significand: 1 + Double((code - 1) % 128) / 128)
      / 1_000
  }
}
