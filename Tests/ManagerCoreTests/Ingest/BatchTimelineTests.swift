import Protocol
import Testing

@testable import ManagerCore

@Suite struct BatchTimelineTests {
  private static let second: Int64 = 1_000_000_000

  private static func stream(_ incarnation: String = "a", boot: String = "b") throws -> StreamKey {
    StreamKey(
      server: try #require(ServerID("11111111-2222-4333-8444-555555555555")), boot: BootID(boot),
      incarnation: incarnation)
  }

  /// - Parameters: seconds of the machine's clock and of the manager's.
  private static func stretch(
    _ timeline: inout BatchTimeline, _ boot: Int64, at wall: Int64, boot name: String = "b"
  ) throws -> UInt16 {
    timeline.stretch(
      try stream(boot: name), boot: boot * second, nanoseconds: wall * second)
  }

  /// What the next manager knows.
  private static func next(
    _ timeline: inout BatchTimeline, last boot: Int64, at wall: Int64
  ) throws -> BatchTimeline {
    let stream = try stream()
    return BatchTimeline(
      timeline.takeChanged(),
      last: [
        stream.server: LastBatch(
          stream: stream, order: UInt64(boot), nanoseconds: wall * second)
      ])
  }

  @Test func aClockThatGoesOnBeginsNothing() throws {
    var timeline = BatchTimeline()
    for moment in 1...500 as ClosedRange<Int64> {
      // A forward step too.
      let wall = moment < 250 ? moment : moment + 3_600
      #expect(try Self.stretch(&timeline, moment, at: wall) == 0)
    }
    #expect(try Self.stretch(&timeline, 1, at: 0, boot: "c") == 0, "another boot")
    #expect(timeline.takeChanged().map(\.boots.count) == [2])
    #expect(timeline.takeChanged().isEmpty)
    #expect(try Self.stretch(&timeline, 501, at: 4_101) == 0)
    #expect(timeline.takeChanged().isEmpty, "nothing that the next manager does not know")
    timeline.forget(try Self.stream().server, but: [BootID("c")])
    #expect(timeline.takeChanged().map { Array($0.boots.keys) } == [["c"]])
    timeline.forget(try Self.stream().server)
    #expect(timeline.takeChanged().map(\.boots.count) == [0])
  }

  @Test func aClockThatIsSetBackBeginsOneStretch() throws {
    var timeline = BatchTimeline()
    for moment in 1...10 as ClosedRange<Int64> where moment != 9 {
      _ = try Self.stretch(&timeline, moment, at: moment + 90)
    }
    #expect(try Self.stretch(&timeline, 20, at: 20) == 1)
    #expect(try Self.stretch(&timeline, 30, at: 30) == 1)
    #expect(try Self.stretch(&timeline, 9, at: 99) == 0, "what fills a hole before it")
    #expect(try Self.stretch(&timeline, 25, at: 25) == 1, "what fills one after it")
    #expect(try Self.stretch(&timeline, 200, at: 200) == 1, "caught up")
    #expect(try Self.stretch(&timeline, 210, at: 5) == 2)
  }

