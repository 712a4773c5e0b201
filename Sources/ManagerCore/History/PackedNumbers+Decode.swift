import Protocol

extension PackedNumbers {
  /// Appends exactly `count` numbers, as bits, or throws; it never holds more than those.
  static func decode(
    _ span: Span<UInt8>, _ cursor: inout ByteCursor, count: Int, into numbers: inout [UInt64]
  ) throws(WireError) {
    var bits = BitReader(at: cursor.index)
    let end = numbers.count + count
    while numbers.count < end {
      let left = end - numbers.count
      let zeros = try bits.gamma(span, of: "a run of zeros", limit: left + 1) - 1
      numbers.append(contentsOf: repeatElement(0, count: zeros))
      if numbers.count == end { break }
      let length = try bits.gamma(span, of: "a stretch of numbers", limit: left - zeros)
      try stretch(span, &bits, length, into: &numbers)
    }
    try cursor.skip(span, bits.bytesRead)
  }

  private static func stretch(
    _ span: Span<UInt8>, _ bits: inout BitReader, _ length: Int, into numbers: inout [UInt64]
  ) throws(WireError) {
    switch try bits.bits(span, 2) {
    case 0:
      let (base, width) = try head(span, &bits)
      for _ in 0..<length {
        numbers.append(base &+ (try bits.bits(span, width)))
      }
    case 1:
      let (base, width) = try head(span, &bits)
      for _ in 0..<length {
        guard try bits.bits(span, 1) == 1 else {
          numbers.append(0)
          continue
        }
        let number = base &+ (try bits.bits(span, width))
        numbers.append(Int64(bitPattern: number) < 0 ? number : number &+ 1)
      }
    case 2:
      let least = Int(try bits.bits(span, 6)) + 1
      let width = Int(try bits.bits(span, 3))
      for _ in 0..<length { numbers.append(try number(span, &bits, least, width)) }
    default: throw .malformed("a stretch of unknown form")
    }
  }

  private static func head(
    _ span: Span<UInt8>, _ bits: inout BitReader
  ) throws(WireError) -> (base: UInt64, width: Int) {
    let length = Int(try bits.bits(span, 7))
    guard length <= 64 else { throw .malformed("a base of \(length) bits") }
    let base = signed(try bits.bits(span, length))
    let width = Int(try bits.bits(span, 7))
    guard width <= 64 else { throw .malformed("numbers of \(width) bits") }
    return (base, width)
  }

  private static func number(
    _ span: Span<UInt8>, _ bits: inout BitReader, _ least: Int, _ width: Int
  ) throws(WireError) -> UInt64 {
    guard try bits.bits(span, 1) == 1 else { return 0 }
    let length = least + Int(try bits.bits(span, width))
    guard length <= 64 else { throw .malformed("a number of \(length) bits") }
    return signed(try bits.bits(span, length - 1) | 1 << UInt64(length - 1))
  }

  private static func signed(_ zigzag: UInt64) -> UInt64 { (zigzag >> 1) ^ (0 &- (zigzag & 1)) }
}
