import Protocol

/// The points of one series in a range, in order of time, and what a counter did between them.
struct SampleTrack: Sendable {
  /// What a counter grew by, and the time in which it did.
  struct Increase: Sendable {
    var from: Int64
    var through: Int64
    var amount: Double
  }

  let candidate: MetricQuery.Candidate
  /// Ascending by time; points of one source have different times. Where only roll-ups are left, one
  /// point stands at the end of each bucket.
  private(set) var points: [HistoryPoint] = []
  /// Of a counter, those that are not 0; empty for a gauge.
  private(set) var increases: [Increase] = []
  private(set) var resets = 0
  /// Of a counter, its greatest increase a second from one reading of a life to the next. Roll-ups tell
  /// it at most 0.8 % too high.
  private(set) var peak: Double?
  private(set) var samples = 0
  /// Two points further apart than this have a hole between them, which is drawn as one.
  private(set) var holeNanoseconds: Int64 = 0
  private let scale: Double
  private let repeated: RepeatedTimes
  /// Of the samples behind the points, as far as they lie beyond them.
  private var extremes: (low: Double, high: Double)?

  /// `nil` when no point lies in the range.
  ///
  /// Of the bucket in which the range begins only the last value is used: what the counter grew
  /// by within it is not known to lie in the range.
  init?(
    _ candidate: MetricQuery.Candidate, rollUps: [RollUp] = [], _ points: [HistoryPoint],
    from: Int64, through: Int64, repeated: RepeatedTimes = RepeatedTimes()
  ) {
    self.candidate = candidate
    self.repeated = repeated
    scale = (0..<min(candidate.series.decimals, 18)).reduce(1) { power, _ in power * 10 }
    let rollUps = SampleTrack.ordered(
      rollUps, from: from, through: through, isCounter: candidate.series.kind == .counter)
    // Mostly all samples are newer than the roll-ups.
    let end = rollUps.map(\.lastNanoseconds).max() ?? .min
    let points = HistoryPoint.ordered(
      points.filter { point in
        from <= point.nanoseconds && point.nanoseconds <= through
          && (point.nanoseconds > end || !rollUps.contains { $0.covers(point) })
      })
    follow(rollUps, points, from: from, through: through)
    guard !self.points.isEmpty else { return nil }
    let widest = rollUps.map(\.tier.nanoseconds).max() ?? 0
    // Where most points are ends of buckets, their usual distance is known without sorting them.
    let isRolled = points.count < rollUps.reduce(0) { $0 + $1.buckets.count }
    holeNanoseconds = max(isRolled ? 0 : SampleTrack.hole(in: self.points), widest * 4)
  }

  /// Those of a range, ascending. Mostly they are all that there are, in order: nothing is copied then.
  private static func ordered(
    _ rollUps: [RollUp], from: Int64, through: Int64, isCounter: Bool
  ) -> [RollUp] {
    func isWanted(_ rollUp: RollUp) -> Bool {
      rollUp.lastNanoseconds >= from && rollUp.firstNanoseconds <= through
        && rollUp.isCounter == isCounter
    }
    var begin = Int64.min
    var isOrdered = true
    for place in rollUps.indices {
      isOrdered = isOrdered && isWanted(rollUps[place]) && begin <= rollUps[place].firstNanoseconds
      begin = rollUps[place].firstNanoseconds
    }
    return isOrdered
      ? rollUps : rollUps.filter(isWanted).sorted { $0.firstNanoseconds < $1.firstNanoseconds }
  }

  var firstNanoseconds: Int64 { points.first?.nanoseconds ?? 0 }
  var lastNanoseconds: Int64 { points.last?.nanoseconds ?? 0 }
  var values: [Double] { points.map { value($0.bits) } }
  var lowest: Double? { [values.min(), extremes?.low].compactMap { $0 }.min() }
  var highest: Double? { [values.max(), extremes?.high].compactMap { $0 }.max() }
  var lastValue: Double { value(points.last?.bits ?? 0) }

  /// The corrected increase per second between the first and the last point; `nil` when there is
  /// no time between them.
  var rate: Double? {
    let nanoseconds = Double(elapsed(firstNanoseconds, lastNanoseconds))
    guard nanoseconds > 0 else { return nil }
    return increases.reduce(0) { $0 + $1.amount } / (nanoseconds / 1e9)
  }

  /// Whether its last value still counts at a time: a series that ended is not added up.
  func isCurrent(at time: Int64) -> Bool { elapsed(lastNanoseconds, time) <= holeNanoseconds }

  /// A value with its decimals.
  func value(_ bits: SampleBits) -> Double {
    (candidate.series.kind == .counter ? Double(bits) : Double(Int64(bitPattern: bits))) / scale
  }

