import Testing

@testable import Protocol

@Suite struct JSONNestingTests {
  private static func section(_ levels: Int) throws -> Message {
    var body = JSONValue.string("]}\\\"[{")
    for level in 0..<levels { body = level % 2 == 0 ? .array([body]) : .object(["[{": body]) }
    return .section(try Section(key: SectionKey("host"), collector: "host", body: body))
  }

  @Test func aSectionMayBeAsDeepAsTheLimit() throws {
    // The message itself is the first level.
    let message = try Self.section(WireLimits.nesting - 1)
    #expect(try Message(type: message.type, payload: message.encoded()) == message)
  }

  @Test func aDeeperOneIsRefused() throws {
    for levels in [WireLimits.nesting, 200, 505] {
      let message = try Self.section(levels)
      let payload = try message.encoded()
      let error = #expect(throws: WireError.self) {
        try Message(type: message.type, payload: payload)
      }
      #expect(error?.reason.contains("nested deeper than") == true)
    }
  }

  @Test func anotherEncodingIsRefused() throws {
    let message = try Self.section(3)
    let text = String(decoding: try message.encoded(), as: UTF8.self)
    let short: [UInt8] = text.utf16.flatMap { unit -> [UInt8] in
      [UInt8(unit & 0xff), UInt8(unit >> 8)]
    }
    let long: [UInt8] = text.utf8.flatMap { byte -> [UInt8] in [0, 0, 0, byte] }
    let all: [[UInt8]] = [short, [0xff, 0xfe] + short, long]
    for bytes in all {
      let error = #expect(throws: WireError.self) {
        try Message(type: message.type, payload: bytes)
      }
      #expect(error?.reason.contains("not UTF-8") == true)
    }
  }

  @Test func aTextNeverHasMoreBytesThanAreCounted() throws {
    let values: [JSONValue] = [
      .null, .bool(false), .integer(.min), .unsigned(.max), .number(-2.2250738585072014e-308),
      .string("\u{1}\n\"\\é/"), .array([]), .object([:]),
      .object(["a\u{2}": .array([.null, .integer(7)]), "b": .string("")]),
    ]
    for value in values {
      #expect(try CanonicalJSON.encode([value]).count - 2 <= value.textBytes, "\(value)")
    }
  }
}
