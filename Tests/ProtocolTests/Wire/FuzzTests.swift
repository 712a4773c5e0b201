import Testing

@testable import Protocol

/// Mutated input of fixed seeds: whatever comes over the wire is read or refused, never trapped on,
/// and never becomes more than its limits.
@Suite struct FuzzTests {
  @Test func everyMessageCutAtAnyByteIsRefused() throws {
    // Encoded samples are bytes to the message, whatever their number.
    let samples = [MessageType.samples, .lifeSamples, .cycles].map(\.rawValue)
    for message in try everyMessage() where !samples.contains(message.type) {
      let payload = try message.encoded()
      for length in payload.indices {
        #expect(throws: WireError.self, "type \(message.type) cut at \(length)") {
          try Message(type: message.type, payload: Array(payload[..<length]))
        }
      }
    }
    let bytes = unhex("07 d00f 01 04 00 03 00 01 0a 06 01 d804")
    for length in bytes.indices {
      var decoder = SampleDecoder()
      #expect(throws: WireError.truncated) { try decoder.decode(Array(bytes[..<length]).span) }
    }
    for length in encodedCycles.indices {
      var cycles = CycleDecoder()
      #expect(throws: WireError.truncated) {
        try cycles.decode(Array(encodedCycles[..<length]).span)
      }
    }
  }

  @Test func mutatedMessagesAreReadOrRefused() throws {
    var random = SplitMix(seed: 100)
    var refused = 0
    for message in try everyMessage() {
      let payload = try message.encoded()
      for _ in 0..<600 {
        do {
          let read = try Message(type: message.type, payload: random.mutate(payload))
          #expect(read.type == message.type)
          _ = try read.encoded()
        } catch is WireError {
          refused += 1
        }
      }
    }
    #expect(refused > 3_000)
  }

  @Test func mutatedDeclarationsAreReadOrRefused() {
    var random = SplitMix(seed: 101)
    let seed = DeclarationCodec.encode([
      0: gauge("a", labels: ["x": "y", "z": ""]), 1: gauge("b"), 900_000: gauge("c"),
    ])
    var taken = 0
    for _ in 0..<20_000 {
      let bytes = random.mutate(seed)
      guard let declarations = try? DeclarationCodec.decode(bytes.span) else { continue }
      taken += 1
      // A declaration takes nine bytes at least, so a claimed count can not outgrow its message.
      #expect(declarations.count * 9 <= bytes.count)
      #expect(declarations.values.allSatisfy { $0.key.labels.count <= WireLimits.labels })
      let again = try? DeclarationCodec.decode(DeclarationCodec.encode(declarations).span)
      #expect(again == declarations)
    }
    #expect(taken > 500)
  }

  @Test func mutatedBatchesAreReadOrRefused() {
    var random = SplitMix(seed: 102)
    var encoder = SampleEncoder()
    let ids: [UInt32] = [0, 1, 2, 3, 50, 51, 70]
    let seeds = (1...8).map { order in
      encoder.encode(
        SampleBatch(
          order: order, stamp: stamp, ids: ids,
          bits: ids.map { UInt64($0) * (order / 3) &+ (order == 8 ? .max : 0) }))
    }
    var decoder = SampleDecoder()
    decoder.seriesLimit = 5_000
    var taken = 0
    for round in 0..<20_000 {
      guard let batch = try? decoder.decode(random.mutate(seeds[round % 8]).span) else { continue }
      taken += 1
      #expect(batch.ids.count == batch.bits.count)
      #expect(batch.ids.count <= 5_000)
      #expect(zip(batch.ids, batch.ids.dropFirst()).allSatisfy { $0 < $1 })
      #expect(batch.ids.allSatisfy { $0 < 5_000 })
    }
    #expect(taken > 500)
  }

  @Test func mutatedCycleEndsAreReadOrRefused() {
    var random = SplitMix(seed: 105)
    var encoder = CycleEncoder()
    let seeds = (1...8).map { round in
      encoder.encode(
        twoCycles.map { end in
          var end = end
          end.outcome = round % 3 == 0 ? .stalled : end.outcome
          return end
        })
    }
    var cycles = CycleDecoder()
    var taken = 0
    for round in 0..<20_000 {
      guard let ends = try? cycles.decode(random.mutate(seeds[round % 8]).span) else { continue }
      taken += 1
      #expect(ends.count <= WireLimits.cycleSlots)
      #expect(
        ends.allSatisfy { $0.began.bootNanoseconds > -WireLimits.stampNanoseconds })
    }
    #expect(taken > 500)
  }

  @Test func mutatedStreamsAreReadOrRefused() throws {
    var random = SplitMix(seed: 103)
    let stream = try everyMessage().flatMap { message in
      let payload = try message.encoded()
      let middle = payload.count / 2
      return Frame(
        type: message.type, isContinued: true, stamp: stamp, payload: Array(payload[..<middle])
      ).encoded()
        + Frame(type: message.type, stamp: stamp, payload: Array(payload[middle...])).encoded()
    }
    var frames = 0
    var ended = 0
    for _ in 0..<3_000 {
      let bytes = random.mutate(stream)
      var decoder = FrameDecoder()
      var assembler = FrameAssembler()
      var position = 0
      do {
        while position < bytes.count {
          let end = min(bytes.count, position + 1 + random.below(400))
          for frame in try decoder.feed(Array(bytes[position..<end]).span) {
            #expect(frame.payload.count <= WireLimits.framePayloadBytes)
            frames += 1
            _ = try assembler.add(frame)
          }
          position = end
        }
      } catch {
        ended += 1
      }
    }
    #expect(frames > 20_000)
    #expect(ended > 1_000)
  }

  @Test func noiseIsRefused() {
    var random = SplitMix(seed: 104)
    for _ in 0..<5_000 {
      let noise = (0..<random.below(60)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      var decoder = SampleDecoder()
      decoder.seriesLimit = 1_000
      _ = try? decoder.decode(noise.span)
      var cycles = CycleDecoder()
      _ = try? cycles.decode(noise.span)
      _ = try? DeclarationCodec.decode(noise.span)
      for type in MessageType.allCases where type != .samples {
        _ = try? Message(type: type.rawValue, payload: noise)
      }
      var frames = FrameDecoder()
      if let found = try? frames.feed(noise.span) { #expect(found.count <= noise.count / 23) }
    }
  }

  @Test func moreLogLinesThanTheLimitAreRefused() throws {
    let line = LogLine(origin: "k", cursor: 1, stamp: stamp, priority: 6, text: "t")
    let most = Message.logs(Array(repeating: line, count: WireLimits.logLines))
    #expect(try Message(type: most.type, payload: most.encoded()) == most)
    let more = Message.logs(Array(repeating: line, count: WireLimits.logLines + 1))
    #expect(throws: WireError.tooLong(what: "log lines", length: 1_001, limit: 1_000)) {
      try Message(type: more.type, payload: more.encoded())
    }
  }
}
