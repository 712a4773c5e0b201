import Testing

@testable import Protocol

@Suite struct VarintTests {
  @Test func numbersComeBackAtEveryLength() throws {
    var random = SplitMix(seed: 1)
    var values: [UInt64] = [0, 1, 127, 128, 16_383, 16_384, .max, .max - 1, 1 << 63]
    values += (0..<2_000).map { _ in random.next() >> UInt64(random.below(64)) }
    for value in values {
      var writer = ByteWriter()
      writer.varint(value)
      writer.zigzag(Int64(bitPattern: value))
      var cursor = ByteCursor()
      #expect(try cursor.varint(writer.bytes.span) == value)
      #expect(try cursor.zigzag(writer.bytes.span) == Int64(bitPattern: value))
      #expect(cursor.index == writer.bytes.count)
    }
  }

  @Test func theBytesAreThoseOfLEB128() {
    var writer = ByteWriter()
    writer.varint(300)
    writer.zigzag(-1)
    writer.zigzag(.min)
    writer.text("é")
    #expect(hex(writer.bytes) == "ac02" + "01" + "ffffffffffffffffff01" + "02c3a9")
  }

  @Test func moreThan64BitsAreRefused() {
    for text in ["ffffffffffffffffff02", "ffffffffffffffffffff01", "80808080808080808080 01"] {
      var cursor = ByteCursor()
      #expect(throws: WireError.malformed("a varint of more than 64 bits")) {
        try cursor.varint(unhex(text).span)
      }
    }
    var cursor = ByteCursor()
    #expect(throws: WireError.truncated) { try cursor.varint(unhex("ffff").span) }
  }

  @Test func countsAndTextsAreRefusedAboveTheirLimitBeforeTheyAreRead() {
    var cursor = ByteCursor()
    #expect(throws: WireError.tooLong(what: "x", length: .max, limit: 5)) {
      try cursor.count(unhex("ffffffffffffffffff01").span, of: "x", limit: 5)
    }
    cursor = ByteCursor()
    #expect(throws: WireError.tooLong(what: "x", length: 6, limit: 5)) {
      try cursor.text(unhex("06 616161616161").span, of: "x", limit: 5)
    }
    cursor = ByteCursor()
    #expect(throws: WireError.truncated) {
      try cursor.text(unhex("05 61616161").span, of: "x", limit: 5)
    }
    cursor = ByteCursor()
    #expect(throws: WireError.malformed("x is not UTF-8")) {
      try cursor.text(unhex("02 c328").span, of: "x", limit: 5)
    }
  }

  @Test func aSkipNeverLeavesTheBytes() throws {
    let bytes = unhex("010203")
    var cursor = ByteCursor()
    try cursor.skip(bytes.span, 2)
    #expect(cursor.index == 2)
    for count in [2, -1, .max, .min] {
      #expect(throws: WireError.truncated) { try cursor.skip(bytes.span, count) }
    }
    #expect(try cursor.byte(bytes.span) == 3)
  }
}
