import Protocol
import Testing

@testable import ManagerCore

@Suite struct MetricPointsTests {
  @Test func aGaugeIsSignedAndHasItsDecimals() throws {
    let gauge = candidate(1, counter(kind: .gauge, decimals: 2))
    let values = points((0, 150), (10, UInt64(bitPattern: -250)), (20, 75))
    let answer = query(isRate: true).evaluate(
      series: [gauge], columns: [1: values], now: moment(30))
    #expect(!answer.isRate)
    let group = try #require(answer.groups.first)
    #expect(group.value == 0.75)
    #expect(group.minimum == -2.5)
    #expect(group.maximum == 1.5)
    #expect(group.points.map(\.value) == [1.5, -2.5, 0.75])
    #expect(group.points.map(\.nanoseconds) == [0, 10 * second, 20 * second])
    #expect(group.lastSecondsAgo == 10)
    #expect(group.resets == 0)
  }

  @Test func aCountersReadingIsItsLastValueWithDecimals() throws {
    let series = candidate(1, counter(decimals: 1))
    let group = try #require(
      query().evaluate(
        series: [series], columns: [1: points((0, 20), (10, 55))], now: moment(10)
      ).groups.first)
    #expect(group.value == 5.5)
    #expect(group.points.map(\.value) == [2, 5.5])
  }

  @Test func aGroupOfGaugesAddsUpWhatIsCurrentAndNotWhatEnded() throws {
    let gauge = counter(kind: .gauge)
    let series = (1...3).map { candidate($0, gauge, labels: ["fs": "a"]) }
    let every10 = stride(from: Int64(0), through: 600, by: 10)
    let columns: [SeriesID: [HistoryPoint]] = [
      1: every10.map { HistoryPoint(nanoseconds: $0 * second, source: 1, bits: 5) },
      2: every10.map { HistoryPoint(nanoseconds: ($0 - 3) * second, source: 1, bits: 7) },
      3: every10.prefix(10).map { HistoryPoint(nanoseconds: $0 * second, source: 1, bits: 100) },
    ]
    let answer = query(by: ["fs"]).evaluate(series: series, columns: columns, now: moment(600))
    let group = try #require(answer.groups.first)
    #expect(group.value == 12)
    #expect(group.maximum == 112)
    #expect(group.points.last?.value == 12)
    #expect(group.series == 3)
  }

  @Test func aHoleInTheSamplesIsAHoleInThePointsButNotInTheRate() throws {
    let values = points((0, 0), (10, 100), (20, 200), (520, 5_200), (530, 5_300))
    let group = try #require(
      query(isRate: true).evaluate(series: [candidate(1)], columns: [1: values], now: moment(530))
        .groups.first)
    #expect(group.value == 10)
    #expect(group.points.count < 4)
    #expect(group.points.allSatisfy { abs($0.value - 10) < 1e-9 })
    let middle = group.points.filter {
      $0.nanoseconds > 200 * second && $0.nanoseconds < 390 * second
    }
    #expect(middle.isEmpty)
  }

  @Test func manySamplesBecomeAThousandPointsWithTheSameSum() throws {
    var random = SplitMix(seed: 2)
    var value: UInt64 = 0
    let values = (0..<9_000).map { tick -> HistoryPoint in
      value += random.next() % 1_000
      return HistoryPoint(nanoseconds: Int64(tick) * second / 10, source: 1, bits: value)
    }
    let group = try #require(
      query(isRate: true).evaluate(series: [candidate(1)], columns: [1: values], now: moment(900))
        .groups.first)
    #expect(group.points.count == MetricQuery.pointLimit)
    let mean = group.points.reduce(0) { $0 + $1.value } / Double(group.points.count)
    let rate = try #require(group.value)
    #expect(abs(mean - rate) < rate * 1e-9)
    let readings = try #require(
      query().evaluate(series: [candidate(1)], columns: [1: values], now: moment(900))
        .groups.first)
    #expect(readings.points.count == MetricQuery.pointLimit)
    #expect(readings.points.last?.value == Double(value))
  }

  @Test func onlyTheAskedRangeCounts() throws {
    let values = points((0, 0), (100, 1_000), (200, 1_100), (2_000, 9_000))
    var asked = query(isRate: true)
    asked.fromNanoseconds = 50 * second
    let group = try #require(
      asked.evaluate(series: [candidate(1)], columns: [1: values], now: moment(0)).groups.first)
    #expect(group.value == 1)
    #expect(group.samples == 2)
    #expect(group.lastSecondsAgo == 0)
    asked.throughNanoseconds = 60 * second
    #expect(
      asked.evaluate(series: [candidate(1)], columns: [1: values], now: moment(0)).groups == [])
  }

  @Test func theNewestSeriesSettlesKindAndUnit() throws {
    let series = [
      candidate(1, counter(unit: "kilobytes"), labels: ["t": "x"]),
      candidate(2, counter(unit: "bytes"), labels: ["t": "y"]),
    ]
    let columns = [SeriesID(1): points((0, 1), (1, 2)), 2: points((2, 1), (4, 5))]
    let answer = query(isRate: true).evaluate(series: series, columns: columns, now: moment(4))
    #expect(answer.unit == "bytes")
    #expect(answer.groups.map(\.value) == [2])
    let none = query().evaluate(series: series, columns: [:], now: moment(4))
    #expect(none.unit == "bytes")
    #expect(none.groups == [])
    #expect(query().evaluate(series: [], columns: [:], now: moment(4)).kind == .unrecognised)
  }

  @Test func anyPointsAtAllAreAnsweredWithoutATrap() {
    var random = SplitMix(seed: 77)
    for round in 0..<2_000 {
      let kinds: [SeriesKind] = [.counter, .gauge, .unrecognised]
      let series = (0..<3).map {
        candidate(
          $0,
          counter(
            kind: kinds[round % 3], decimals: UInt8(truncatingIfNeeded: random.next()), width: 32))
      }
      let columns = Dictionary(
        uniqueKeysWithValues: (SeriesID(0)..<3).map { id in
          (
            id,
            (0..<(random.next() % 6)).map { _ in
              HistoryPoint(
                nanoseconds: Int64(bitPattern: random.next() << (random.next() % 64)),
                source: random.next() % 3, bits: random.next())
            }
          )
        })
      let asked = MetricQuery(
        metric: "m", by: round % 2 == 0 ? ["x"] : [], fromNanoseconds: .min,
        throughNanoseconds: .max, isRate: round % 5 < 3)
      let answer = asked.evaluate(series: series, columns: columns, now: moment(1))
      #expect(answer.groups.allSatisfy { $0.points.count <= MetricQuery.pointLimit })
    }
  }

  private func query(by: [String] = [], isRate: Bool = false) -> MetricQuery {
    MetricQuery(
      metric: "m", by: by, fromNanoseconds: -100 * second, throughNanoseconds: 1_000 * second,
      isRate: isRate)
  }
}