  /// Four times the usual distance: three missing samples are a hole, two a hiccup. At least a
  /// minute, since agents may stretch their interval under load.
  private static func hole(in points: [HistoryPoint]) -> Int64 {
    let distances = zip(points, points.dropFirst())
      .map { elapsed($0.nanoseconds, $1.nanoseconds) }.sorted()
    let usual = distances.isEmpty ? 0 : distances[distances.count / 2]
    return Int64(clamping: max(60_000_000_000, min(usual, 1 << 60) * 4))
  }

  /// Follows each source on its own, because two of them alive at once (a target that two servers
  /// claim) must not look like a reset at every point. A new source counts from 0 when its life
  /// began after the last point of the one before; when an older one lives on beside it, nobody
  /// knows since when it counts, and its first value is no increase.
  private mutating func follow(
    _ rollUps: [RollUp], _ raw: [HistoryPoint], from: Int64, through: Int64
  ) {
    var lives = TrackLives(rollUps, raw)
    points.reserveCapacity(raw.count + rollUps.reduce(0) { $0 + $1.buckets.count + 1 })
    var next = 0
    // By place: a loop over them would copy each, and a roll-up has many arrays to hold.
    for place in rollUps.indices {
      while next < raw.count, raw[next].nanoseconds < rollUps[place].firstNanoseconds {
        take(raw[next], &lives)
        next += 1
      }
      take(rollUps[place], &lives, from: from, through: through)
    }
    while next < raw.count {
      take(raw[next], &lives)
      next += 1
    }
    // A failed-over target has roll-ups of two servers; their buckets may lie among each other.
    if rollUps.count > 1 { points.sort { $0.nanoseconds < $1.nanoseconds } }
  }

  private mutating func take(_ point: HistoryPoint, _ lives: inout TrackLives) {
    points.append(point)
    samples += 1
    guard candidate.series.kind == .counter else { return }
    begin(lives.last(of: point.source), point, &lives)
    lives.reach(point)
  }

  private mutating func take(
    _ rollUp: RollUp, _ lives: inout TrackLives, from: Int64, through: Int64
  ) {
    var place = 0
    var before: Int64
    let phase = rollUp.phase
    if rollUp.firstNanoseconds < from {
      guard
        let base = rollUp.buckets.indices.first(where: { rollUp.end(of: $0, phase) >= from })
      else { return }
      before = rollUp.end(of: base, phase)
      points.append(HistoryPoint(nanoseconds: before, source: 0, bits: rollUp.last[base]))
      samples += 1
      place = base + 1
    } else {
      before = rollUp.firstNanoseconds
      points.append(
        HistoryPoint(nanoseconds: before, source: 0, bits: rollUp.lives[0].firstBits))
    }
    for life in rollUp.lives where rollUp.isCounter && life.lastNanoseconds >= from {
      let first = HistoryPoint(
        nanoseconds: life.firstNanoseconds, source: life.source, bits: life.firstBits)
      // One that began before the range just goes on in it.
      if life.firstNanoseconds >= from { begin(lives.last(of: life.source), first, &lives) }
      lives.reach(
        HistoryPoint(nanoseconds: life.lastNanoseconds, source: life.source, bits: life.lastBits))
    }
    takeBuckets(of: rollUp, place, through: rollUp.tier.bucket(of: through), after: before, phase)
  }

  private mutating func takeBuckets(
    of rollUp: RollUp, _ first: Int, through end: Int64, after time: Int64, _ phase: Int64
  ) {
    var before = time
    var newest = points.last?.nanoseconds ?? .min
    var greatest: UInt64?
    for place in first..<rollUp.buckets.count {
      guard rollUp.buckets[place] <= end else { break }
      let time = rollUp.end(of: place, phase)
      if newest < time {
        points.append(HistoryPoint(nanoseconds: time, source: 0, bits: rollUp.last[place]))
        newest = time
      }
      samples += Int(clamping: rollUp.counts[place])
      if rollUp.isCounter {
        resets &+= Int(clamping: rollUp.resets[place])
        add(from: before, through: time, rollUp.increases[place])
        greatest = max(greatest ?? 0, RateCode.known(rollUp.peaks[place]))
      } else {
        widen(value(rollUp.minima[place]), value(rollUp.maxima[place]))
      }
      before = time
    }
    if let greatest { crest(RateCode.decode(greatest)) }
  }

  private mutating func begin(
    _ last: HistoryPoint?, _ point: HistoryPoint, _ lives: inout TrackLives
  ) {
    if let last {
      let step = CounterStep(from: last.bits, to: point.bits, width: candidate.series.width)
      if step.isReset { resets &+= 1 }
      add(from: last.nanoseconds, through: point.nanoseconds, step.amount)
      let length = elapsed(last.nanoseconds, point.nanoseconds)
      if length > 0 { crest(Double(step.amount) * 1e9 / Double(length)) }
    } else if let before = lives.newest {
      // It goes on; what it counted between the two readings has no time that can be told.
      guard !lives.goesOn(point.source) else { return }
      resets &+= 1
      // By the times of a clock that was set back a life that goes on may seem to begin.
      if !repeated.contains(point.nanoseconds), lives.haveEnded(before: point) {
        add(from: before, through: point.nanoseconds, point.bits)
      }
    }
  }

