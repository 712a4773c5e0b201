import Protocol

/// Appends numbers of any count of bits: the lowest bit first, into the lowest bits of each byte.
struct BitWriter {
  private(set) var bytes: [UInt8] = []
  private var held: UInt64 = 0
  /// Bits in `held`, always below 8 between two calls.
  private var count = 0

  /// - Parameter value: has no bits beyond `width`, which is at most 64.
  mutating func bits(_ value: UInt64, _ width: Int) {
    // What is held and a half of 64 bits fit into 64.
    guard width <= 32 else {
      bits(value & 0xffff_ffff, 32)
      return bits(value >> 32, width - 32)
    }
    held |= value << UInt64(count)
    count += width
    while count >= 8 {
      bytes.append(UInt8(truncatingIfNeeded: held))
      held >>= 8
      count -= 8
    }
  }

  /// Elias gamma of a number above 0: a zero for each bit after its highest, that one, the others.
  mutating func gamma(_ value: Int) {
    let value = UInt64(value)
    let length = BitWriter.length(value) - 1
    bits(0, length)
    bits(1, 1)
    bits(value & ((1 << UInt64(length)) - 1), length)
  }

  /// The last byte is filled up with zeros.
  mutating func end() {
    if count > 0 { bits(0, 8 - count) }
  }

  /// How many bits a number has, without zeros before it.
  static func length(_ value: UInt64) -> Int { 64 - value.leadingZeroBitCount }
  static func gammaSize(_ value: Int) -> Int { 2 * length(UInt64(value)) - 1 }
}

/// Reads what a `BitWriter` wrote, out of bytes that belong to someone else. Never traps.
struct BitReader {
  private var held: UInt64 = 0
  private var count = 0
  private var next: Int
  private let begin: Int

  init(at index: Int) {
    begin = index
    next = index
  }

  /// Whole bytes that were read in part or wholly.
  var bytesRead: Int { next - begin - count / 8 }

  /// - Parameter width: at most 64.
  mutating func bits(_ span: Span<UInt8>, _ width: Int) throws(WireError) -> UInt64 {
    guard width <= 32 else {
      let low = try bits(span, 32)
      return low | (try bits(span, width - 32) << 32)
    }
    if count < width { try fill(span, width) }
    let value = held & ((1 << UInt64(width)) - 1)
    held >>= UInt64(width)
    count -= width
    return value
  }

  mutating func gamma(_ span: Span<UInt8>, of what: String, limit: Int) throws(WireError) -> Int {
    var length = 0
    while try bits(span, 1) == 0 {
      length += 1
      guard length < 32 else { throw .malformed("\(what) of more than 32 bits") }
    }
    let value = Int(try bits(span, length)) | 1 << length
    guard value <= limit else { throw .tooLong(what: what, length: value, limit: limit) }
    return value
  }

  private mutating func fill(_ span: Span<UInt8>, _ width: Int) throws(WireError) {
    while count <= 56 && next < span.count {
      held |= UInt64(span[next]) << UInt64(count)
      next += 1
      count += 8
    }
    guard count >= width else { throw .truncated }
  }
}
