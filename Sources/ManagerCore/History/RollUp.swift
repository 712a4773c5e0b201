import Protocol

/// What has to be known of a series to roll it up.
package struct SeriesNature: Hashable, Sendable {
  package var isCounter: Bool
  /// Where the counter wraps, in bits.
  package var width: UInt8
  package init(isCounter: Bool, width: UInt8) {
    self.isCounter = isCounter
    self.width = width
  }
}

extension StoredSeries {
  package var nature: SeriesNature { SeriesNature(isCounter: kind == .counter, width: width) }
}

/// What became of one series within a time, in buckets of one tier. Nothing in it refers to what lies
/// before or after: how two of them join is told by their lives, so each can be made again by
/// itself from the samples of its time.
package struct RollUp: Hashable, Sendable {
  /// One source of the values: its first and its last reading. What happened between lives, or
  /// between two roll-ups of one life, is settled by who reads them in order.
  package struct Life: Hashable, Sendable {
    package var source: UInt64
    package var firstNanoseconds: Int64
    package var firstBits: SampleBits
    package var lastNanoseconds: Int64
    package var lastBits: SampleBits
  }

  package var tier: RollUpTier
  package var isCounter: Bool
  /// By their first reading. A gauge has one, of source 0: nobody follows its sources.
  package var lives: [Life] = []
  /// Numbers of the buckets that have a sample, ascending; the columns below have one entry each.
  package var buckets: [Int64] = []
  /// Samples.
  package var counts: [UInt64] = []
  /// The bits of the last sample.
  package var last: [SampleBits] = []
  /// Of a counter: what it grew by, from reading to reading of one life, resets corrected; a growth
  /// belongs to the bucket in which it was seen.
  package var increases: [UInt64] = []
  /// Of a counter: the greatest such growth a second, as `RateCode`.
  package var peaks: [UInt64] = []
  /// Of a counter: steps back within a life.
  package var resets: [UInt64] = []
  /// Of a gauge: the sum of the samples minus `counts` times `last`, as signed bits. It saturates.
  package var excesses: [UInt64] = []
  /// Of a gauge, as signed bits.
  package var minima: [SampleBits] = []
  package var maxima: [SampleBits] = []

  package init(tier: RollUpTier, isCounter: Bool) {
    self.tier = tier
    self.isCounter = isCounter
  }

  /// - Parameter points: ascending by time, each once; at least one.
  package init(_ points: [HistoryPoint], of nature: SeriesNature, tier: RollUpTier) {
    self.init(tier: tier, isCounter: nature.isCounter)
    for point in points {
      let place = open(tier.bucket(of: point.nanoseconds))
      if isCounter {
        count(point, place, width: nature.width)
      } else {
        measure(point, place)
      }
      last[place] = point.bits
      counts[place] += 1
    }
  }

  package var firstNanoseconds: Int64 {
    lives.count == 1
      ? lives[0].firstNanoseconds : lives.map(\.firstNanoseconds).min() ?? 0
  }
  package var lastNanoseconds: Int64 {
    lives.count == 1 ? lives[0].lastNanoseconds : lives.map(\.lastNanoseconds).max() ?? 0
  }

  /// About what it takes in memory.
  package var heldBytes: Int {
    let columns = [buckets.count, counts.count, last.count, increases.count, peaks.count]
    let others = [resets.count, excesses.count, minima.count, maxima.count]
    let numbers = (columns + others).filter { $0 > 0 }
    return MemoryLayout<RollUp>.size + numbers.reduce(0) { $0 + 40 + 8 * $1 }
      + 40 + lives.count * MemoryLayout<Life>.stride
  }

  private mutating func count(_ point: HistoryPoint, _ place: Int, width: UInt8) {
    guard let life = lives.firstIndex(where: { $0.source == point.source }) else {
      lives.append(Life(point, source: point.source))
      return
    }
    grow(
      place, CounterStep(from: lives[life].lastBits, to: point.bits, width: width),
      over: elapsed(lives[life].lastNanoseconds, point.nanoseconds))
    lives[life].lastNanoseconds = point.nanoseconds
    lives[life].lastBits = point.bits
  }

  private mutating func grow(_ place: Int, _ step: CounterStep, over nanoseconds: UInt64) {
    increases[place] &+= step.amount
    peaks[place] = max(peaks[place], RateCode.encode(step.amount, over: nanoseconds))
    if step.isReset { resets[place] &+= 1 }
  }

  private mutating func measure(_ point: HistoryPoint, _ place: Int) {
    if lives.isEmpty { lives = [Life(point, source: 0)] }
    lives[0].lastNanoseconds = point.nanoseconds
    lives[0].lastBits = point.bits
    let isFirst = counts[place] == 0
    let value = Int64(bitPattern: point.bits)
    minima[place] = isFirst ? point.bits : least(minima[place], point.bits)
    maxima[place] = isFirst ? point.bits : greatest(maxima[place], point.bits)
    // The sum stays; what it is measured against moves to the new last value.
    let before = isFirst ? 0 : Int128(Int64(bitPattern: last[place])) - Int128(value)
    excesses[place] = signed(
      Int128(Int64(bitPattern: excesses[place])) + before * Int128(counts[place]))
  }

  /// The place of a bucket, made when it is not there.
  private mutating func open(_ bucket: Int64) -> Int {
    if buckets.last == bucket { return buckets.count - 1 }
    var place = buckets.count
    while place > 0, buckets[place - 1] > bucket { place -= 1 }
    if place > 0, buckets[place - 1] == bucket { return place - 1 }
    buckets.insert(bucket, at: place)
    counts.insert(0, at: place)
    last.insert(0, at: place)
    if isCounter {
      increases.insert(0, at: place)
      peaks.insert(0, at: place)
      resets.insert(0, at: place)
    } else {
      excesses.insert(0, at: place)
      minima.insert(0, at: place)
      maxima.insert(0, at: place)
    }
    return place
  }

  // MARK: Joining

  /// One roll-up of a tier that is as wide or wider, from the parts of one series.
  package static func joined(
    _ parts: [RollUp], of nature: SeriesNature, tier: RollUpTier
  ) -> RollUp? {
    guard !parts.isEmpty else { return nil }
    var whole = RollUp(tier: tier, isCounter: nature.isCounter)
    for part in parts.sorted(by: { $0.firstNanoseconds < $1.firstNanoseconds })
    where part.isCounter == whole.isCounter {
      whole.add(part, width: nature.width)
    }
    return whole.buckets.isEmpty ? nil : whole
  }

  private mutating func add(_ part: RollUp, width: UInt8) {
    for life in part.lives {
      guard let known = lives.firstIndex(where: { $0.source == life.source }) else {
        lives.append(life)
        continue
      }
      if isCounter {
        let place = open(tier.bucket(of: life.firstNanoseconds))
        grow(
          place, CounterStep(from: lives[known].lastBits, to: life.firstBits, width: width),
          over: elapsed(lives[known].lastNanoseconds, life.firstNanoseconds))
      }
      lives[known].lastNanoseconds = max(lives[known].lastNanoseconds, life.lastNanoseconds)
      lives[known].lastBits = life.lastBits
    }
    for index in part.buckets.indices {
      let begin = part.buckets[index] &* part.tier.nanoseconds
      let place = open(tier.bucket(of: begin))
      if isCounter {
        increases[place] &+= part.increases[index]
        peaks[place] = max(peaks[place], part.peaks[index])
        resets[place] &+= part.resets[index]
      } else {
        fold(part, index, into: place)
      }
      last[place] = part.last[index]
      counts[place] = min(counts[place] &+ part.counts[index], RollUpCodec.countLimit)
    }
  }

  private mutating func fold(_ part: RollUp, _ index: Int, into place: Int) {
    let isFirst = counts[place] == 0
    minima[place] = isFirst ? part.minima[index] : least(minima[place], part.minima[index])
    maxima[place] = isFirst ? part.maxima[index] : greatest(maxima[place], part.maxima[index])
    let moved =
      isFirst
      ? 0 : Int128(Int64(bitPattern: last[place])) - Int128(Int64(bitPattern: part.last[index]))
    excesses[place] = signed(
      Int128(Int64(bitPattern: excesses[place])) + moved * Int128(counts[place])
        + Int128(Int64(bitPattern: part.excesses[index])))
  }

  /// The sum of a gauge's samples in a bucket.
  package func sum(at place: Int) -> Int128 {
    Int128(Int64(bitPattern: last[place])) * Int128(counts[place])
      + Int128(Int64(bitPattern: excesses[place]))
  }
}

extension RollUp.Life {
  fileprivate init(_ point: HistoryPoint, source: UInt64) {
    self.init(
      source: source, firstNanoseconds: point.nanoseconds, firstBits: point.bits,
      lastNanoseconds: point.nanoseconds, lastBits: point.bits)
  }
}

private func least(_ a: SampleBits, _ b: SampleBits) -> SampleBits {
  Int64(bitPattern: a) < Int64(bitPattern: b) ? a : b
}

private func greatest(_ a: SampleBits, _ b: SampleBits) -> SampleBits {
  Int64(bitPattern: a) > Int64(bitPattern: b) ? a : b
}

private func signed(_ value: Int128) -> UInt64 { UInt64(bitPattern: Int64(clamping: value)) }
