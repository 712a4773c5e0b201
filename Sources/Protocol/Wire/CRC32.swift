/// The CRC-32 of IEEE 802.3 (reflected polynomial 0xEDB88320), as in gzip.
package enum CRC32 {
  /// Eight tables of 256: table n tells what a byte does to the sum n bytes later. A query checks
  /// every block that it touches, and eight bytes a step make that several times faster.
  private static let tables: [UInt32] = {
    var tables = (0..<256).map { index in
      var value = UInt32(index)
      for _ in 0..<8 { value = value & 1 == 1 ? 0xedb8_8320 ^ (value >> 1) : value >> 1 }
      return value
    }
    for index in 256..<2_048 {
      let before = tables[index - 256]
      tables.append((before >> 8) ^ tables[Int(before & 0xff)])
    }
    return tables
  }()

  /// The sum of the first `count` bytes; `count` is at most the span's.
  package static func sum(_ span: Span<UInt8>, count: Int) -> UInt32 {
    let storage = CRC32.tables
    let tables = storage.span
    var sum: UInt32 = 0xffff_ffff
    var index = 0
    while index + 8 <= count {
      let low = sum ^ word(span, index)
      let high = word(span, index + 4)
      sum =
        tables[1_792 + Int(low & 0xff)] ^ tables[1_536 + Int(low >> 8 & 0xff)]
        ^ tables[1_280 + Int(low >> 16 & 0xff)] ^ tables[1_024 + Int(low >> 24)]
        ^ tables[768 + Int(high & 0xff)] ^ tables[512 + Int(high >> 8 & 0xff)]
        ^ tables[256 + Int(high >> 16 & 0xff)] ^ tables[Int(high >> 24)]
      index += 8
    }
    while index < count {
      sum = tables[Int((sum ^ UInt32(span[index])) & 0xff)] ^ (sum >> 8)
      index += 1
    }
    return ~sum
  }

  private static func word(_ span: Span<UInt8>, _ index: Int) -> UInt32 {
    UInt32(span[index]) | UInt32(span[index + 1]) << 8 | UInt32(span[index + 2]) << 16
      | UInt32(span[index + 3]) << 24
  }
}
