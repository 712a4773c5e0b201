import Testing

@testable import Protocol

@Suite struct ToleranceTests {
  private func read(_ type: MessageType, _ json: String) throws -> Message {
    try Message(type: type.rawValue, payload: Array(json.utf8))
  }

  @Test func aMessageOfAnUnknownTypeIsToldApartAndLetGo() throws {
    for type in (UInt8.min...UInt8.max) where MessageType(rawValue: type) == nil {
      let message = try Message(type: type, payload: [0xff, 0, 1])
      #expect(message == .unrecognised(type: type))
      #expect(message.type == type)
    }
  }

  @Test func anUnknownTypeInPiecesDoesNotDisturbTheOthers() throws {
    var assembler = FrameAssembler()
    let foreign = Frame(type: 40, isContinued: true, stamp: stamp, payload: [9])
    #expect(try assembler.add(foreign) == nil)
    let beat = Frame(type: 3, stamp: stamp, payload: Array(#"{"count":1}"#.utf8))
    #expect(try assembler.add(beat) == .heartbeat(1))
    let end = Frame(type: 40, stamp: stamp, payload: [9])
    #expect(try assembler.add(end) == .unrecognised(type: 40))
  }

  @Test func unknownMembersAreIgnoredInEveryJSONMessage() throws {
    for message in try everyMessage() where ![15, 35, 64, 65, 80, 81, 90].contains(message.type) {
      var json = String(decoding: try message.encoded(), as: UTF8.self)
      json.insert(
        contentsOf: #""zNew":{"deep":[1,{"x":null}]}"# + (json == "{}" ? "" : ","),
        at: json.index(after: json.startIndex))
      #expect(try Message(type: message.type, payload: Array(json.utf8)) == message)
    }
  }

  @Test func aSignOfLifeIsOneWhateverALaterVersionPutsIntoIt() throws {
    #expect(try Message(type: MessageType.alive.rawValue, payload: [0x7b, 0xff]) == .alive)
  }

  @Test func missingOptionalMembersAreNoError() throws {
    let json =
      #"{"began":{"bootNanoseconds":1,"wallNanoseconds":2},"collector":"c","outcome":"failed"}"#
    guard case .cycle(let end) = try read(.cycle, json) else {
      Issue.record("no cycle")
      return
    }
    #expect(end.reason == nil)
  }

  @Test func unknownValuesOfEnumerationsAreUnrecognised() throws {
    let cycle = try read(
      .cycle,
      #"{"began":{"bootNanoseconds":1,"wallNanoseconds":2},"collector":"c","outcome":"paused"}"#)
    #expect(
      cycle
        == .cycle(
          CycleEnd(
            collector: "c", outcome: .unrecognised, reason: nil,
            began: Stamp(bootNanoseconds: 1, wallNanoseconds: 2))))
    guard
      case .goodbye(let diagnostic) = try read(
        .goodbye, #"{"code":"new-code","reason":"r","remedy":"","severity":"fatal","subject":"s"}"#)
    else {
      Issue.record("no goodbye")
      return
    }
    #expect(diagnostic.code == "new-code")
    #expect(diagnostic.severity == .unrecognised)
  }

  @Test func anUnknownKindOfSeriesStaysUnknown() throws {
    var declaration = gauge()
    declaration.kind = .unrecognised
    let bytes = DeclarationCodec.encode([0: declaration])
    #expect(try DeclarationCodec.decode(bytes.span) == [0: declaration])
  }

  @Test func unknownSectionBodiesTravelUnchanged() throws {
    let body = #"{"a":-9223372036854775808,"b":[1.25,"é",{}],"c":18446744073709551615}"#
    let json = #"{"body":\#(body),"collector":"new","digest":1,"key":{"name":"new","subject":""}}"#
    guard case .section(let section) = try read(.section, json) else {
      Issue.record("no section")
      return
    }
    #expect(String(decoding: try CanonicalJSON.encode(section.body), as: UTF8.self) == body)
  }

  @Test func wrongJSONIsRefusedWithAReason() {
    let cases: [(MessageType, String)] = [
      (.heartbeat, ""), (.heartbeat, "{}"), (.heartbeat, #"{"count":-1}"#), (.heartbeat, "[1]"),
      (.heartbeat, #"{"count":18446744073709551616}"#), (.heartbeat, #"{"count":"1"}"#),
      (.hello, #"{"major":1}"#), (.sectionGone, #"{"name":"x"}"#), (.logs, #"{"lines":[{}]}"#),
      (.digests, "\u{1}"), (.cycle, #"{"began":{},"collector":"c","outcome":"failed"}"#),
    ]
    for (type, json) in cases {
      #expect(throws: WireError.malformed("\(type): not the JSON that was agreed on")) {
        try Message(type: type.rawValue, payload: Array(json.utf8))
      }
    }
  }

  @Test func numbersThatArithmeticCanNotHoldAreRefused() throws {
    let most = WireLimits.highestOrder
    #expect(try read(.acknowledge, #"{"order":\#(most)}"#) == .acknowledge(order: most))
    let began = #"{"bootNanoseconds":1,"wallNanoseconds":-9223372036854775808}"#
    let hello =
      #"{"agentVersion":"1","boot":"b","capabilities":[],"hostname":"h","incarnation":"i","#
      + #""major":1,"minor":0,"readsTree":false,"server":"00112233-4455-6677-8899-aabbccddeeff","#
    let cases: [(MessageType, String)] = [
      (.acknowledge, #"{"order":\#(most + 1)}"#),
      (.dropped, #"{"from":0,"through":1,"samples":1}"#),
      (.dropped, #"{"from":3,"through":2,"samples":1}"#),
      (.dropped, #"{"from":1,"through":\#(most + 1),"samples":1}"#),
      (.dropped, #"{"from":1,"through":2,"samples":18446744073709551615}"#),
      (.cycle, #"{"began":\#(began),"collector":"c","outcome":"failed"}"#),
      (
        .logs,
        #"{"lines":[{"cursor":1,"origin":"k","priority":1,"stamp":\#(began),"text":""}]}"#
      ),
      (.hello, hello + #""highestOrder":\#(most + 1)}"#),
      (.hello, hello + #""highestOrder":1,"firstHeldOrder":\#(most + 1)}"#),
      (.hello, hello + #""highestOrder":1,"givenUp":{"from":0,"through":1,"samples":1}}"#),
      (.lifeAcknowledged, #"{"life":-1,"order":1}"#),
      (.lifeAcknowledged, #"{"life":1025,"order":1}"#),
      (.lifeAcknowledged, #"{"life":0,"order":\#(most + 1)}"#),
      (.lifeDropped, #"{"from":2,"life":0,"through":1}"#),
      (.lifeDropped, #"{"from":1,"life":0,"samples":18446744073709551615,"through":1}"#),
    ]
    for (type, json) in cases {
      do {
        _ = try read(type, json)
        Issue.record("taken: \(json)")
      } catch let error as WireError {
        #expect(!error.reason.contains("agreed on"), "\(json): \(error.reason)")
      }
    }
    #expect(try read(.hello, hello + #""highestOrder":1}"#).type == 1)
  }

  @Test func aLifeThatCanNotBeIsRefused() throws {
    let sound = HeldLife(
      boot: BootID("b"), incarnation: "i", firstOrder: 2, lastOrder: 1, firstStamp: stamp,
      lastStamp: stamp)
    func hello(_ lives: [HeldLife]) throws -> Message {
      let message = Message.hello(
        Hello(
          server: try server(), boot: BootID("b1"), incarnation: "i1", hostname: "oss1",
          agentVersion: "1", highestOrder: 1, lives: lives, readsTree: false))
      return try Message(type: message.type, payload: message.encoded())
    }
    #expect(try hello([sound]).type == 1)
    let most = (0..<WireLimits.lives).map { number in
      var life = sound
      life.incarnation = "\(number)"
      return life
    }
    #expect(try hello(most).type == 1)
    #expect(throws: WireError.self) { try hello(most + [sound]) }
    let changes: [(inout HeldLife) -> Void] = [
      { $0.firstOrder = 0 }, { $0.firstOrder = 3 }, { $0.lastOrder = 0 },
      { $0.lastOrder = WireLimits.highestOrder + 1 },
      { $0.lastStamp.wallNanoseconds = .max }, { $0.firstStamp.bootNanoseconds = .min },
      { $0.boot = BootID(String(repeating: "b", count: WireLimits.bootBytes + 1)) },
      { $0.incarnation = String(repeating: "i", count: WireLimits.incarnationBytes + 1) },
      { $0.lost = [LostBatches(from: 0, through: 1, samples: 1)] },
      {
        $0.lost = Array(
          repeating: LostBatches(from: 1, through: 1, samples: 1),
          count: WireLimits.lostRanges + 1)
      },
    ]
    for change in changes {
      var life = sound
      change(&life)
      #expect(throws: WireError.self, "\(life)") { try hello([life]) }
    }
  }

  @Test func whatAPeerDoesNotKnowOfLivesIsNoError() throws {
    let json =
      #"{"collectMilliseconds":1000,"durableOrder":1,"major":1,"minor":0,"#
      + #""renewWithinSeconds":1,"session":"s"}"#
    guard case .welcome(let welcome) = try read(.welcome, json) else {
      Issue.record("no welcome")
      return
    }
    #expect(welcome.lives == nil)
  }

  @Test func deepAndBrokenJSONEndsWithAnErrorNotWithTheStack() {
    for text in [
      String(repeating: "[", count: 200_000), String(repeating: #"{"a":"#, count: 200_000),
      String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000),
    ] {
      let json = #"{"body":\#(text),"collector":"c","digest":1,"key":{"name":"n","subject":""}}"#
      #expect(throws: WireError.self) {
        try Message(type: MessageType.section.rawValue, payload: Array(json.utf8))
      }
    }
    #expect(throws: WireError.self) {
      try Message(type: MessageType.section.rawValue, payload: [0x7b, 0xff, 0xfe, 0x7d])
    }
  }

  @Test func aDeepBodyWithinTheBoundIsRead() throws {
    let text = String(repeating: "[", count: 60) + String(repeating: "]", count: 60)
    let json = #"{"body":\#(text),"collector":"c","digest":1,"key":{"name":"n","subject":""}}"#
    #expect(try read(.section, json).type == MessageType.section.rawValue)
  }
}