@Suite struct TwoSourceTests {
  private static let second: Int64 = 1_000_000_000
  private static let server = ServerID("00000000-0000-4000-8000-000000000001")

  private func rate(_ points: [HistoryPoint]) throws -> (value: Double?, resets: Int) {
    let series = StoredSeries(
      subject: .target("t"), metric: "m", labels: [:], kind: .counter, unit: "bytes",
      decimals: 0, width: 64)
    let query = MetricQuery(
      metric: "m", fromNanoseconds: 0, throughNanoseconds: 100 * Self.second, isRate: true)
    let answer = query.evaluate(
      series: [MetricQuery.Candidate(id: 1, series: series, labels: [:])], columns: [1: points],
      now: Moment(monotonicNanoseconds: 0, wallNanoseconds: 100 * Self.second))
    let group = try #require(answer.groups.first)
    return (group.value, group.resets)
  }

  private func point(_ seconds: Int64, _ source: UInt64, _ bits: UInt64) -> HistoryPoint {
    HistoryPoint(nanoseconds: seconds * Self.second, source: source, bits: bits)
  }

  @Test func aSecondLiveSourceBringsNoTrafficOfItsPast() throws {
    let points = (0..<10).flatMap { second in
      [point(second * 2, 1, 1_000)] + (second > 4 ? [point(second * 2 + 1, 2, 9_000_000)] : [])
    }
    let (value, resets) = try rate(points)
    #expect(value == 0)
    #expect(resets == 1)
  }

  @Test func aSourceThatFollowsAnotherCountsFromNought() throws {
    let points = [point(0, 1, 500), point(10, 1, 600), point(20, 2, 50), point(30, 2, 150)]
    let (value, resets) = try rate(points)
    #expect(value == 250.0 / 30)
    #expect(resets == 1)
  }
}
