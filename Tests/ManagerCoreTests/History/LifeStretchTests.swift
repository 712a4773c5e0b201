import Protocol
import Testing

@testable import ManagerCore

/// Counters whose samples have times of a clock that was ahead for a while.
@Suite struct LifeStretchTests {
  private static let second: Int64 = 1_000_000_000
  private static let nature = SeriesNature(isCounter: true, width: 64)
  private static let life: UInt64 = 7
  private static let began: Int64 = 10_000

  /// A counter that grows by 10 a second and is read each second, from 0 on. From `ahead.lowerBound` until
  /// `ahead.upperBound` the manager's clock is an hour and a minute ahead.
  private static func points(_ seconds: Int64, ahead: Range<Int64>) -> [HistoryPoint] {
    (0..<seconds).map { elapsed in
      let isAhead = ahead.contains(elapsed)
      let stretch: UInt16 = elapsed < ahead.upperBound ? 0 : 1
      return HistoryPoint(
        nanoseconds: (began + elapsed + (isAhead ? 3_660 : 0)) * second,
        source: LifeSource.source(life, stretch: stretch), bits: 5_000_000 + UInt64(elapsed) * 10)
    }
  }

  private static func later(
    _ seconds: Range<Int64>, _ source: UInt64, from first: UInt64
  ) -> [HistoryPoint] {
    seconds.map { elapsed in
      let grown = UInt64(elapsed - seconds.lowerBound) * 10
      return HistoryPoint(
        nanoseconds: (began + elapsed) * second, source: source, bits: first + grown)
    }
  }

  private static func track(
    _ points: [HistoryPoint], rolled tier: RollUpTier? = nil,
    _ range: ClosedRange<Int64> = -1_000_000...1_000_000, repeated: RepeatedTimes = RepeatedTimes()
  ) throws -> SampleTrack {
    let series = StoredSeries(
      subject: .target("t"), metric: "m", labels: [:], kind: .counter, unit: "bytes", decimals: 0,
      width: 64)
    let candidate = MetricQuery.Candidate(id: 1, series: series, labels: [:])
    let ordered = HistoryPoint.ordered(points)
    let (from, through) = (range.lowerBound * second, range.upperBound * second)
    guard let tier else {
      return try #require(
        SampleTrack(candidate, ordered, from: from, through: through, repeated: repeated))
    }
    let parts = Dictionary(grouping: ordered) { RollUpTier.hour.bucket(of: $0.nanoseconds) }
    let rollUps = parts.values.map { RollUp($0, of: nature, tier: tier) }
    return try #require(
      SampleTrack(
        candidate, rollUps: rollUps, [], from: from, through: through, repeated: repeated))
  }

  private static func growth(_ track: SampleTrack) -> Double {
    track.increases.reduce(0) { $0 + $1.amount }
  }

  /// What it grew by from one stretch to the next has no time.
  @Test(arguments: [nil, RollUpTier.minute, .hour])
  func nothingIsCountedTwiceAndNothingTwiceReset(_ tier: RollUpTier?) throws {
    let all = try Self.track(Self.points(120, ahead: 40..<60), rolled: tier)
    #expect(Self.growth(all) == 118 * 10)
    #expect(all.resets == 0)
    #expect(all.peak.map { $0 <= 10.1 } == true)
  }

  /// The time that was ahead comes, and lies among what is sampled then.
  @Test(arguments: [nil, RollUpTier.minute, .hour])
  func theTimeThatWasAheadComes(_ tier: RollUpTier?) throws {
    let all = try Self.track(Self.points(3_800, ahead: 40..<60), rolled: tier)
    #expect(Self.growth(all) == 3_798 * 10)
    #expect(all.resets == 0)
  }

  /// Wherever a range begins and ends, nothing is added that was not counted between two readings in it.
  @Test func noRangeInventsAGrowth() throws {
    let points = Self.points(3_800, ahead: 40..<60)
    for begin in stride(from: Int64(0), to: 3_790, by: 7) {
      for length in [30, 90, 3_700] as [Int64] {
        let (from, through) = (Self.began + begin, Self.began + begin + length)
        let track = try Self.track(points, from...through)
        #expect(track.resets == 0)
        let most = 10 * min(3_799, 2 * length)
        #expect(Self.growth(track) <= Double(most), "\(begin) \(length)")
        #expect(track.increases.allSatisfy { $0.amount <= 210 })
      }
    }
  }

  /// A life that began after the clock was set back counts from 0, whatever its stretch; also when the one
  /// before it has times that are still to come.
  @Test func aLifeOfALaterStretchAloneBeganAtZero() throws {
    let new = LifeSource.source(99, stretch: 3)
    let track = try Self.track(
      Self.points(60, ahead: 20..<30) + Self.later(60..<80, new, from: 500))
    #expect(track.resets == 1)
    #expect(Self.growth(track) == Double(58 * 10 + 500 + 19 * 10))
  }

  /// The clock is put right while a target moves to another server and soon stops there: what was sampled
  /// before the move comes after it by its times.
  @Test(arguments: [nil, RollUpTier.minute, .hour])
  func aLifeBeforeAStepBackDoesNotBeginBehindTheNextOne(_ tier: RollUpTier?) throws {
    let before = Self.points(20, ahead: 0..<20)
    let after = Self.later(20..<29, 99, from: 500)
    var repeated = RepeatedTimes()
    repeated.add(
      from: (Self.began + 20) * Self.second, through: (Self.began + 20 + 3_660) * Self.second)
    let track = try Self.track(before + after, rolled: tier, repeated: repeated)
    #expect(Self.growth(track) == Double(19 * 10 + 8 * 10))
    #expect(track.resets == 1)
    #expect(
      try Self.growth(Self.track(before + after, rolled: tier)) > 5_000_000, "or it is no test")
  }

  /// A step back long after a life began takes nothing from its begin.
  @Test func aLifeThatIsSetBackLaterBeganAtZeroToo() throws {
    let first = Self.later(40..<60, 99, from: 500)
    let second = Self.later(57..<80, LifeSource.source(99, stretch: 1), from: 700)
    let track = try Self.track(Self.points(40, ahead: 100..<100) + first + second)
    #expect(track.resets == 1)
    #expect(Self.growth(track) == Double(39 * 10 + 500 + 19 * 10 + 22 * 10))
  }
}
