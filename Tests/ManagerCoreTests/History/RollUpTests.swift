import Protocol
import Testing

@testable import ManagerCore

/// Roll-ups are worth what they say only if they say the same as the samples.
@Suite struct RollUpTests {
  private static let hour = RollUpTier.hour.nanoseconds

  /// A counter or gauge as servers have them: jitter, gaps, resets within a source and by a new one,
  /// wraps of 32 bits, times in which nothing happens.
  private func load(_ series: StoredSeries, seed: UInt64, hours: Int64 = 30) -> [HistoryPoint] {
    var random = SplitMix(seed: seed)
    var time = 1_000 * Self.hour + Int64(random.next() % 3_000) * second
    let end = time + hours * Self.hour
    var source: UInt64 = 1
    var bits: UInt64 = series.width == 32 ? 0xffff_0000 : random.next() % (1 << 40)
    var points: [HistoryPoint] = []
    var busy = false
    while time < end {
      if random.next() % 40 == 0 { busy.toggle() }
      if series.kind == .counter {
        if busy { bits &+= random.next() % (1 << 20) }
        if series.width == 32 { bits &= 0xffff_ffff }
        if random.next() % 3_000 == 0 { bits = random.next() % 50 }
        if random.next() % 2_000 == 0 {
          source += 1
          bits = random.next() % 1_000
        }
      } else if random.next() % 2 == 0 {
        bits = UInt64(bitPattern: Int64(bitPattern: bits) + Int64(random.next() % 2_001) - 1_000)
      }
      points.append(HistoryPoint(nanoseconds: time, source: source, bits: bits))
      time += 10 * second + Int64(random.next() % 2_000_000) - 1_000_000
      if random.next() % 1_000 == 0 { time += Int64(random.next() % 20_000) * second }
    }
    return points
  }

  /// The hours of a series, as the store makes them.
  private func hours(_ points: [HistoryPoint], _ series: StoredSeries) -> [RollUp] {
    Dictionary(grouping: points) { RollUpTier.hour.bucket(of: $0.nanoseconds) }
      .sorted { $0.key < $1.key }.map { RollUp($0.value, of: series.nature, tier: .minute) }
  }

