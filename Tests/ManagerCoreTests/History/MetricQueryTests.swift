import Protocol
import Testing

@testable import ManagerCore

@Suite struct MetricQueryTests {
  @Test func aRateIsTheIncreaseOverTheTimeBetweenFirstAndLastSample() throws {
    let answer = ask([candidate(1)], [1: points((0, 100), (10, 300), (20, 500), (40, 900))])
    let group = try #require(answer.groups.first)
    #expect(answer.isRate)
    #expect(answer.unit == "bytes")
    #expect(group.value == 20)
    #expect(group.resets == 0)
    #expect(group.samples == 4)
    #expect(group.lastSecondsAgo == 60)
    #expect(group.points.allSatisfy { abs($0.value - 20) < 1e-9 })
    #expect(group.points.last?.nanoseconds == 40 * second)
  }

  @Test func oneOddSeriesHidesNoOther() throws {
    let name = Metric.capacity.name
    func series(_ unit: String, _ kind: SeriesKind, _ server: Int) throws -> StoredSeries {
      StoredSeries(
        subject: .target("t\(server)"), metric: name, labels: [:], kind: kind, unit: unit,
        decimals: 0,
        width: 64)
    }
    let query = MetricQuery(
      metric: name, fromNanoseconds: 0, throughNanoseconds: 100 * second, isRate: false)
    let good = Metric.capacity
    let answer = query.evaluate(
      series: [
        .init(id: 1, series: try series(good.unit, good.kind, 1), labels: ["target": "a"]),
        .init(id: 2, series: try series(good.unit, good.kind, 2), labels: ["target": "b"]),
        .init(id: 3, series: try series("parsecs", .counter, 3), labels: ["target": "c"]),
      ],
      columns: [1: points((0, 7)), 2: points((0, 8)), 3: points((0, 9))],
      now: Moment(monotonicNanoseconds: 0, wallNanoseconds: 100 * second))
    #expect(answer.unit == good.unit && answer.kind == good.kind)
    #expect(answer.groups.map(\.value) == [7, 8])
    #expect(answer.seriesOfOtherKinds == 1, "and it is told")
  }

  @Test func aNewSourceCountsFromZeroAndIsMarked() throws {
    let columns: [SeriesID: [HistoryPoint]] = [
      1: points((0, 1_000), (10, 1_100)) + points((20, 300), (30, 400), source: 2)
    ]
    let group = try #require(ask([candidate(1)], columns).groups.first)
    #expect(group.value == Double(100 + 300 + 100) / 30)
    #expect(group.resets == 1)
  }

