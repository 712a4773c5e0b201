import AgentCore
import Testing

/// Every parser takes every byte: a trap would end the agent.
@Suite struct ParserFuzzTests {
  /// A generator of its own, so that a failing mutation can be made again from its seed.
  private struct Generator {
    var state: UInt64
    mutating func next(_ bound: Int) -> Int {
      state &+= 0x9e37_79b9_7f4a_7c15
      var value = state
      value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
      value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
      value ^= value >> 31
      return bound > 0 ? Int(value % UInt64(bound)) : 0
    }
  }

  /// Numbers at the edges, separators of every format, and bytes that are no text.
  private static let pieces: [[UInt8]] =
    [
      "-9223372036854775808", "9223372036854775807", "18446744073709551615", "-", "/", ":", "@",
      " samples [", "]", "[", "{", "\"", "\\040", "\\777", "\\", ",", "\n", "\n\n", " ", "\t",
      "1/2", "-1/-1", ":/", "-lwp-", "_UUID", "mgsnode=", "svname=", "status:", "gen:", "- ",
      "snapshot_time", "start_time", "usecs", "99999999999999999999999999", ".",
    ].map { Array($0.utf8) } + [[0], [0xff], [0xc3], [0xf0, 0x9f]]

  private static func mutate(_ bytes: [UInt8], _ generator: inout Generator) -> [UInt8] {
    var bytes = bytes
    for _ in 0...generator.next(6) {
      let position = generator.next(bytes.count + 1)
      switch generator.next(6) {
      case 0 where position < bytes.count: bytes[position] = UInt8(generator.next(256))
      case 1 where position < bytes.count:
        let end = min(bytes.count, position + 1 + generator.next(20))
        bytes.removeSubrange(position..<end)
      case 2: bytes.insert(contentsOf: pieces[generator.next(pieces.count)], at: position)
      case 3: bytes.removeLast(bytes.count - position)
      case 4 where position < bytes.count:
        let end = min(bytes.count, position + 1 + generator.next(60))
        bytes.append(contentsOf: bytes[position..<end])
      default: bytes.insert(UInt8(generator.next(256)), at: position)
      }
    }
    return bytes
  }

  @Test(.timeLimit(.minutes(2)), arguments: ParserInput.all)
  func noMutationTraps(input: ParserInput) {
    var generator = Generator(state: 0x1f2e_3d4c)
    var things = 0
    for text in input.texts {
      var bytes = Array(text.utf8)
      for round in 0..<3_000 {
        // Mutations pile up for a while, then start again from the good text.
        if round % 20 == 0 || bytes.count > 20_000 { bytes = Array(text.utf8) }
        bytes = Self.mutate(bytes, &generator)
        things &+= input.parse(bytes)
      }
    }
    #expect(things != 0, "the parser never gave anything: is it called?")
  }

  @Test(arguments: ParserInput.all) func noTruncationTraps(input: ParserInput) {
    for text in input.texts {
      let bytes = Array(text.utf8)
      for end in 0...bytes.count { _ = input.parse(Array(bytes[..<end])) }
      let whole = input.parse(bytes)
      #expect(whole == input.parse(bytes), "the same bytes give the same answer")
    }
  }

  @Test func everyTruncationOfAStatsFileKeepsTheWholeLinesBeforeIt() {
    let bytes = Array(StatsTexts.v210.utf8)
    for end in 0...bytes.count {
      let cut = Array(bytes[..<end])
      let wholeLines = cut.filter { $0 == 0x0a }.count
      let count = StatsParser.parse(cut.span).value.counters.count
      // One heading, and the cut line may still be understood.
      #expect(count >= wholeLines - 1 && count <= wholeLines)
    }
  }
}
