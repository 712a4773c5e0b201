import Testing

@testable import Protocol

@Suite struct CycleCodecTests {
  private func end(_ collector: String, _ boot: Int64, _ outcome: CollectorOutcome = .sampled)
    -> CycleEnd
  {
    CycleEnd(
      collector: collector, outcome: outcome, reason: outcome == .failed ? "EIO" : nil,
      began: Stamp(bootNanoseconds: boot, wallNanoseconds: boot + 7_000))
  }

  @Test func whatStandsStillCostsAByteACollector() throws {
    var encoder = CycleEncoder()
    var decoder = CycleDecoder()
    let names = (0..<80).map { "ost/fs1-OST\($0)" }
    let day: Int64 = 86_400_000_000_000
    func ends(_ cycle: Int64) -> [CycleEnd] {
      names.enumerated().map { end($1, cycle * day + Int64($0) * 1_000_000) }
    }
    #expect(try decoder.decode(encoder.encode(ends(1)).span) == ends(1))
    let second = encoder.encode(ends(2))
    #expect(try decoder.decode(second.span) == ends(2))
    #expect(second.count <= 80 + 22)
    var changed = ends(3)
    changed[4].outcome = .failed
    changed[4].reason = "EIO"
    #expect(try decoder.decode(encoder.encode(changed).span) == changed)
    #expect(try decoder.decode(encoder.encode(ends(4)).span) == ends(4))
  }

  @Test func evidenceNeverLooksNewerThanItIs() throws {
    var encoder = CycleEncoder()
    var decoder = CycleDecoder()
    let began: [Int64] = [-3, 0, 1, 999_999, 1_000_000, 1_000_001, 40 * 86_400_000_000_000]
    let ends = began.enumerated().map { end("c\($0)", $1) }
    for (told, read) in zip(ends, try decoder.decode(encoder.encode(ends).span)) {
      #expect(read.collector == told.collector)
      let older = told.began.bootNanoseconds - read.began.bootNanoseconds
      #expect((0..<1_000_000).contains(older))
      #expect(told.began.wallNanoseconds - read.began.wallNanoseconds == older)
    }
  }

  @Test func onlySomeOfThemAndInAnyOrder() throws {
    var encoder = CycleEncoder()
    var decoder = CycleDecoder()
    var random = SplitMix(seed: 3)
    for _ in 0..<200 {
      let numbers = (0..<40).filter { _ in random.below(3) > 0 }.shuffled(using: &random)
      let outcomes: [CollectorOutcome] = [.sampled, .failed, .stalled]
      let ends = numbers.map { end("c\($0)", 0, outcomes[random.below(3)]) }
      let read = try decoder.decode(encoder.encode(ends).span)
      #expect(
        read.sorted { $0.collector < $1.collector } == ends.sorted { $0.collector < $1.collector })
    }
  }

  @Test func aMessageThatIsRefusedLeavesNothingBehind() throws {
    var encoder = CycleEncoder()
    let first = encoder.encode([end("ost", 5)])
    let second = encoder.encode([end("ost", 6)])
    var decoder = CycleDecoder()
    #expect(throws: WireError.self) { try decoder.decode((first + [0]).span) }
    #expect(throws: WireError.self) { try decoder.decode(second.span) }
    #expect(try decoder.decode(first.span) == [end("ost", 5)])
    #expect(try decoder.decode(second.span) == [end("ost", 6)])
  }
}
