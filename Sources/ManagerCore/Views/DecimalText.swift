/// Numbers as decimal digits in ASCII, put into room that is there. An answer has a hundred thousand of
/// them, and a string for each took longer than all the rest.
enum DecimalText {
  /// `-2.2250738585072014e-308` has 24.
  static let longest = 24

  /// Gives where the text ends.
  static func put(
    _ value: Int64, at begin: UnsafeMutablePointer<UInt8>
  ) -> UnsafeMutablePointer<UInt8> {
    var next = begin
    if value < 0 {
      next.pointee = 0x2d
      next += 1
    }
    return put(value.magnitude, at: next)
  }

  private static func put(
    _ value: UInt64, at begin: UnsafeMutablePointer<UInt8>
  ) -> UnsafeMutablePointer<UInt8> {
    var digits = 1
    var power: UInt64 = 10
    while digits < 20, value >= power {
      digits += 1
      power = digits < 20 ? power &* 10 : power
    }
    var rest = value
    var place = begin + digits
    repeat {
      place -= 1
      place.pointee = 0x30 &+ UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    } while place > begin
    return begin + digits
  }

  /// What `CanonicalJSON` makes of a number that is finite: the shortest text that reads as it, and no
  /// fraction for a whole one. Gives where the text ends.
  static func put(
    _ value: Double, at begin: UnsafeMutablePointer<UInt8>
  ) -> UnsafeMutablePointer<UInt8> {
    if value.magnitude < 1e15, value.rounded(.towardZero) == value,
      value != 0 || value.sign == .plus
    {
      return put(Int64(value), at: begin)
    }
    if let end = putFraction(value, at: begin) { return end }
    var text = value.description
    if text.hasSuffix(".0") { text.removeLast(2) }
    return text.withUTF8 { utf8 in
      guard let from = utf8.baseAddress else { return begin }
      begin.update(from: from, count: utf8.count)
      return begin + utf8.count
    }
  }

  /// Of a number that is not whole, from 2^-6 to 2^53; `nil` for others, whose remainders would need
  /// more than 64 bits. Steele and White's digits: one after the other, until what is left is less than
  /// half of what lies between the number and its neighbours. All of it is exact.
  private static func putFraction(
    _ value: Double, at begin: UnsafeMutablePointer<UInt8>
  ) -> UnsafeMutablePointer<UInt8>? {
    let power = Int(value.exponentBitPattern) - 1_023
    // The neighbours of a power of two are not equally far.
    guard power >= -6, power < 53, value.significandBitPattern != 0 else { return nil }
    // The value times 2^places is whole; what is left is counted in halves of that.
    let places = UInt64(52 - power)
    let significand: UInt64 = value.significandBitPattern | 1 << 52
    let one: UInt64 = 1 << (places &+ 1)
    var rest: UInt64 = (significand &<< 1) & (one &- 1)
    var half: UInt64 = 1
    guard rest > 0 else { return nil }
    var next = begin
    if value.sign == .minus {
      next.pointee = 0x2d
      next += 1
    }
    next = put(significand &>> places, at: next)
    next.pointee = 0x2e
    while true {
      next += 1
      rest &*= 10
      half &*= 10
      var digit = rest &>> (places &+ 1)
      rest &= one &- 1
      let (isBelow, isAbove) = (rest < half, one &- rest < half)
      if isAbove {
        // Both are near: the nearer one, else the even one, as the standard library has it.
        let middle = one &>> 1
        if !isBelow || rest > middle || rest == middle && digit & 1 == 1 { digit &+= 1 }
      }
      next.pointee = 0x30 &+ UInt8(truncatingIfNeeded: digit)
      if isBelow || isAbove { return next + 1 }
    }
  }
}
