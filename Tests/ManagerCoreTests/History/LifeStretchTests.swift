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
      let stretch: UInt8 = elapsed < ahead.upperBound ? 0 : 1
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
    _ range: ClosedRange<Int64> = -1_000_000...1_000_000
  ) throws -> SampleTrack {
    let series = StoredSeries(
      subject: .target("t"), metric: "m", labels: [:], kind: .counter, unit: "bytes", decimals: 0,
      width: 64)
    let candidate = MetricQuery.Candidate(id: 1, series: series, labels: [:])
    let ordered = HistoryPoint.ordered(points)
    let (from, through) = (range.lowerBound * second, range.upperBound * second)
    guard let tier else {
      return try #require(SampleTrack(candidate, ordered, from: from, through: through))
    }
    let parts = Dictionary(grouping: ordered) { RollUpTier.hour.bucket(of: $0.nanoseconds) }
    let rollUps = parts.values.map { RollUp($0, of: nature, tier: tier) }
    return try #require(
      SampleTrack(candidate, rollUps: rollUps, [], from: from, through: through))
  }

  private static func growth(_ track: SampleTrack) -> Double {
    track.increases.reduce(0) { $0 + $1.amount }
  }

  @Test(arguments: [nil, RollUpTier.minute, .hour])
  func nothingIsCountedTwiceAndNothingTwiceReset(_ tier: RollUpTier?) throws {
    let all = try Self.track(Self.points(120, ahead: 40..<60), rolled: tier)
    #expect(Self.growth(all) == 119 * 10)
    #expect(all.resets == 0)
    #expect(all.peak.map { $0 <= 10.1 } == true)
  }

  /// The time that was ahead comes, and lies among what is sampled then.
  @Test(arguments: [nil, RollUpTier.minute, .hour])
  func theTimeThatWasAheadComes(_ tier: RollUpTier?) throws {
    let all = try Self.track(Self.points(3_800, ahead: 40..<60), rolled: tier)
    #expect(Self.growth(all) == 3_799 * 10)
    #expect(all.resets == 0)
  }

  @Test func aRangeThatLacksOneStretchIsRightForWhatItHas() throws {
    let points = Self.points(120, ahead: 40..<60)
    let (first, last) = (Self.began, Self.began + 200)
    // The stretch that was ahead is not in it: the growth of then is seen where the next one begins.
    let near = try Self.track(points, first...last)
    #expect(Self.growth(near) == 119 * 10)
    #expect(near.resets == 0)
    let after = try Self.track(points, (first + 61)...last)
    #expect(Self.growth(after) == 58 * 10)
    // Only the part that was ahead, and what was sampled after it in truth, before it by the clock.
    let odd = try Self.track(points, (first + 61)...(last + 5_000))
    #expect(odd.resets == 0)
    #expect(Self.growth(odd) == Double(580 + 190))
  }

  /// Nobody said so, as a counter of a kernel that was unloaded does not.
  @Test func aCounterThatBeganAnewInTheGapIsAReset() throws {
    var points = Self.points(60, ahead: 40..<60)
    points += Self.later(60..<120, LifeSource.source(Self.life, stretch: 1), from: 0)
    let track = try Self.track(points)
    #expect(track.resets == 1)
    #expect(Self.growth(track) == Double(59 * 10 + 59 * 10))
  }

  /// A life that began after the clock was set back counts from 0, whatever its stretch.
  @Test func aLifeOfALaterStretchAloneBeganAtZero() throws {
    var points = Self.points(40, ahead: 100..<100)
    points += Self.later(40..<60, LifeSource.source(99, stretch: 3), from: 500)
    let track = try Self.track(points)
    #expect(track.resets == 1)
    #expect(Self.growth(track) == Double(39 * 10 + 500 + 19 * 10))
  }
}
