import Testing

@testable import Protocol

@Suite struct LaneTests {
  private func bigSection(_ bytes: Int = 300_000) throws -> Message {
    .section(
      try Section(
        key: SectionKey("exports", "fs1-MDT0000"), collector: "exports",
        body: .string(String(repeating: "x", count: bytes))))
  }

  @Test func aLongMessageIsContinuedOverFramesAndPutTogetherAgain() throws {
    let message = try bigSection()
    var lanes = OutboundLanes()
    try lanes.enqueue(message)
    #expect(lanes.queuedBytes == (try message.encoded().count))
    let frames = drain(&lanes)
    #expect(frames.count == 5)
    #expect(frames.map(\.isContinued) == [true, true, true, true, false])
    #expect(frames.allSatisfy { $0.encoded().count <= WireLimits.frameBytes })
    #expect(lanes.isEmpty)
    #expect(lanes.queuedBytes == 0)
    #expect(try assemble(frames) == [message])
  }

  @Test func aHeartbeatOvertakesALongSection() throws {
    var lanes = OutboundLanes()
    let section = try bigSection()
    try lanes.enqueue(section)
    let first = lanes.nextFrame(stamp: stamp)
    var frames = [try #require(first)]
    try lanes.enqueue(.heartbeat(1))
    frames += drain(&lanes)
    #expect(frames.map(\.type) == [32, 3, 32, 32, 32, 32])
    #expect(try assemble(frames) == [.heartbeat(1), section])
  }

  @Test func bulkGetsEveryFourthTurnWhileStateIsBusy() throws {
    var lanes = OutboundLanes()
    for _ in 0..<6 { lanes.enqueue(type: 33, payload: [0]) }
    for _ in 0..<3 { lanes.enqueue(type: 65, payload: [0]) }
    lanes.enqueue(type: 3, payload: [0])
    #expect(drain(&lanes).map(\.type) == [3, 33, 33, 33, 65, 33, 33, 33, 65, 65])
  }

  @Test func messagesOfThreeLanesMixFrameByFrame() throws {
    var random = SplitMix(seed: 4)
    for _ in 0..<20 {
      var lanes = OutboundLanes()
      var sent: [Message] = []
      var frames: [Frame] = []
      for _ in 0..<40 {
        let message: Message =
          switch random.below(4) {
          case 0: .heartbeat(random.next())
          case 1: try bigSection(random.below(150_000))
          case 2: .samples(encoded: [UInt8](repeating: 3, count: random.below(200_000)))
          default: .samples(encoded: [])
          }
        sent.append(message)
        try lanes.enqueue(message)
        for _ in 0..<random.below(4) {
          if let frame = lanes.nextFrame(stamp: stamp) { frames.append(frame) }
        }
      }
      frames += drain(&lanes)
      let received = try assemble(frames)
      for lane in Lane.allCases {
        #expect(
          received.filter { Protocol.lane(ofType: $0.type) == lane }
            == sent.filter { Protocol.lane(ofType: $0.type) == lane })
      }
    }
  }

  @Test func aLaneThatIsNeverEmptyStillCountsAndKeepsItsOrder() throws {
    var lanes = OutboundLanes()
    var next: UInt64 = 0
    var expected: UInt64 = 0
    for _ in 0..<5 {
      try lanes.enqueue(.heartbeat(next))
      next += 1
    }
    for _ in 0..<5_000 {
      try lanes.enqueue(.heartbeat(next))
      next += 1
      let sent = lanes.nextFrame(stamp: stamp)
      let frame = try #require(sent)
      #expect(try Message(type: frame.type, payload: frame.payload) == .heartbeat(expected))
      expected += 1
      #expect(lanes.queuedMessages == 5)
      #expect(lanes.queuedMessages(in: .control) == 5)
    }
    #expect(drain(&lanes).count == 5)
    #expect(lanes.queuedBytes == 0)
  }

  @Test func twoMessagesOfOneLaneNeverMix() throws {
    var assembler = FrameAssembler()
    let begun = Frame(type: 32, isContinued: true, stamp: stamp, payload: [1])
    #expect(try assembler.add(begun) == nil)
    #expect(throws: WireError.malformed("type 33 in the middle of type 32")) {
      try assembler.add(Frame(type: 33, stamp: stamp, payload: [1]))
    }
  }

  @Test func aMessageLongerThanItsLaneAllowsIsRefusedBeforeItIsWhole() throws {
    for (type, lane) in [(UInt8(6), Lane.control), (32, .state), (65, .bulk), (250, .bulk)] {
      var assembler = FrameAssembler()
      let piece = [UInt8](repeating: 0, count: WireLimits.framePayloadBytes)
      let frame = Frame(type: type, isContinued: true, stamp: stamp, payload: piece)
      let fitting = lane.messageLimit / piece.count
      for _ in 0..<fitting { #expect(try assembler.add(frame) == nil) }
      #expect(
        throws: WireError.tooLong(
          what: "a message", length: (fitting + 1) * piece.count, limit: lane.messageLimit)
      ) { try assembler.add(frame) }
    }
    #expect(Lane.allCases.map(\.messageLimit) == [4 << 20, 16 << 20, 8 << 20])
  }

  private func drain(_ lanes: inout OutboundLanes) -> [Frame] {
    var frames: [Frame] = []
    while let frame = lanes.nextFrame(stamp: stamp) { frames.append(frame) }
    return frames
  }

  private func assemble(_ frames: [Frame]) throws -> [Message] {
    var decoder = FrameDecoder()
    var assembler = FrameAssembler()
    var messages: [Message] = []
    let bytes = frames.flatMap { $0.encoded() }
    for frame in try decoder.feed(bytes.span) {
      if let message = try assembler.add(frame) { messages.append(message) }
    }
    return messages
  }
}
