import Protocol
import Testing

@testable import ManagerCore

/// Pages of roll-ups on disk: of version 1, which earlier managers left behind, and of version 2.
@Suite struct RollUpPageTests {
  /// A day of a counter in hours, and of a gauge, as a manager of version 1 wrote them.
  private let counterOfOne = """
    0102d0f13c01b503b770b0d6861b02b098b6d8b8a321b0b8f1aef9a4270104012802020201e603ea01000101d21028
    030001000001cad8f6b0b7260180edb402cbce59ccfde204a7a6b305000001aa2d339003a5040000975a7cf6
    """
  private let gaugeOfOne = """
    0102d0f13c01000000000000000002b2aeccc9b8a321b2ce87a0f9a4270104012802020201e603ea01000101853a55
    02000100000180808dcde99108038080ffe1ed91080c91b93ec2a00dfdfb04038080f394040ccbd310dec30dc9b60b
    0380c0dadb020cd6be3ef3bb25d4fa0303ffbf8d929f010c88d2a59901eb8ada8001be8ea4210df78714
    """
  private let begin = RollUpTier.hour.bucket(of: 20_783 * 24 * RollUpTier.hour.nanoseconds)

  private func life(_ source: UInt64, _ first: Int64, _ last: Int64, _ bits: UInt64, _ end: UInt64)
    -> RollUp.Life
  {
    let day = begin * RollUpTier.hour.nanoseconds
    return RollUp.Life(
      source: source, firstNanoseconds: day + first, firstBits: bits, lastNanoseconds: day + last,
      lastBits: end)
  }

  private var counter: RollUp {
    var rollUp = RollUp(tier: .hour, isCounter: true)
    rollUp.buckets = (20...23).map { begin + $0 }
    rollUp.counts = [243, 360, 360, 360]
    rollUp.increases = [2_530_112, 1_795_994, 6_801_152, 1_138_028]
    var last: UInt64 = 660_268_308_005
    rollUp.last = rollUp.increases.map { increase in
      last += increase
      return last
    }
    rollUp.peaks = [2_901, 2_875, 3_075, 2_800]
    rollUp.resets = [0, 0, 0, 0]
    rollUp.lives = [
      life(
        1_983_508_739_196_912_565, 73_176_671_766_040, 86_396_671_766_040, 660_268_308_005, last)
    ]
    return rollUp
  }

  private var gauge: RollUp {
    var rollUp = RollUp(tier: .hour, isCounter: false)
    rollUp.buckets = (20...23).map { begin + $0 }
    rollUp.counts = [243, 360, 360, 360]
    rollUp.last = [
      17_898_976_305_152, 17_896_880_951_296, 17_897_325_682_688, 17_897_158_963_200,
    ]
    rollUp.minima = zip(rollUp.last, [558_784_512, 0, 453_963_776, 70_557_696]).map { $0 - $1 }
    rollUp.maxima = zip(rollUp.last, [364_597_248, 2_461_401_088, 1_204_183_040, 1_336_999_936])
      .map { $0 + $1 }
    rollUp.excesses = [-21_359_603_712, 637_033_418_752, 84_254_863_360, 227_200_540_672]
      .map { UInt64(bitPattern: $0) }
    rollUp.lives = [
      life(0, 73_176_656_219_033, 86_396_656_219_033, 17_898_417_528_832, 17_897_158_963_200)
    ]
    return rollUp
  }

  @Test func pagesOfVersionOneAreRead() throws {
    let counters = try RollUpCodec.decode(unhex(counterOfOne).span)
    #expect(counters.map(\.0) == [2_130])
    #expect(counters.first?.1 == counter)
    let gauges = try RollUpCodec.decode(unhex(gaugeOfOne).span)
    #expect(gauges.map(\.0) == [7_429])
    #expect(gauges.first?.1 == gauge)
  }

  private let goldenOfTwo = """
    0202d0f13c02b503b770b0d6861b000000000000000004b098b6d8b8a321b0b8f1aef9a427b2aeccc9b8a321b2ce87a0
    f9a4270104012802020201e603ea01000102d210206b00cad8f6b0b7260180edb402cbce59ccfde204a7a6b30501aa2d
    339003a504b2295202000101020380808dcde99108038080ffe1ed91080c91b93ec2a00dfdfb04048080f394044c928f
    ea1d3694060380c0dadb020cd6be3ef3bb25d4fa0304ffbf8d929f014c6da64b13294acc7ee78cd49853a7dc995a
    """

  @Test func theBytesOfVersionTwoNeverChange() throws {
    let page: [(SeriesID, RollUp)] = [(2_130, counter), (7_429, gauge)]
    #expect(
      hex(RollUpCodec.encode(page, tier: .hour, begin: begin)) == hex(unhex(goldenOfTwo)))
    let read = try RollUpCodec.decode(unhex(goldenOfTwo).span)
    #expect(read.map(\.0) == page.map(\.0))
    #expect(read.map(\.1) == page.map(\.1))
  }

  /// As most are: what never changed takes its number, its value and five bytes.
  @Test func aCounterThatStandsStillTakesLittleMoreThanItsReading() throws {
    func page(_ count: Int) -> [UInt8] {
      let points = (0..<360).map {
        HistoryPoint(nanoseconds: Int64($0) * 10 * second, source: 5, bits: 3)
      }
      let nature = SeriesNature(isCounter: true, width: 64)
      return RollUpCodec.encode(
        (0..<count).map { (SeriesID($0), RollUp(points, of: nature, tier: .minute)) },
        tier: .minute, begin: 0)
    }
    #expect(page(16).count - page(15).count == 5)
  }

  @Test func damagedPagesOfBothVersionsAreRefusedWithoutATrap() {
    let new = RollUpCodec.encode([(1, counter), (2, gauge)], tier: .hour, begin: begin)
    for good in [unhex(counterOfOne), unhex(gaugeOfOne), new] {
      var random = SplitMix(seed: 12)
      for _ in 0..<8_000 {
        var bytes = good
        for _ in 0...(random.next() % 3) {
          let place = Int(random.next() % UInt64(bytes.count - 4))
          bytes[place] = UInt8(truncatingIfNeeded: random.next())
        }
        let sum = CRC32.sum(bytes.span, count: bytes.count - 4)
        for index in 0..<4 {
          bytes[bytes.count - 4 + index] = UInt8(truncatingIfNeeded: sum >> UInt32(8 * index))
        }
        guard let read = try? RollUpCodec.decode(bytes.span) else { continue }
        #expect(read.allSatisfy { $0.1.last.count == $0.1.buckets.count })
      }
    }
  }
}
