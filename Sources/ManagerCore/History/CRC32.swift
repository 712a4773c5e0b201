/// The CRC-32 of IEEE 802.3 (reflected polynomial 0xEDB88320), as in gzip.
enum CRC32 {
  private static let table: [UInt32] = (0..<256).map { index in
    var value = UInt32(index)
    for _ in 0..<8 { value = value & 1 == 1 ? 0xedb8_8320 ^ (value >> 1) : value >> 1 }
    return value
  }

  /// The sum of the first `count` bytes; `count` is at most the span's.
  static func sum(_ span: Span<UInt8>, count: Int) -> UInt32 {
    let table = CRC32.table
    var sum: UInt32 = 0xffff_ffff
    for index in 0..<count {
      sum = table[Int((sum ^ UInt32(span[index])) & 0xff)] ^ (sum >> 8)
    }
    return ~sum
  }
}
