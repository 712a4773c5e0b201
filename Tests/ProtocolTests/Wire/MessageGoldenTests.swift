import Testing

@testable import Protocol

@Suite struct MessageGoldenTests {
  /// The payloads of `everyMessage`, in its order: JSON as text, else hexadecimal.
  private let golden: [(type: UInt8, payload: String)] = [
    (
      1,
      #"{"agentVersion":"0.1.0","boot":"b1","capabilities":["logs"],"#
        + #""collectMilliseconds":250,"firstHeldOrder":4,"givenUp":{"from":2,"samples":200,"through":3},"#
        + #""highestOrder":9223372036854775807,"hostname":"oss1","incarnation":"i1","lives":[{"#
        + #""boot":"b0","firstOrder":5,"firstStamp":{"bootNanoseconds":1,"wallNanoseconds":-2},"#
        + #""incarnation":"i0","lastOrder":9,"lastStamp":{"bootNanoseconds":3,"#
        + #""wallNanoseconds":4},"lost":[{"from":1,"samples":8,"through":4},"#
        + #"{"from":7,"through":7}]}],"major":1,"#
        + #""minor":1,"readsTree":false,"server":"00112233-4455-6677-8899-aabbccddeeff"}"#
    ),
    (
      2,
      #"{"collectMilliseconds":1000,"durableOrder":41,"lives":[6],"major":1,"minor":1,"#
        + #""renewWithinSeconds":864000,"session":"s1"}"#
    ),
    (3, #"{"count":7}"#),
    (4, #"{"order":42}"#),
    (
      5,
      #"{"code":"agent-stopping","reason":"it stops","remedy":"Wait.","severity":"info","#
        + #""subject":"oss1"}"#
    ),
    (
      6,
      #"{"sections":[{"digest":18446744073709551614,"#
        + #""key":{"name":"exports","subject":"fs1-OST0000"}}]}"#
    ),
    (7, #"{"keys":[{"name":"exports","subject":"fs1-OST0000"}]}"#),
    (8, #"{"request":"-----BEGIN\n"}"#),
    (9, #"{"authority":"a","certificate":"c/d"}"#),
    (10, #"{"from":3,"samples":700,"through":9}"#),
    (
      32,
      #"{"body":{"a":[null,true,0.5],"b":18446744073709551615},"collector":"exports","#
        + #""digest":3674986760920954625,"key":{"name":"exports","subject":"fs1-OST0000"}}"#
    ),
    (33, #"{"name":"exports","subject":"fs1-OST0000"}"#),
    (
      34,
      #"{"began":{"bootNanoseconds":1,"wallNanoseconds":-2},"collector":"exports","#
        + #""outcome":"sampled"}"#
    ),
    (
      64,
      """
      02 00 00 02 7570 00 01 01 31 00 40 00
      05 00 04 646f776e 01 02 6f70 01 72 01 01 31 00 40 00
      """
    ),
    (65, "01 02 03 00"),
    (
      66,
      #"{"lines":[{"cursor":12,"origin":"kernel","priority":4,"#
        + #""stamp":{"bootNanoseconds":1,"wallNanoseconds":-2},"text":"LustreError: é\n"}]}"#
    ),
    (11, #"{"life":0,"order":8}"#),
    (12, #"{"from":2,"life":1,"through":5}"#),
    (80, "ac02 01 07 00 02 7570 00 01 01 31 00 40 00"),
    (81, "00 01 02 03 00"),
    (
      90,
      """
      01 03 02 03 9003 8001 01 0b 6673312d4f535430303030 01 0c 31302e302e302e3140746370
      0a 0b 09 05 06 07 08 01 04 64642e30 01 ac02 02 ffffffffffffffffff01
      """
    ),
    (20, #"{"order":44}"#),
    (13, #"{"digest":18446744073709551615,"sections":2}"#),
    (14, "{}"),
    (
      35,
      """
      02 00 03 6f7374 07 73616d706c6564 00 904e 01 03 6d6474 06 6661696c6564 01 03 45494f 00
      80ade204 80d1ca08 02 00 02 00 03
      """
    ),
    (15, ""),
  ]

  private func bytes(_ payload: String) -> [UInt8] {
    payload.hasPrefix("{") ? Array(payload.utf8) : unhex(payload)
  }

  @Test func theBytesOfEveryMessageNeverChange() throws {
    let messages = try everyMessage()
    #expect(messages.count == golden.count)
    for (message, golden) in zip(messages, golden) {
      #expect(message.type == golden.type)
      let payload = try message.encoded()
      #expect(
        hex(payload) == hex(bytes(golden.payload)), "\(String(decoding: payload, as: UTF8.self))")
    }
  }

  @Test func theGoldenBytesAreReadAsTheMessages() throws {
    for (message, golden) in zip(try everyMessage(), golden) {
      #expect(try Message(type: golden.type, payload: bytes(golden.payload)) == message)
    }
  }

  @Test func everyTypeHasAGoldenAndALane() throws {
    #expect(Set(golden.map(\.type)) == Set(MessageType.allCases.map(\.rawValue)))
    for type in MessageType.allCases {
      let expected: Lane = type.rawValue < 32 ? .control : type.rawValue < 64 ? .state : .bulk
      #expect(lane(ofType: type.rawValue) == expected)
    }
    #expect(lane(ofType: 0) == .control)
    #expect(lane(ofType: 255) == .bulk)
  }

  @Test func theBytesOfAFrameNeverChange() throws {
    let frame = Frame(type: 3, stamp: stamp, payload: Array("{}".utf8))
    let bytes = unhex("00000015 01 03 00 0000000000000001 fffffffffffffffe 7b7d")
    #expect(hex(frame.encoded()) == hex(bytes))
    var decoder = FrameDecoder()
    #expect(try decoder.feed(bytes.span) == [frame])
    var continued = frame
    continued.isContinued = true
    #expect(continued.encoded()[6] == 1)
  }

  @Test func theBytesOfTargetsAndCountersNeverChange() throws {
    let declaration = SeriesDeclaration(
      key: SeriesKey(
        subject: .target(TargetReference(label: "fs1-OST0000", mgs: ["10.0.0.1@tcp"])),
        metric: "up", labels: ["op": "r", "a": ""]), kind: .counter, unit: "bytes", decimals: 2,
      width: 32, source: "s")
    let bytes = unhex(
      """
      01 812c 01 0b 6673312d4f535430303030 01 0c 31302e302e302e3140746370 02 7570
      02 01 61 00 02 6f70 01 72 00 05 6279746573 02 20 01 73
      """)
    #expect(hex(DeclarationCodec.encode([5_633: declaration])) == hex(bytes))
    #expect(try DeclarationCodec.decode(bytes.span) == [5_633: declaration])
  }

  @Test func theBytesOfBatchesNeverChange() throws {
    let stamp = Stamp(bootNanoseconds: 1_000, wallNanoseconds: -1)
    let batches = [
      SampleBatch(order: 7, stamp: stamp, ids: [0, 1, 2, 9], bits: [0, 0, 5, 300]),
      SampleBatch(order: 8, stamp: stamp, ids: [0, 2], bits: [.max, 5]),
      SampleBatch(order: 9, stamp: stamp, ids: [], bits: []),
    ]
    let golden = [
      "07 d00f 01 04 00 03 00 01 0a 06 01 d804", "08 d00f 01 02 00 01 01 01 01 00 00",
      "09 d00f 01 00",
    ].map(unhex)
    var encoder = SampleEncoder()
    var decoder = SampleDecoder()
    for (batch, bytes) in zip(batches, golden) {
      #expect(hex(encoder.encode(batch)) == hex(bytes))
      #expect(try decoder.decode(bytes.span) == batch)
    }
  }
}
