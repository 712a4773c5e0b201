import Protocol

/// A column of 64-bit integers: the zigzag of the first, then what the mode says of the others.
///
/// - constant: nothing, all are equal
/// - delta: the wrapping differences to the one before
/// - deltaOfDelta: the wrapping differences of those differences, the one before the first being 0
///
/// - shiftedDelta: a byte N, then the differences divided by 2^N, which all of them can be: amounts
///   of bytes come in pages
///
/// A difference is a zigzag varint; a 0 is followed by the number of zeros after it.
enum IntegerColumn {
  enum Mode: UInt8 {
    case constant = 0
    case delta = 1
    case deltaOfDelta = 2
    case shiftedDelta = 3
  }

  /// Less would not save a byte of each difference.
  private static let leastShift = 7

  /// The mode that takes the fewest bytes.
  static func mode(for values: [UInt64]) -> Mode {
    guard let first = values.first, values.contains(where: { $0 != first }) else {
      return .constant
    }
    let shift = shift(of: values)
    let plain: Mode = shift >= leastShift ? .shiftedDelta : .delta
    return size(values, .deltaOfDelta, 0) < size(values, plain, plain == .delta ? 0 : shift)
      ? .deltaOfDelta : plain
  }

  /// The zeros that all differences end with.
  private static func shift(of values: [UInt64]) -> Int {
    var bits: UInt64 = 0
    for index in values.indices.dropFirst() { bits |= values[index] &- values[index - 1] }
    return bits == 0 ? 0 : bits.trailingZeroBitCount
  }

  static func encode(_ values: [UInt64], _ mode: Mode, into writer: inout ByteWriter) {
    writer.zigzag(Int64(bitPattern: values.first ?? 0))
    guard mode != .constant else { return }
    let shift = mode == .shiftedDelta ? shift(of: values) : 0
    if mode == .shiftedDelta { writer.byte(UInt8(shift)) }
    forEachRun(values, mode, shift) { difference, zeros in
      writer.zigzag(difference)
      if difference == 0 { writer.varint(zeros - 1) }
    }
  }

  static func decode(
    _ span: Span<UInt8>, _ cursor: inout ByteCursor, _ mode: Mode, count: Int
  ) throws(WireError) -> [UInt64] {
    var value = UInt64(bitPattern: try cursor.zigzag(span))
    if mode == .constant || count == 0 { return Array(repeating: value, count: count) }
    var values: [UInt64] = []
    values.reserveCapacity(count)
    values.append(value)
    var step: UInt64 = 0
    let shift = mode == .shiftedDelta ? UInt64(try cursor.byte(span)) : 0
    guard shift < 64 else { throw .malformed("a shift of \(shift) bits") }
    while values.count < count {
      let difference = UInt64(bitPattern: try cursor.zigzag(span))
      step = mode == .deltaOfDelta ? step &+ difference : difference &<< shift
      value &+= step
      values.append(value)
      guard difference == 0 else { continue }
      let more = try cursor.varint(span)
      guard more <= UInt64(count - values.count) else {
        throw .malformed("more equal differences than values")
      }
      for _ in 0..<more {
        value &+= step
        values.append(value)
      }
    }
    return values
  }

  /// Gives each difference that is not 0, and each run of zeros with its length.
  private static func forEachRun(
    _ values: [UInt64], _ mode: Mode, _ shift: Int,
    _ body: (_ difference: Int64, _ zeros: UInt64) -> Void
  ) {
    var zeros: UInt64 = 0
    var step: UInt64 = 0
    for index in values.indices.dropFirst() {
      let delta = values[index] &- values[index - 1]
      let difference = Int64(bitPattern: delta &- step) >> Int64(shift)
      if mode == .deltaOfDelta { step = delta }
      if difference == 0 {
        zeros += 1
        continue
      }
      if zeros > 0 { body(0, zeros) }
      zeros = 0
      body(difference, 0)
    }
    if zeros > 0 { body(0, zeros) }
  }

  private static func size(_ values: [UInt64], _ mode: Mode, _ shift: Int) -> Int {
    var size = 0
    forEachRun(values, mode, shift) { difference, zeros in
      let zigzag = UInt64(bitPattern: (difference << 1) ^ (difference >> 63))
      size += difference == 0 ? 1 + varintSize(zeros - 1) : varintSize(zigzag)
    }
    return size
  }

  private static func varintSize(_ value: UInt64) -> Int {
    max(1, (70 - value.leadingZeroBitCount) / 7)
  }
}
