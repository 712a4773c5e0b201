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
    _ timeline: inout BatchTimeline, _ stream: StreamKey, _ order: UInt64, at nanoseconds: Int64
  ) -> UInt8 {
    timeline.stretch(
      stream, order: order, boot: Int64(order) * second, nanoseconds: nanoseconds)
  }

  /// A timeline after a start, and a hello that lists these lives.
  private static func opened(
    _ records: [BatchTimeline.Record] = [], last: LastBatch, _ lives: [StreamKey],
    seen: Set<StreamKey> = []
  ) -> BatchTimeline {
    var timeline = BatchTimeline(records, last: [last.stream.server: last])
    timeline.opened(
      last.stream.server,
      lives.map {
        LifeChain.Link(
          stream: $0, lastOrder: nil, endNanoseconds: 0, highestSeen: seen.contains($0) ? 9 : 0)
      })
    return timeline
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
    let link = LifeChain.Link(stream: next, lastOrder: nil, endNanoseconds: 0, highestSeen: 60)
    timeline.opened(stream.server, [link])
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
    var next = Self.opened(records, last: last, [stream])
    #expect(Self.stretch(&next, stream, 5, at: 95) == 0, "sent again")
    #expect(Self.stretch(&next, stream, 30, at: 60) == 2, "it may have been set back meanwhile")
    #expect(Self.stretch(&next, stream, 40, at: 70) == 2)
    var later = Self.opened(records, last: last, [stream])
    #expect(Self.stretch(&later, stream, 60, at: 200) == 1, "caught up meanwhile")
  }

  @Test func aClockThatWasSetBackBetweenTwoManagersIsNoticed() throws {
    let stream = try Self.stream()
    let last = LastBatch(stream: stream, order: 10, nanoseconds: 100)
    var same = Self.opened(last: last, [stream])
    #expect(Self.stretch(&same, stream, 11, at: 50) == 1)
    let (older, new) = (try Self.stream("older"), try Self.stream("z"))
    var next = Self.opened(last: last, [older, stream, new])
    #expect(Self.stretch(&next, older, 5, at: 50) == 0, "it was before")
    #expect(Self.stretch(&next, new, 30, at: 60) == 1)
    var fine = Self.opened(last: last, [new])
    #expect(Self.stretch(&fine, new, 30, at: 101) == 0)
    let rebooted = try Self.stream(boot: "c")
    var other = Self.opened(last: last, [rebooted])
    #expect(Self.stretch(&other, rebooted, 1, at: 60) == 0)
  }

  /// Sampled by a life of which no manager ever heard until it was over.
  @Test func whatIsReplayedAfterAStartIsLaterToo() throws {
    let stream = try Self.stream()
    let last = LastBatch(stream: stream, order: 10, nanoseconds: 100)
    let (between, new) = (try Self.stream("between"), try Self.stream("z"))
    // The last one is listed; or it is not, since all of it was sent, and nothing of the next one.
    for lives in [[stream, between, new], [between, new]] {
      var timeline = Self.opened(last: last, lives, seen: [stream])
      #expect(Self.stretch(&timeline, between, 20, at: 50) == 1)
      #expect(Self.stretch(&timeline, new, 30, at: 60) == 1)
    }
    // Of what some came from already nobody knows.
    var timeline = Self.opened(last: last, [between, new], seen: [between])
    #expect(Self.stretch(&timeline, between, 20, at: 50) == 0)
    #expect(Self.stretch(&timeline, new, 30, at: 60) == 1)
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
      _ = timeline.stretch(stream, order: 1, boot: boot, nanoseconds: .min)
    }
  }
}
