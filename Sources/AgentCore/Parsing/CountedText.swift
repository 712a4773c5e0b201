/// Where the numbers of a text stand, and which samples they became. While a text differs from the one
/// before in these numbers alone, the samples follow without parsing it, or making anything, anew.
package struct CountedText: Sendable {
  package struct Number: Hashable, Sendable {
    /// Where its digits stand, with their sign.
    package var start: Int32
    package var end: Int32
    /// Of the work's samples; negative for a number that nobody keeps.
    package var sample: Int32
    package var mayBeNegative: Bool
    /// A larger one needs the parser to look at it.
    package var limit: UInt64

    package init(
      _ range: Range<Int>, sample: Int, mayBeNegative: Bool = false, limit: UInt64 = .max
    ) {
      start = Int32(clamping: range.lowerBound)
      end = Int32(clamping: range.upperBound)
      self.sample = Int32(clamping: sample)
      self.mayBeNegative = mayBeNegative
      self.limit = limit
    }
  }

  package private(set) var numbers: [Number]

  /// - Parameter numbers: in the text's order; all that may change.
  package init(_ numbers: [Number]) { self.numbers = numbers }

  /// About the memory that it takes.
  package var bytes: Int { numbers.count * MemoryLayout<Number>.stride }

  /// The samples' new bits; `nil` when the texts differ in more than the numbers, and nothing has changed.
  package mutating func follow(
    from old: Span<UInt8>, to new: Span<UInt8>
  ) -> [(sample: Int, bits: UInt64)]? {
    var moved = numbers
    var changed: [(sample: Int, bits: UInt64)] = []
    changed.reserveCapacity(numbers.count)
    var here = 0
    var there = 0
    for place in numbers.indices {
      let number = numbers[place]
      let words = Int(number.start) - here
      guard words >= 0, Self.isEqual(old, here, new, there, words) else { return nil }
      there += words
      moved[place].start = Int32(clamping: there)
      guard let bits = Self.number(new, &there, number) else { return nil }
      moved[place].end = Int32(clamping: there)
      here = Int(number.end)
      if number.sample >= 0 { changed.append((Int(number.sample), bits)) }
    }
    let rest = old.count - here
    guard there + rest == new.count, Self.isEqual(old, here, new, there, rest) else { return nil }
    numbers = moved
    return changed
  }

  private static func isEqual(
    _ old: Span<UInt8>, _ here: Int, _ new: Span<UInt8>, _ there: Int, _ count: Int
  ) -> Bool {
    guard here + count <= old.count, there + count <= new.count else { return false }
    for offset in 0..<count where old[here + offset] != new[there + offset] { return false }
    return true
  }

  /// As the parsers read them: digits, all of them, with a minus before where there may be one.
  private static func number(
    _ bytes: Span<UInt8>, _ place: inout Int, _ number: Number
  ) -> UInt64? {
    let isNegative = number.mayBeNegative && place < bytes.count && bytes[place] == 0x2d
    if isNegative { place += 1 }
    var value: UInt64 = 0
    let start = place
    while place < bytes.count {
      let digit = bytes[place] &- 0x30
      guard digit < 10 else { break }
      let (scaled, over) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = scaled.addingReportingOverflow(UInt64(digit))
      if over || carry { return nil }
      value = sum
      place += 1
    }
    guard place > start, value <= number.limit else { return nil }
    guard isNegative else { return value }
    return value <= UInt64(Int64.max) + 1 ? 0 &- value : nil
  }
}