  /// A leap second, or a step of about the time between two samples.
  @Test func aStepThatLeavesNoTimeBetweenTwoSamplesBeginsAStretch() throws {
    let stream = try Self.stream()
    for (step, next) in [(1.0, 1), (9.99, 1), (6.0, 1), (4.0, 0), (0.6, 0)] as [(Double, UInt16)] {
      var timeline = BatchTimeline()
      for moment in 1...5 as ClosedRange<Int64> {
        let interval = step == 1 ? Self.second : 10 * Self.second
        _ = timeline.stretch(stream, boot: moment * interval, nanoseconds: moment * interval)
      }
      let interval = step == 1 ? Self.second : 10 * Self.second
      let wall = 6 * interval - Int64(step * 1e9) + 1_000
      #expect(timeline.stretch(stream, boot: 6 * interval, nanoseconds: wall) == next, "\(step)")
      #expect(
        timeline.stretch(stream, boot: 7 * interval, nanoseconds: wall + interval) == next)
    }
  }

  /// Sampled before the clock was put right, sent after what was sampled since.
  @Test func whatComesAfterLaterSamplesLiesBeforeThem() throws {
    var timeline = BatchTimeline()
    for moment in 1...15 as ClosedRange<Int64> {
      _ = try Self.stretch(&timeline, moment, at: moment < 12 ? moment : moment + 600)
    }
    #expect(try Self.stretch(&timeline, 19, at: 19) == 1)
    for moment in 16...18 as ClosedRange<Int64> {
      #expect(try Self.stretch(&timeline, moment, at: moment) == 1, "\(moment)")
    }
    #expect(try Self.stretch(&timeline, 20, at: 20) == 1)
    // Amid those that have times to come nothing has a place.
    #expect(try Self.stretch(&timeline, 14, at: 314) == 2)
  }

  /// The clock was set back over samples that are known, before what was held back among them came.
  @Test func whatIsHeldBackAmidAnotherStretchIsJoinedWithNothingAfterIt() throws {
    var timeline = BatchTimeline()
    for moment in 1...60 as ClosedRange<Int64> where !(11...20).contains(moment) {
      #expect(try Self.stretch(&timeline, moment, at: moment < 9 ? moment : moment + 600) == 0)
    }
    #expect(try Self.stretch(&timeline, 61, at: 61) == 1)
    for moment in 11...20 as ClosedRange<Int64> {
      #expect(try Self.stretch(&timeline, moment, at: moment) == 2, "or 21 to 60 counted twice")
    }
    #expect(try Self.stretch(&timeline, 62, at: 62) == 1)
  }

  /// The clock was set back by less than what is held back took.
  @Test func whatIsAheadOfOthersLeavesRoomForThem() throws {
    var timeline = BatchTimeline()
    for moment in 1...10 as ClosedRange<Int64> {
      _ = try Self.stretch(&timeline, moment, at: moment + 3)
    }
    let stream = try Self.stream()
    let new = timeline.stretch(
      stream, boot: 30 * Self.second, nanoseconds: 30 * Self.second, isAhead: true)
    #expect(new == 1)
    for moment in 11...29 as ClosedRange<Int64> {
      #expect(try Self.stretch(&timeline, moment, at: moment) == 1)
    }
    // Nothing else is to come: it goes on.
    #expect(
      timeline.stretch(stream, boot: 60 * Self.second, nanoseconds: 58 * Self.second) == 1)
  }

  @Test func theNextManagerGoesOnWhereOneEnded() throws {
    var timeline = BatchTimeline()
    for moment in 1...10 as ClosedRange<Int64> {
      _ = try Self.stretch(&timeline, moment, at: moment + 90)
    }
    // It ended at 10, as the newest batch says; then the clock was set back, or forward, or not at all.
    var same = try Self.next(&timeline, last: 10, at: 100)
    #expect(try Self.stretch(&same, 11, at: 101) == 0)
    #expect(try Self.stretch(&same, 5, at: 95) == 0)
    _ = same.takeChanged()
    for moment in 1...10 as ClosedRange<Int64> {
      _ = try Self.stretch(&timeline, moment, at: moment + 90, boot: "z")
      _ = try Self.stretch(&timeline, moment, at: moment + 90)
    }
    var records = timeline.takeChanged()
    let last = LastBatch(stream: try Self.stream(), order: 10, nanoseconds: 100 * Self.second)
    func manager() -> BatchTimeline { BatchTimeline(records, last: [last.stream.server: last]) }
    var back = manager()
    #expect(try Self.stretch(&back, 11, at: 50) == 1)
    #expect(try Self.stretch(&back, 12, at: 51) == 1)
    var ahead = manager()
    #expect(try Self.stretch(&ahead, 11, at: 901) == 0)
    #expect(try Self.stretch(&ahead, 5, at: 895) == 1, "a hole in what has other times")
    records = back.takeChanged()
    // How far the second one went the records do not say, nor does the newest batch.
    var third = manager()
    #expect(try Self.stretch(&third, 30, at: 69) == 1)
    #expect(try Self.stretch(&third, 31, at: 60) == 2)
  }

  /// Steps of the clock, cuts after which what was held back comes after what is new, holes, and restarts
  /// of the manager: in each stretch time goes as the machine's clock does.
  @Test(arguments: 1...60 as ClosedRange<UInt64>)
  func inAStretchLaterSamplesHaveLaterTimes(_ seed: UInt64) throws {
    var random = SplitMix(seed: seed)
    var timeline = BatchTimeline()
    var records: [ServerID: BatchTimeline.Record] = [:]
    var stored: [(stretch: UInt16, boot: Int64, wall: Int64)] = []
    var held: [Int64] = []
    var offset: Int64 = 100_000
    func take(_ boot: Int64) throws {
      let wall = boot + offset
      stored.append((try Self.stretch(&timeline, boot, at: wall), boot, wall))
    }
    func restart() throws {
      for record in timeline.takeChanged() { records[record.server] = record }
      guard let newest = stored.max(by: { $0.wall < $1.wall }) else { return }
      let last = LastBatch(
        stream: try Self.stream(), order: 1, nanoseconds: newest.wall * Self.second)
      timeline = BatchTimeline(Array(records.values), last: [last.stream.server: last])
    }
    var isCut = false
    for boot in 1...400 as ClosedRange<Int64> {
      switch random.next() % 40 {
      case 0: offset += Int64(random.next() % 200) - 100
      case 1: try restart()
      case 2, 3: isCut = true
      case 4...8: isCut = false
      default: break
      }
      if isCut {
        held.append(boot)
        continue
      }
      try take(boot)
      for _ in 0..<min(3, held.count) { try take(held.removeFirst()) }
    }
    for (stretch, samples) in Dictionary(grouping: stored, by: \.stretch) where stretch < .max {
      let byTime = samples.sorted { $0.wall < $1.wall }
      #expect(
        zip(byTime, byTime.dropFirst()).allSatisfy { $0.boot < $1.boot && $0.wall < $1.wall },
        "stretch \(stretch) of seed \(seed)")
    }
    let stretches = Set(stored.map(\.stretch)).count
    #expect(stretches < 60)
    // All of them together count little more than the 399 that there was: twice only what fills a hole of
    // another, and what lies between two such holes.
    let bootsByStretch = Dictionary(grouping: stored, by: \.stretch).values.map { samples in
      samples.map { $0.boot }.sorted()
    }
    let counted = bootsByStretch.reduce(Int64(0)) { $0 + ($1.last ?? 0) - ($1.first ?? 0) }
    #expect(counted < 450, "seed \(seed)")
  }

  /// A damaged record, and an agent's clock that jumps to and fro.
  @Test func stretchesAreBounded() throws {
    let stream = try Self.stream()
    typealias Piece = BatchTimeline.Piece
    let (early, late) = (Piece.Instant(boot: 1, wall: 1), Piece.Instant(boot: 9, wall: 9))
    let record = BatchTimeline.Record(
      server: stream.server, boots: ["b": [Piece(stretch: 3, from: late, through: early)]])
    var damaged = BatchTimeline([record])
    #expect(try Self.stretch(&damaged, 1, at: 10) == 0)
    var timeline = BatchTimeline()
    for moment in 1...1_000 as ClosedRange<Int64> {
      _ = try Self.stretch(&timeline, moment, at: -moment)
    }
    #expect(timeline.takeChanged().first?.boots["b"].map { $0.count <= 64 } == true)
    for boot in [Int64.min, .max, 0] {
      for wall in [Int64.min, .max, 0] {
        _ = timeline.stretch(stream, boot: boot, nanoseconds: wall)
      }
    }
  }
}
