import Protocol
import Testing

@testable import ManagerCore

@Suite struct SessionSeriesTests {
  private func batch(_ ids: [UInt32], _ bits: [UInt64]) -> SampleBatch {
    SampleBatch(
      order: 1, stamp: Stamp(bootNanoseconds: 1, wallNanoseconds: 1), ids: ids, bits: bits)
  }

  private func binding(_ series: SeriesID, kept: String? = nil) -> SeriesBinding {
    SeriesBinding(
      series: series, source: UInt64(series) * 10,
      kept: kept.map { SeriesKey(subject: .server, metric: $0) })
  }

  @Test func valuesComeInTheOrderOfTheManagersNumbers() {
    var series = SessionSeries([0: binding(7), 1: binding(2), 2: binding(5, kept: "m")])
    for bits in [[70, 20, 50], [71, 21, 51]] as [[UInt64]] {
      let row = series.arrange(batch([0, 1, 2], bits))
      #expect(row.layout.series == [2, 5, 7])
      #expect(row.layout.sources == [20, 50, 70])
      #expect(row.bits == [bits[1], bits[2], bits[0]])
      let kept = row.kept.map { $0.place }
      #expect(kept == [1])
    }
    let fewer = series.arrange(batch([0, 1], [72, 22]))
    #expect(fewer.bits == [22, 72])
  }

  @Test func whatWasNeverDeclaredIsLeftOutUntilItIs() {
    var series = SessionSeries([1: binding(3)])
    let before = series.arrange(batch([0, 1, 9], [1, 2, 3]))
    #expect(before.bits == [2])
    series.bind([0: binding(8), 9: binding(1)])
    let row = series.arrange(batch([0, 1, 9], [1, 2, 3]))
    #expect(row.layout.series == [1, 3, 8])
    #expect(row.bits == [3, 2, 1])
  }

  /// Two declarations of one series: the later number counts, as it stands later.
  @Test func ofTwoNumbersOfOneSeriesTheLaterStandsLast() {
    var series = SessionSeries([0: binding(4), 1: binding(3), 2: binding(4)])
    let row = series.arrange(batch([0, 1, 2], [40, 30, 41]))
    #expect(row.layout.series == [3, 4, 4])
    #expect(row.bits == [30, 40, 41])
  }

  @Test(arguments: UInt64(1)...10) func anySetsOfNumbersInTurn(seed: UInt64) {
    var random = SplitMix(seed: seed)
    var bindings: [UInt32: SeriesBinding] = [:]
    for id in UInt32(0)..<50 where random.next() % 5 > 0 {
      bindings[id] = binding(SeriesID(random.next() % 1_000))
    }
    var series = SessionSeries(bindings)
    let sets = (0..<7).map { _ in (UInt32(0)..<60).filter { _ in random.next() % 2 == 0 } }
    for _ in 0..<60 {
      let ids = sets[Int(random.next() % 7)]
      let bits = ids.map { _ in random.next() }
      let row = series.arrange(batch(ids, bits))
      let expected = zip(ids, bits).enumerated()
        .compactMap { item in
          bindings[item.element.0].map { (item.offset, $0, item.element.1) }
        }
        .sorted { ($0.1.series, $0.0) < ($1.1.series, $1.0) }
      let numbers = expected.map { $0.1.series }
      let sources = expected.map { $0.1.source }
      let values = expected.map { $0.2 }
      #expect(row.layout.series == numbers)
      #expect(row.layout.sources == sources)
      #expect(row.bits == values)
    }
  }

  @Test func aSetOfNumbersKnowsWhatIsInIt() {
    var set = NumberSet()
    #expect(!set.contains(0) && !set.contains(999_999))
    for number in [0, 63, 64, 999_999] as [UInt32] {
      let isNew = set.insert(number)
      let again = set.insert(number)
      #expect(isNew && !again)
    }
    let found = ([0, 1, 62, 63, 64, 65, 999_999] as [UInt32]).filter { set.contains($0) }
    #expect(found == [0, 63, 64, 999_999])
  }
}
