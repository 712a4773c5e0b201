import ManagerCore
import Protocol
import Testing

@Suite struct BatchTimelineTests {
  private static let second: Int64 = 1_000_000_000

  private static func stream(_ incarnation: String = "a", boot: String = "b") throws -> StreamKey {
    StreamKey(
      server: try #require(ServerID("11111111-2222-4333-8444-555555555555")), boot: BootID(boot),
      incarnation: incarnation)
  }

  /// A batch of order n is sampled at n seconds of the machine's clock.
  private static func stretch(
    _ timeline: inout BatchTimeline, _ stream: StreamKey, _ order: UInt64, at nanoseconds: Int64,
    isReplay: Bool = false
  ) -> UInt8 {
    timeline.stretch(
      stream, order: order, boot: Int64(order) * second, nanoseconds: nanoseconds,
      isReplay: isReplay)
  }

  @Test func aClockThatGoesOnBeginsNothing() throws {
    var timeline = BatchTimeline()
    let stream = try Self.stream()
    for order in 1...5 as ClosedRange<UInt64> {
      #expect(Self.stretch(&timeline, stream, order, at: Int64(order)) == 0)
    }
    let other = try Self.stream(boot: "c")
    #expect(Self.stretch(&timeline, other, 1, at: 0) == 0, "another boot")
    #expect(timeline.takeChanged().isEmpty)
  }

  @Test func aClockThatIsSetBackBeginsOneStretch() throws {
    var timeline = BatchTimeline()
    let stream = try Self.stream()
    _ = Self.stretch(&timeline, stream, 10, at: 100)
    #expect(Self.stretch(&timeline, stream, 20, at: 50) == 1)
    #expect(Self.stretch(&timeline, stream, 30, at: 60) == 1)
    #expect(Self.stretch(&timeline, stream, 9, at: 90) == 0, "what fills a hole before it")
    #expect(Self.stretch(&timeline, stream, 25, at: 55) == 1, "what fills one after it")
    #expect(Self.stretch(&timeline, stream, 40, at: 200) == 1, "caught up")
    // The next life of the process counts the same counters on.
    let next = try Self.stream("z")
    #expect(Self.stretch(&timeline, next, 50, at: 210) == 1)
    #expect(Self.stretch(&timeline, next, 60, at: 10) == 2)
    #expect(
      timeline.takeChanged().map(\.begins) == [["b": [20 * Self.second, 60 * Self.second]]])
    #expect(timeline.takeChanged().isEmpty)
    timeline.forget(stream.server, but: [BootID("b")])
    #expect(timeline.takeChanged().isEmpty)
    timeline.forget(stream.server)
    #expect(timeline.takeChanged().map(\.begins) == [[:]])
  }

  @Test func theNextManagerGoesOnWhereOneEnded() throws {
    var timeline = BatchTimeline()
    let stream = try Self.stream()
    _ = Self.stretch(&timeline, stream, 10, at: 100)
    _ = Self.stretch(&timeline, stream, 20, at: 50)
    let records = timeline.takeChanged()
    // The last one by its time is that of before the clock was set back.
    let last = LastBatch(stream: stream, order: 10, nanoseconds: 100)
    var next = BatchTimeline(records, last: [stream.server: last])
    #expect(Self.stretch(&next, stream, 5, at: 95) == 0, "sent again")
    #expect(Self.stretch(&next, stream, 30, at: 60) == 2, "it may have been set back meanwhile")
    #expect(Self.stretch(&next, stream, 40, at: 70) == 2)
    var later = BatchTimeline(records, last: [stream.server: last])
    #expect(Self.stretch(&later, stream, 60, at: 200) == 1, "caught up meanwhile")
  }

  @Test func aClockThatWasSetBackBetweenTwoManagersIsNoticed() throws {
    let stream = try Self.stream()
    let last = LastBatch(stream: stream, order: 10, nanoseconds: 100)
    var same = BatchTimeline(last: [stream.server: last])
    #expect(Self.stretch(&same, stream, 11, at: 50) == 1)
    var next = BatchTimeline(last: [stream.server: last])
    let new = try Self.stream("z")
    // Which of two earlier lives came first is not known.
    #expect(
      Self.stretch(&next, try Self.stream("older"), 5, at: 50, isReplay: true) == 0)
    #expect(Self.stretch(&next, new, 30, at: 60) == 1)
    var fine = BatchTimeline(last: [stream.server: last])
    #expect(Self.stretch(&fine, new, 30, at: 101) == 0)
    var rebooted = BatchTimeline(last: [stream.server: last])
    #expect(Self.stretch(&rebooted, try Self.stream(boot: "c"), 1, at: 60) == 0)
  }

  /// A damaged or hostile record, and an agent's clock that jumps to and fro.
  @Test func stretchesAreBoundedAndInOrder() throws {
    let stream = try Self.stream()
    let record = BatchTimeline.Record(server: stream.server, begins: ["b": [5, 3]])
    var damaged = BatchTimeline([record])
    #expect(Self.stretch(&damaged, stream, 1, at: 10) == 0)
    var timeline = BatchTimeline()
    for order in 1...2_000 as ClosedRange<UInt64> {
      _ = Self.stretch(&timeline, stream, order, at: -Int64(order))
    }
    #expect(Self.stretch(&timeline, stream, 2_001, at: 0) == 255)
    #expect(timeline.takeChanged().first?.begins["b"]?.count == 255)
    for boot in [Int64.min, .max, 0] {
      _ = timeline.stretch(stream, order: 1, boot: boot, nanoseconds: .min, isReplay: false)
    }
  }
}
