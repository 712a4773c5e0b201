import ManagerCore
import Protocol
import Testing

@Suite struct BatchTimelineTests {
  private static let second: Int64 = 1_000_000_000

  private static func stream(_ incarnation: String = "a") throws -> StreamKey {
    StreamKey(
      server: try #require(ServerID("11111111-2222-4333-8444-555555555555")), boot: BootID("b"),
      incarnation: incarnation)
  }

  @Test func aClockThatGoesOnLeavesSourcesAlone() throws {
    var timeline = BatchTimeline()
    for order in 1...5 as ClosedRange<UInt64> {
      #expect(timeline.mark(try Self.stream(), order: order, nanoseconds: Int64(order)) == 0)
    }
    #expect(timeline.mark(try Self.stream("z"), order: 1, nanoseconds: 0) == 0, "another life")
  }

  @Test func aClockThatIsSetBackMarksWhatFollowsOnce() throws {
    var timeline = BatchTimeline()
    let stream = try Self.stream()
    _ = timeline.mark(stream, order: 1, nanoseconds: 100)
    let mark = timeline.mark(stream, order: 2, nanoseconds: 50)
    #expect(mark != 0)
    #expect(timeline.mark(stream, order: 3, nanoseconds: 60) == mark)
    #expect(timeline.mark(stream, order: 4, nanoseconds: 70) == mark)
    let second = timeline.mark(stream, order: 5, nanoseconds: 10)
    #expect(second != 0 && second != mark)
    timeline.forget(stream.server)
    #expect(timeline.mark(stream, order: 6, nanoseconds: 5) == 0)
  }

  /// A counter that grows by 10 a second, and a manager whose clock goes back by a minute.
  @Test func noRateIsInventedWhenTheClockIsSetBack() throws {
    var timeline = BatchTimeline()
    let stream = try Self.stream()
    var points: [HistoryPoint] = []
    for order in 1...24 as ClosedRange<UInt64> {
      let elapsed = Int64(order) * 10
      let wall = (order <= 12 ? elapsed : elapsed - 60) * Self.second
      let mark = timeline.mark(stream, order: order, nanoseconds: wall)
      points.append(
        HistoryPoint(
          nanoseconds: wall, source: 7 ^ mark, bits: 1_000_000_000 + UInt64(elapsed) * 10))
    }
    let series = StoredSeries(
      subject: .target("t"), metric: "m", labels: [:], kind: .counter, unit: "bytes", decimals: 0,
      width: 64)
    let query = MetricQuery(
      metric: "m", by: [], match: [:], fromNanoseconds: 0,
      throughNanoseconds: 300 * Self.second, isRate: true)
    let answer = query.evaluate(
      series: [MetricQuery.Candidate(id: 1, series: series, labels: [:])], columns: [1: points],
      now: Moment(monotonicNanoseconds: 0, wallNanoseconds: 300 * Self.second))
    let rate = try #require(answer.groups.first?.value)
    // 240 s of work lie in 180 s of this clock; it never is a thousand million.
    #expect(rate > 9 && rate < 14, "\(rate)")
  }
}
