/// Reading of text files of the kernel: byte ranges of one buffer, no copies, no traps.
extension Span where Element == UInt8 {
  package var everything: Range<Int> { 0..<count }

  /// The next line without its end, or `nil` at the end of the bytes; moves `index` behind it.
  package func line(_ index: inout Int) -> Range<Int>? {
    guard index >= 0, index < count else { return nil }
    let start = index
    while index < count && self[index] != 0x0a { index += 1 }
    let end = index
    if index < count { index += 1 }
    return start..<end
  }

  package static func isBlank(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09 || byte == 0x0d || byte == 0x0b || byte == 0x0c
  }

  /// The range without blanks at either end.
  package func trimmed(_ range: Range<Int>) -> Range<Int> {
    var start = range.lowerBound
    var end = range.upperBound
    while start < end && Self.isBlank(self[start]) { start += 1 }
    while end > start && Self.isBlank(self[end - 1]) { end -= 1 }
    return start..<end
  }

  /// What blanks part, at most `limit` of them (the rest is left out; no format here has more).
  package func fields(_ range: Range<Int>, limit: Int = 64) -> [Range<Int>] {
    var fields: [Range<Int>] = []
    var position = range.lowerBound
    while position < range.upperBound && fields.count < limit {
      while position < range.upperBound && Self.isBlank(self[position]) { position += 1 }
      let start = position
      while position < range.upperBound && !Self.isBlank(self[position]) { position += 1 }
      if position > start { fields.append(start..<position) }
    }
    return fields
  }

  package func first(_ byte: UInt8, in range: Range<Int>) -> Int? {
    range.first { self[$0] == byte }
  }

  package func hasPrefix(_ prefix: StaticString, _ range: Range<Int>) -> Bool {
    guard range.count >= prefix.utf8CodeUnitCount else { return false }
    return matches(prefix, at: range.lowerBound)
  }

  package func hasSuffix(_ suffix: StaticString, _ range: Range<Int>) -> Bool {
    guard range.count >= suffix.utf8CodeUnitCount else { return false }
    return matches(suffix, at: range.upperBound - suffix.utf8CodeUnitCount)
  }

  package func isEqual(_ text: StaticString, _ range: Range<Int>) -> Bool {
    range.count == text.utf8CodeUnitCount && matches(text, at: range.lowerBound)
  }

  /// Where `text` begins first within the range.
  package func find(_ text: StaticString, in range: Range<Int>) -> Int? {
    let length = text.utf8CodeUnitCount
    guard length > 0, range.count >= length else { return nil }
    return (range.lowerBound...(range.upperBound - length)).first { matches(text, at: $0) }
  }

  private func matches(_ text: StaticString, at start: Int) -> Bool {
    text.withUTF8Buffer { bytes in
      for offset in 0..<bytes.count where self[start + offset] != bytes[offset] { return false }
      return true
    }
  }

  /// Text of the range; bytes that are no UTF-8 become U+FFFD.
  package func text(_ range: Range<Int>) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(range.count)
    for index in range { bytes.append(self[index]) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// A decimal number of digits only, at most 2^64 - 1.
  package func unsigned(_ range: Range<Int>) -> UInt64? {
    guard !range.isEmpty else { return nil }
    var value: UInt64 = 0
    for index in range {
      let digit = self[index] &- 0x30
      guard digit < 10 else { return nil }
      let (scaled, over) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = scaled.addingReportingOverflow(UInt64(digit))
      if over || carry { return nil }
      value = sum
    }
    return value
  }

  /// A decimal number with an optional sign.
  package func signed(_ range: Range<Int>) -> Int64? {
    guard let first = range.first else { return nil }
    guard self[first] == 0x2d else { return unsigned(range).flatMap { Int64(exactly: $0) } }
    guard let magnitude = unsigned((first + 1)..<range.upperBound) else { return nil }
    if magnitude == UInt64(Int64.max) + 1 { return .min }
    return Int64(exactly: magnitude).map { -$0 }
  }

  /// The 64 bits of a number that the kernel printed as signed or unsigned: a sum that outgrew
  /// 2^63 comes out negative, and its bits are still right.
  package func bits(_ range: Range<Int>) -> UInt64? {
    unsigned(range) ?? signed(range).map { UInt64(bitPattern: $0) }
  }

  /// A number with at most `decimals` places as an integer scaled by 10^decimals.
  package func scaled(_ range: Range<Int>, decimals: Int) -> Int64? {
    let dot = first(0x2e, in: range) ?? range.upperBound
    guard let whole = signed(range.lowerBound..<dot) else { return nil }
    var value = whole
    let fraction = min(dot + 1, range.upperBound)..<range.upperBound
    guard fraction.count <= decimals, fraction.isEmpty || unsigned(fraction) != nil else {
      return nil
    }
    let negative = self[range.lowerBound] == 0x2d
    for place in 0..<decimals {
      let position = fraction.lowerBound + place
      let digit = position < fraction.upperBound ? Int64(self[position] &- 0x30) : 0
      let (scaled, over) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = scaled.addingReportingOverflow(negative ? -digit : digit)
      if over || carry { return nil }
      value = sum
    }
    return value
  }
}