  private mutating func add(from: Int64, through: Int64, _ amount: UInt64) {
    guard amount > 0 else { return }
    increases.append(Increase(from: from, through: through, amount: Double(amount) / scale))
  }

  private mutating func crest(_ perSecond: Double) {
    peak = max(perSecond / scale, peak ?? 0)
  }

  private mutating func widen(_ low: Double, _ high: Double) {
    extremes = (min(low, extremes?.low ?? low), max(high, extremes?.high ?? high))
  }
}

/// The sources of a track that were met so far, and when each of them ends.
private struct TrackLives {
  private var met: [UInt64: HistoryPoint] = [:]
  private var metLives: Set<UInt64> = []
  /// Of each life the first stretch of which there is something.
  private var firstStretches: [UInt64: UInt16] = [:]
  private var ends: [UInt64: Int64] = [:]
  /// Of each life the stretch that began last, and its end: one of before may end later by its clock.
  private var lifeEnds: [UInt64: (stretch: UInt16, nanoseconds: Int64)] = [:]
  /// Nearly all tracks have one source, and look it up for each point.
  private var current: HistoryPoint?
  private(set) var newest: Int64?

  init(_ rollUps: [RollUp], _ points: [HistoryPoint]) {
    for life in rollUps.lazy.flatMap(\.lives) {
      ends[life.source] = max(ends[life.source] ?? .min, life.lastNanoseconds)
    }
    for index in points.indices
    where index == points.count - 1 || points[index + 1].source != points[index].source {
      let point = points[index]
      ends[point.source] = max(ends[point.source] ?? .min, point.nanoseconds)
    }
    for (source, end) in ends {
      let (life, stretch) = (LifeSource.life(source), LifeSource.stretch(source))
      firstStretches[life] = min(stretch, firstStretches[life] ?? .max)
      if let known = lifeEnds[life], known.stretch > stretch { continue }
      lifeEnds[life] = (stretch, end)
    }
  }

  func last(of source: UInt64) -> HistoryPoint? {
    if let current, current.source == source { return current }
    return met[source]
  }

  mutating func reach(_ point: HistoryPoint) {
    if let current, current.source != point.source {
      met[current.source] = current
      metLives.insert(LifeSource.life(current.source))
    }
    current = point
    newest = max(newest ?? .min, point.nanoseconds)
  }

  /// Whether a source that is met is no life that begins: an earlier stretch of it is known, or a later one
  /// was met.
  ///
  /// - Parameter source: not met.
  func goesOn(_ source: UInt64) -> Bool {
    let life = LifeSource.life(source)
    return metLives.contains(life) || current.map { LifeSource.life($0.source) == life } == true
      || firstStretches[life].map { $0 < LifeSource.stretch(source) } == true
  }

  /// Whether all the others that were met end before this point.
  func haveEnded(before point: HistoryPoint) -> Bool {
    func ended(_ source: UInt64) -> Bool {
      source == point.source
        || (lifeEnds[LifeSource.life(source)]?.nanoseconds ?? .min) < point.nanoseconds
    }
    return met.keys.allSatisfy(ended) && current.map { ended($0.source) } ?? true
  }
}

extension RollUp {
  /// How long before the end of its bucket the very last sample lies: where sampling is regular, those of
  /// the other buckets do too, and a growth is not spread over more or less time than it took. 0 where
  /// the last bucket says nothing of the others.
  fileprivate var phase: Int64 {
    guard let bucket = buckets.last else { return 0 }
    let samples = counts.reduce(UInt64(0)) { $0 &+ $1 }
    let interval = Double(tier.nanoseconds) * Double(buckets.count) / Double(max(1, samples))
    let (gap, overflow) = ((bucket &+ 1) &* tier.nanoseconds)
      .subtractingReportingOverflow(lastNanoseconds)
    return !overflow && gap >= 0 && Double(gap) <= interval * 1.1 ? gap : 0
  }

  /// When a bucket's last sample was taken, about; it is drawn there.
  fileprivate func end(of place: Int, _ phase: Int64) -> Int64 {
    min(max((buckets[place] &+ 1) &* tier.nanoseconds &- phase, firstNanoseconds), lastNanoseconds)
  }

  /// Whether a sample is in it already: it was read from the store a moment before.
  fileprivate func covers(_ point: HistoryPoint) -> Bool {
    lives.contains {
      ($0.source == point.source || !isCounter) && $0.firstNanoseconds <= point.nanoseconds
        && point.nanoseconds <= $0.lastNanoseconds
    }
  }
}

/// The nanoseconds from one time to a later one, whatever the two are; 0 when it is not later.
func elapsed(_ from: Int64, _ to: Int64) -> UInt64 {
  to > from ? UInt64(bitPattern: to &- from) : 0
}