  private func track(
    _ series: StoredSeries, _ rollUps: [RollUp], _ points: [HistoryPoint], from: Int64 = .min
  ) throws -> SampleTrack {
    try #require(
      SampleTrack(
        candidate(1, series), rollUps: rollUps, points, from: from, through: .max))
  }

  private func total(_ track: SampleTrack) -> Double {
    track.increases.reduce(0) { $0 + $1.amount }
  }

  @Test func theSumOfIncreasesIsTheSameInEveryTier() throws {
    for seed in UInt64(1)...30 {
      let series = counter(width: seed % 2 == 0 ? 32 : 64)
      let points = load(series, seed: seed)
      let raw = try track(series, [], points)
      let parts = hours(points, series)
      let minutes = try track(series, parts, [])
      #expect(total(minutes) == total(raw), "seed \(seed)")
      #expect(minutes.resets == raw.resets, "seed \(seed)")
      #expect(minutes.samples == points.count)
      #expect(minutes.firstNanoseconds == raw.firstNanoseconds)
      #expect(minutes.lastNanoseconds == raw.lastNanoseconds)
      #expect(minutes.lastValue == raw.lastValue)
      for tier in RollUpTier.allCases {
        let days = Dictionary(grouping: parts) { floorDivide($0.firstNanoseconds, 24 * Self.hour) }
        let joined = days.values.compactMap { RollUp.joined($0, of: series.nature, tier: tier) }
        let coarse = try track(series, joined.shuffled(), [])
        #expect(total(coarse) == total(raw), "seed \(seed), \(tier.name)")
        #expect(coarse.resets == raw.resets, "seed \(seed), \(tier.name)")
        let (peak, exact) = (try #require(coarse.peak), try #require(raw.peak))
        #expect(peak >= exact && peak <= exact * 1.008, "seed \(seed), \(tier.name)")
        #expect(coarse.samples == points.count)
      }
    }
  }

  @Test func theTailOfSamplesJoinsExactly() throws {
    for seed in UInt64(40)...60 {
      let series = counter(width: seed % 2 == 0 ? 32 : 64)
      let points = load(series, seed: seed)
      let cut = points[points.count * 3 / 4].nanoseconds / Self.hour * Self.hour
      let mixed = try track(
        series, hours(points.filter { $0.nanoseconds < cut }, series),
        // What was read from memory a moment before is in the roll-ups too.
        points.filter { $0.nanoseconds >= cut - 600 * second })
      let raw = try track(series, [], points)
      #expect(total(mixed) == total(raw), "seed \(seed)")
      #expect(mixed.resets == raw.resets)
      #expect(mixed.samples == points.count)
    }
  }

  @Test func aRangeBeginsWithTheLastSampleOfItsFirstBucket() throws {
    let series = counter()
    for seed in UInt64(70)...90 {
      let points = load(series, seed: seed)
      let parts = hours(points, series)
      let from = points[points.count / 3].nanoseconds
      let cut = try track(series, parts, [], from: from)
      // The samples from there on say the same.
      let bucket = RollUpTier.minute.bucket(of: cut.firstNanoseconds - 1)
      let first = try #require(
        points.last {
          cut.firstNanoseconds == from
            ? $0.nanoseconds == from : RollUpTier.minute.bucket(of: $0.nanoseconds) == bucket
        })
      let raw = try track(series, [], points, from: first.nanoseconds)
      #expect(total(cut) == total(raw), "seed \(seed)")
      #expect(cut.samples == raw.samples)
    }
  }

  @Test func aGaugeKeepsCountSumExtremesAndLast() throws {
    let series = counter(kind: .gauge)
    let points = load(series, seed: 5)
    for tier in RollUpTier.allCases {
      let whole = try #require(RollUp.joined(hours(points, series), of: series.nature, tier: tier))
      let buckets = Dictionary(grouping: points) { tier.bucket(of: $0.nanoseconds) }
      #expect(whole.buckets == buckets.keys.sorted())
      for (place, bucket) in whole.buckets.enumerated() {
        let values = try #require(buckets[bucket]).map { Int64(bitPattern: $0.bits) }
        #expect(whole.counts[place] == UInt64(values.count))
        #expect(whole.sum(at: place) == values.reduce(Int128(0)) { $0 + Int128($1) })
        #expect(Int64(bitPattern: whole.minima[place]) == values.min())
        #expect(Int64(bitPattern: whole.maxima[place]) == values.max())
        #expect(Int64(bitPattern: whole.last[place]) == values.last)
      }
    }
    let raw = try track(series, [], points)
    let minutes = try track(series, hours(points, series), [])
    #expect(minutes.lowest == raw.lowest)
    #expect(minutes.highest == raw.highest)
    #expect(minutes.lastValue == raw.lastValue)
  }

  @Test func theGreatestRateIsNeverTooLowAndAtMostAHundredthTooHigh() {
    var random = SplitMix(seed: 9)
    for _ in 0..<10_000 {
      let amount = random.next() >> (random.next() % 64)
      let span = 1 + random.next() % 100_000_000_000
      let exact = Double(amount) * 1e9 / Double(span)
      let told = RateCode.decode(RateCode.encode(amount, over: span))
      #expect(told >= exact * 0.999_999_999)
      #expect(told <= max(exact * 1.008, 0.001))
    }
  }

  @Test func twoServersThatReportOneTargetAddNothingOfThePast() throws {
    let series = counter()
    let a = (0..<60).map { HistoryPoint(nanoseconds: $0 * 10 * second, source: 1, bits: 1_000) }
    let b = (30..<60).map {
      HistoryPoint(nanoseconds: $0 * 10 * second + second, source: 2, bits: 9_000_000)
    }
    let parts = [
      RollUp(a, of: series.nature, tier: .minute), RollUp(b, of: series.nature, tier: .minute),
    ]
    let both = try track(series, parts, [])
    #expect(total(both) == 0)
    #expect(both.resets == 1)
  }

  @Test func theTierFollowsTheSpan() {
    let hour: UInt64 = 3_600_000_000_000
    #expect(RollUpTier.chosen(forSpan: hour) == nil)
    #expect(RollUpTier.chosen(forSpan: 8 * hour) == nil)
    #expect(RollUpTier.chosen(forSpan: 24 * hour) == .minute)
    #expect(RollUpTier.chosen(forSpan: 7 * 24 * hour) == .tenMinutes)
    #expect(RollUpTier.chosen(forSpan: 30 * 24 * hour) == .hour)
  }

  @Test func aPageIsReadAsItWasWritten() throws {
    var page: [(SeriesID, RollUp)] = []
    for seed in UInt64(0)..<12 {
      let series = counter(kind: seed % 3 == 0 ? .gauge : .counter, width: seed % 2 == 0 ? 32 : 64)
      let points = load(series, seed: seed + 100)
      let parts = hours(points, series)
      let begin = 1_000 * Self.hour
      let tier = RollUpTier.allCases[Int(seed) % 3]
      let whole = try #require(RollUp.joined(parts, of: series.nature, tier: tier))
      let one = RollUpCodec.encode([(7, whole)], tier: tier, begin: tier.bucket(of: begin))
      let read = try RollUpCodec.decode(one.span)
      #expect(read.map(\.0) == [7])
      #expect(read.first?.1 == whole)
      page.append((SeriesID(seed * 3), parts[2]))
    }
    let bytes = RollUpCodec.encode(page, tier: .minute, begin: 60_000)
    let read = try RollUpCodec.decode(bytes.span)
    #expect(read.map(\.0) == page.map(\.0))
    #expect(read.map(\.1) == page.map(\.1))
    let some = try RollUpCodec.decode(bytes.span) { $0 == 9 }
    #expect(some.map(\.1) == [page[3].1])
  }

  @Test func damagedPagesAreRefusedWithoutATrap() throws {
    let series = counter()
    let gauge = counter(kind: .gauge)
    let page = [
      (SeriesID(1), hours(load(series, seed: 3), series)[0]),
      (SeriesID(2), hours(load(gauge, seed: 4), gauge)[0]),
    ]
    let good = RollUpCodec.encode(page, tier: .minute, begin: 60_000)
    var random = SplitMix(seed: 1)
    for round in 0..<20_000 {
      var bytes = good
      for _ in 0...(random.next() % 4) {
        bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
      }
      if round % 3 == 0 { bytes.removeLast(Int(random.next() % UInt64(bytes.count))) }
      if bytes == good { continue }
      #expect(throws: BlockError.self) { try RollUpCodec.decode(bytes.span) }
      // And with a checksum that holds, so that the reader itself is tried.
      guard bytes.count > 8 else { continue }
      let sum = CRC32.sum(bytes.span, count: bytes.count - 4)
      for index in 0..<4 {
        bytes[bytes.count - 4 + index] = UInt8(truncatingIfNeeded: sum >> UInt32(8 * index))
      }
      guard let read = try? RollUpCodec.decode(bytes.span) else { continue }
      for (id, rollUp) in read {
        let kind: StoredSeries = rollUp.isCounter ? series : gauge
        _ = SampleTrack(candidate(id, kind), rollUps: [rollUp], [], from: 0, through: .max)
        _ = RollUp.joined([rollUp, rollUp], of: kind.nature, tier: .hour)
      }
    }
  }
}
