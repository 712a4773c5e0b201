import Protocol
import Testing

@testable import ManagerCore

/// A sum must say how much of what is known it covers, and how old it is.
@Suite struct MetricSilenceTests {
  private let every10 = Array(stride(from: Int64(0), through: 600, by: 10))

  private func query(isRate: Bool) -> MetricQuery {
    MetricQuery(
      metric: "m", by: ["fs"], fromNanoseconds: 0, throughNanoseconds: 600 * second,
      isRate: isRate)
  }

  private func series(_ id: SeriesID, _ kind: SeriesKind) -> MetricQuery.Candidate {
    candidate(id, counter(kind: kind), labels: ["fs": "a", "n": "\(id)"])
  }

  private func ramp(_ times: [Int64], step: UInt64) -> [HistoryPoint] {
    times.map { HistoryPoint(nanoseconds: $0 * second, source: 1, bits: UInt64($0) / 10 * step) }
  }

  @Test func aRateAddsUpOnlyWhatIsCurrent() throws {
    let columns = [
      SeriesID(1): ramp(every10, step: 100), 2: ramp(Array(every10.prefix(20)), step: 1_000),
    ]
    let group = try #require(
      query(isRate: true).evaluate(
        series: [series(1, .counter), series(2, .counter)], columns: columns, now: moment(600)
      ).groups.first)
    #expect(group.value == 10)
    #expect(group.series == 2)
    #expect(group.silentSeries == 1)
  }

  @Test func aSeriesWithoutAPointInTheRangeIsCountedAsSilent() throws {
    for kind in [SeriesKind.gauge, .counter] {
      let group = try #require(
        query(isRate: kind == .counter).evaluate(
          series: [series(1, kind), series(2, kind), series(3, kind)],
          columns: [1: ramp(every10, step: 1), 3: points((-50, 7))], now: moment(600)
        ).groups.first)
      #expect(group.series == 3)
      #expect(group.silentSeries == 2)
      #expect(group.samples == every10.count)
    }
  }

  @Test func anEntryThatAnotherReplacedDidNotFallSilent() throws {
    let old = candidate(1, counter(kind: .gauge, decimals: 1), labels: ["fs": "a"])
    let new = candidate(2, counter(kind: .gauge, decimals: 2), labels: ["fs": "a"])
    let group = try #require(
      query(isRate: false).evaluate(
        series: [old, new], columns: [2: ramp(every10, step: 1)], now: moment(600)
      ).groups.first)
    #expect(group.series == 1)
    #expect(group.silentSeries == 0)
  }

  @Test func theAgeIsThatOfTheOldestPartOfTheSum() throws {
    let late = every10.filter { $0 <= 560 }
    let group = try #require(
      query(isRate: false).evaluate(
        series: [series(1, .gauge), series(2, .gauge)],
        columns: [1: ramp(every10, step: 1), 2: ramp(late, step: 1)], now: moment(610)
      ).groups.first)
    #expect(group.silentSeries == 0)
    #expect(group.lastSecondsAgo == 50)
  }

  @Test func aGroupOfWhichNothingWasHeardInTheRangeIsLeftOut() {
    let answer = query(isRate: false).evaluate(
      series: [series(1, .gauge)], columns: [:], now: moment(600))
    #expect(answer.groups.isEmpty)
  }
}
