import Protocol

/// A column of 64-bit integers: the zigzag of the first, then what the mode says of the others.
///
/// - constant: nothing, all are equal
/// - delta: the wrapping differences to the one before
/// - deltaOfDelta: the wrapping differences of those differences, the one before the first being 0
/// - shiftedDelta: a byte N, then the differences divided by 2^N, which all of them can be: amounts
///   of bytes come in pages
/// - packed: a byte, its bits 0–5 being N; then, divided by 2^N, the differences or, with bit 6 set, the
///   others themselves, as `PackedNumbers`
///
/// Unless packed, a difference is a zigzag varint; a 0 is followed by the number of zeros after it.
enum IntegerColumn {
  enum Mode: UInt8 {
    case constant = 0
    case delta = 1
    case deltaOfDelta = 2
    case shiftedDelta = 3
    case packed = 4
  }

  private static let valuesFlag: UInt8 = 0x40

  static func decode(
    _ span: Span<UInt8>, _ cursor: inout ByteCursor, _ mode: Mode, count: Int
  ) throws(WireError) -> [UInt64] {
    var value = UInt64(bitPattern: try cursor.zigzag(span))
    if mode == .constant || count == 0 { return Array(repeating: value, count: count) }
    var values: [UInt64] = []
    values.reserveCapacity(count)
    values.append(value)
    if mode == .packed {
      try unpack(span, &cursor, count: count, &values)
      return values
    }
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

  private static func unpack(
    _ span: Span<UInt8>, _ cursor: inout ByteCursor, count: Int, _ values: inout [UInt64]
  ) throws(WireError) {
    let head = try cursor.byte(span)
    guard head < 2 * valuesFlag else { throw .malformed("a packed column of kind \(head)") }
    let shift = UInt64(head & (valuesFlag - 1))
    try PackedNumbers.decode(span, &cursor, count: count - 1, into: &values)
    let areValues = head & valuesFlag != 0
    for index in 1..<count {
      let number = values[index] &<< shift
      values[index] = areValues ? number : values[index - 1] &+ number
    }
  }
}

extension IntegerColumn {
  /// How the values of a column take the fewest bytes.
  struct Plan {
    /// Less would not save a byte of each difference.
    private static let leastShift = 7

    let mode: Mode
    private let values: [UInt64]
    private var shift = 0
    private var packed: PackedNumbers?
    private var areValues = false

    init(_ values: [UInt64]) {
      self.values = values
      guard let first = values.first, values.contains(where: { $0 != first }) else {
        mode = .constant
        return
      }
      var (differences, others) = (UInt64(0), UInt64(0))
      for index in values.indices.dropFirst() {
        differences |= values[index] &- values[index - 1]
        others |= values[index]
      }
      shift = differences.trailingZeroBitCount
      let plain: Mode = shift >= Plan.leastShift ? .shiftedDelta : .delta
      let delta = Plan.size(values, plain, plain == .delta ? 0 : shift)
      let curved = Plan.size(values, .deltaOfDelta, 0)
      let size = min(delta + (plain == .delta ? 0 : 1), curved)
      let byDifference = PackedNumbers(Plan.differences(values, shift))
      let othersShift = others == 0 ? 0 : others.trailingZeroBitCount
      let byValue = PackedNumbers(values.dropFirst().map { Int64(bitPattern: $0) >> othersShift })
      guard 1 + min(byDifference.size, byValue.size) < size else {
        mode = curved < delta ? .deltaOfDelta : plain
        return
      }
      mode = .packed
      areValues = byValue.size < byDifference.size
      packed = areValues ? byValue : byDifference
      if areValues { shift = othersShift }
    }

    func writeWithMode(into writer: inout ByteWriter) {
      writer.byte(mode.rawValue)
      write(into: &writer)
    }

    func write(into writer: inout ByteWriter) {
      writer.zigzag(Int64(bitPattern: values.first ?? 0))
      if let packed {
        writer.byte(UInt8(shift) | (areValues ? valuesFlag : 0))
        return packed.write(into: &writer)
      }
      guard mode != .constant else { return }
      if mode == .shiftedDelta { writer.byte(UInt8(shift)) }
      Plan.forEachRun(values, mode, mode == .shiftedDelta ? shift : 0) { difference, zeros in
        writer.zigzag(difference)
        if difference == 0 { writer.varint(zeros - 1) }
      }
    }

    private static func differences(_ values: [UInt64], _ shift: Int) -> [Int64] {
      var differences: [Int64] = []
      differences.reserveCapacity(values.count - 1)
      for index in values.indices.dropFirst() {
        differences.append(Int64(bitPattern: values[index] &- values[index - 1]) >> shift)
      }
      return differences
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
}
