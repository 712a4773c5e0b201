import Testing

@testable import Protocol

@Suite struct FrameTests {
  private let frames = [
    Frame(type: 3, stamp: stamp, payload: []),
    Frame(type: 200, isContinued: true, stamp: stamp, payload: [1, 2, 3]),
    Frame(
      type: 64,
      stamp: Stamp(
        bootNanoseconds: WireLimits.stampNanoseconds - 1,
        wallNanoseconds: 1 - WireLimits.stampNanoseconds),
      payload: [UInt8](repeating: 7, count: WireLimits.framePayloadBytes)),
  ]

  @Test func framesComeOutHoweverTheStreamIsCut() throws {
    let bytes = frames.flatMap { $0.encoded() }
    for size in [1, 2, 5, 23, 1_000, 65_536, bytes.count] {
      var decoder = FrameDecoder()
      var decoded: [Frame] = []
      for start in stride(from: 0, to: bytes.count, by: size) {
        let piece = Array(bytes[start..<min(bytes.count, start + size)])
        decoded += try decoder.feed(piece.span)
      }
      #expect(decoded == frames)
      #expect(!decoder.isInsideFrame)
    }
  }

  @Test func aFrameCutAtAnyByteIsNoFrame() throws {
    let bytes = frames[1].encoded()
    for length in 1..<bytes.count {
      var decoder = FrameDecoder()
      #expect(try decoder.feed(Array(bytes[..<length]).span) == [])
      #expect(decoder.isInsideFrame)
      #expect(try decoder.feed(Array(bytes[length...]).span) == [frames[1]])
    }
  }

  @Test func theLargestFrameIsServedAndOneByteMoreIsRefusedAtItsLength() {
    #expect(frames[2].encoded().count == WireLimits.frameBytes)
    #expect(refusal(unhex("0000fffd")) == .tooLong(what: "a frame", length: 65_537, limit: 65_536))
    #expect(refusal(unhex("ffffffff"))?.reason.contains("the limit is 65536") == true)
  }

  @Test func anAnswerInHTTPIsToldAsWhatItIs() {
    #expect(
      refusal(Array("HTTP/1.1 400 Bad Request".utf8))?.reason.contains("no agents' port") == true)
  }

  @Test func aFrameShorterThanItsHeaderIsRefused() {
    #expect(refusal(unhex("00000000")) != nil)
    #expect(refusal(unhex("00000012")) != nil)
    #expect(refusal(unhex("00000013")) == nil)
  }

  @Test func anotherVersionIsRefusedAsSoonAsItIsSeen() {
    #expect(
      refusal(unhex("00000015 02")) == .malformed("frame version 2, this side speaks 1"))
    var bytes = frames[0].encoded()
    bytes[4] = 0
    #expect(refusal(bytes) != nil)
  }

  @Test func aClockOfNoCenturyIsRefused() {
    let limit = WireLimits.stampNanoseconds
    for clock in [limit, -limit, .max, .min] {
      let boot = Stamp(bootNanoseconds: clock, wallNanoseconds: 0)
      #expect(refusal(Frame(type: 3, stamp: boot, payload: []).encoded()) != nil)
      let wall = Stamp(bootNanoseconds: 0, wallNanoseconds: clock)
      #expect(refusal(Frame(type: 3, stamp: wall, payload: []).encoded()) != nil)
    }
  }

  @Test func unknownFlagsAreIgnored() throws {
    var bytes = frames[0].encoded()
    bytes[6] = 0xfe
    var decoder = FrameDecoder()
    #expect(try decoder.feed(bytes.span) == [frames[0]])
  }

  @Test func nothingIsTakenAfterAMalformedFrame() throws {
    var decoder = FrameDecoder()
    #expect(throws: WireError.self) { try decoder.feed(unhex("ffffffff").span) }
    #expect(throws: WireError.self) { try decoder.feed(frames[0].encoded().span) }
  }

  private func refusal(_ bytes: [UInt8]) -> WireError? {
    var decoder = FrameDecoder()
    do {
      _ = try decoder.feed(bytes.span)
      return nil
    } catch {
      return error
    }
  }
}