  @Test func aStepBackOfA64BitCounterIsAReset() throws {
    let group = try #require(
      ask([candidate(1)], [1: points((0, 1_000), (10, 40), (20, 90))]).groups.first)
    #expect(group.value == Double(40 + 50) / 20)
    #expect(group.resets == 1)
  }

  @Test func aShortStepBackOfA32BitCounterIsAWrapAndALongOneAReset() throws {
    let narrow = candidate(1, counter(width: 32))
    let wrapped = try #require(
      ask([narrow], [1: points((0, 0xffff_fff0), (10, 0x10))]).groups.first)
    #expect(wrapped.value == 3.2)
    #expect(wrapped.resets == 0)
    let reset = try #require(ask([narrow], [1: points((0, 1_000), (10, 500))]).groups.first)
    #expect(reset.value == 50)
    #expect(reset.resets == 1)
    let half = try #require(
      ask([narrow], [1: points((0, 0x8000_0001), (10, 1))]).groups.first)
    #expect(half.resets == 1)
  }

  @Test func aWrapAcrossTwoSourcesIsAReset() throws {
    let narrow = candidate(1, counter(width: 32))
    let columns: [SeriesID: [HistoryPoint]] = [
      1: points((0, 0xffff_fff0)) + points((10, 0x10), source: 2)
    ]
    let group = try #require(ask([narrow], columns).groups.first)
    #expect(group.value == 1.6)
    #expect(group.resets == 1)
  }

  @Test func twoLiveSourcesAreNotAResetAtEachPoint() throws {
    let columns: [SeriesID: [HistoryPoint]] = [
      1: points((0, 1_000), (10, 1_100), (20, 1_200))
        + points((5, 50), (15, 60), (25, 70), source: 2)
    ]
    let group = try #require(ask([candidate(1)], columns).groups.first)
    #expect(group.resets == 1)
    // The second source's first 50 came about at a time that nobody knows.
    #expect(group.value == Double(200 + 20) / 25)
  }

  @Test func valuesNearTheTopOfSixtyFourBitsDoNotOverflow() throws {
    let top = UInt64(Int64.max)
    let up = try #require(
      ask([candidate(1)], [1: points((0, top - 10), (10, top + 10))]).groups.first)
    #expect(up.value == 2)
    let wild = points((0, .max), (10, 0), (20, .max), (30, 1), (40, .max - 1))
    let group = try #require(ask([candidate(1)], [1: wild]).groups.first)
    #expect(group.resets == 2)
    #expect(try #require(group.value) > 1e17)
    let ends = [
      HistoryPoint(nanoseconds: .min, source: 1, bits: 0),
      HistoryPoint(nanoseconds: .max, source: 1, bits: .max),
    ]
    let query = MetricQuery(
      metric: "m", fromNanoseconds: .min, throughNanoseconds: .max, isRate: true)
    let longest = query.evaluate(series: [candidate(1)], columns: [1: ends], now: moment(0))
    #expect(try #require(longest.groups.first?.value) > 0)
  }

  @Test func oneSampleAndOneMomentHaveNoRate() throws {
    let one = try #require(ask([candidate(1)], [1: points((5, 9))]).groups.first)
    #expect(one.value == nil)
    #expect(one.points.isEmpty)
    #expect(one.samples == 1)
    let twice = try #require(ask([candidate(1)], [1: points((5, 9), (5, 10))]).groups.first)
    #expect(twice.value == nil)
    #expect(twice.samples == 1)
  }

  @Test func pointsThatComeTwiceCountOnceWhateverTheirOrder() throws {
    let columns: [SeriesID: [HistoryPoint]] = [
      1: points((20, 300), (0, 100), (10, 200), (10, 200), (0, 100))
    ]
    let group = try #require(ask([candidate(1)], columns).groups.first)
    #expect(group.value == 10)
    #expect(group.samples == 3)
    #expect(group.resets == 0)
  }

  @Test func aGroupsRateIsTheSumOfItsMembers() throws {
    let series = [
      candidate(1, labels: ["fs": "a", "target": "a-OST0000"]),
      candidate(2, labels: ["fs": "a", "target": "a-OST0001"]),
      candidate(3, labels: ["fs": "b", "target": "b-OST0000"]),
    ]
    let columns: [SeriesID: [HistoryPoint]] = [
      1: points((0, 0), (10, 100), (20, 200)), 2: points((3, 0), (13, 70), (23, 140)),
      3: points((0, 0), (20, 20)),
    ]
    let answer = ask(series, columns, by: ["fs"])
    #expect(answer.groups.map(\.labels) == [["fs": "a"], ["fs": "b"]])
    #expect(answer.groups.map(\.value) == [17, 1])
    #expect(answer.groups.map(\.series) == [2, 1])
    let middle = answer.groups[0].points.filter {
      $0.nanoseconds > 12 * second && $0.nanoseconds < 20 * second
    }
    #expect(middle.allSatisfy { abs($0.value - 17) < 1e-6 })
  }

  @Test func onlySeriesWithTheAskedLabelsAreChosen() {
    let series = [
      candidate(1, labels: ["fs": "a", "op": "read"]), candidate(2, labels: ["fs": "a"]),
      candidate(3, counter("other"), labels: ["fs": "a"]),
    ]
    let columns: [SeriesID: [HistoryPoint]] = [
      1: points((0, 0), (1, 1)), 2: points((0, 0), (1, 2)), 3: points((0, 0), (1, 3)),
    ]
    #expect(ask(series, columns, match: ["op": "read"]).groups.map(\.value) == [1])
    #expect(ask(series, columns, match: ["op": ""]).groups.map(\.value) == [2])
    #expect(ask(series, columns, match: ["fs": "b"]).groups.isEmpty)
  }

  private func ask(
    _ series: [MetricQuery.Candidate], _ columns: [SeriesID: [HistoryPoint]], by: [String] = [],
    match: [String: String] = [:]
  ) -> MetricAnswer {
    MetricQuery(
      metric: "m", by: by, match: match, fromNanoseconds: 0, throughNanoseconds: 50 * second,
      isRate: true
    ).evaluate(series: series, columns: columns, now: moment(lastOf(columns) + 60))
  }

  private func lastOf(_ columns: [SeriesID: [HistoryPoint]]) -> Int64 {
    (columns.values.flatMap { $0 }.map(\.nanoseconds).max() ?? 0) / second
  }
}

func candidate(
  _ id: SeriesID, _ series: StoredSeries = counter(), labels: [String: String] = [:]
) -> MetricQuery.Candidate {
  MetricQuery.Candidate(id: id, series: series, labels: labels)
}

func points(_ values: (Int64, UInt64)..., source: UInt64 = 1) -> [HistoryPoint] {
  values.map { HistoryPoint(nanoseconds: $0.0 * second, source: source, bits: $0.1) }
}
