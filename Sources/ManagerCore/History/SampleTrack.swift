import Protocol

/// The points of one series in a range, in order of time, and what a counter did between them.
struct SampleTrack {
  /// What a counter grew by, and the time in which it did.
  struct Increase {
    var from: Int64
    var through: Int64
    var amount: Double
  }

  let candidate: MetricQuery.Candidate
  /// Ascending by time; points of one source have different times.
  let points: [HistoryPoint]
  /// Of a counter; empty for a gauge.
  private(set) var increases: [Increase] = []
  private(set) var resets = 0
  /// Two points further apart than this have a hole between them, which is drawn as one.
  let holeNanoseconds: Int64
  private let scale: Double

  /// `nil` when no point lies in the range.
  init?(
    _ candidate: MetricQuery.Candidate, _ points: [HistoryPoint], from: Int64, through: Int64
  ) {
    let points = SampleTrack.ordered(
      points.filter { from <= $0.nanoseconds && $0.nanoseconds <= through })
    guard !points.isEmpty else { return nil }
    self.candidate = candidate
    self.points = points
    scale = (0..<min(candidate.series.decimals, 18)).reduce(1) { power, _ in power * 10 }
    holeNanoseconds = SampleTrack.hole(in: points)
    if candidate.series.kind == .counter { follow() }
  }

  var firstNanoseconds: Int64 { points.first?.nanoseconds ?? 0 }
  var lastNanoseconds: Int64 { points.last?.nanoseconds ?? 0 }
  var values: [Double] { points.map { value($0.bits) } }
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

  /// Stored and held points overlap for a moment after a block was stored, so the same point may
  /// come twice; of two points of one source and time the later given counts.
  private static func ordered(_ points: [HistoryPoint]) -> [HistoryPoint] {
    // What the store gives mostly is in order already.
    if zip(points, points.dropFirst()).allSatisfy({ $0.nanoseconds < $1.nanoseconds }) {
      return points
    }
    let sorted = points.enumerated().sorted {
      ($0.element.nanoseconds, $0.element.source, $0.offset)
        < ($1.element.nanoseconds, $1.element.source, $1.offset)
    }
    var result: [HistoryPoint] = []
    result.reserveCapacity(sorted.count)
    for (_, point) in sorted {
      if let last = result.last, last.nanoseconds == point.nanoseconds,
        last.source == point.source
      {
        result[result.count - 1] = point
      } else {
        result.append(point)
      }
    }
    return result
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
  private mutating func follow() {
    var lives: [UInt64: HistoryPoint] = [:]
    let ends = Dictionary(points.map { ($0.source, $0.nanoseconds) }) { max($0, $1) }
    var before: HistoryPoint?
    for point in points {
      let life = lives.updateValue(point, forKey: point.source)
      if let life {
        add(point, after: life.nanoseconds, grown(from: life.bits, to: point.bits))
      } else if let before {
        resets += 1
        let isAlone = lives.keys.allSatisfy {
          $0 == point.source || (ends[$0] ?? .min) < point.nanoseconds
        }
        if isAlone { add(point, after: before.nanoseconds, point.bits) }
      }
      before = point
    }
  }

  private mutating func add(_ point: HistoryPoint, after: Int64, _ amount: UInt64) {
    increases.append(
      Increase(from: after, through: point.nanoseconds, amount: Double(amount) / scale))
  }

  /// A backwards step of a 32-bit counter is a wrap when it makes less than half a turn: more in
  /// one interval is less likely than a reset that nobody marked. A 64-bit counter never wraps.
  private mutating func grown(from old: UInt64, to new: UInt64) -> UInt64 {
    if new >= old { return new - old }
    let wrapped = (new &- old) & 0xffff_ffff
    if candidate.series.width == 32 && old <= 0xffff_ffff && wrapped < 1 << 31 { return wrapped }
    resets += 1
    return new
  }
}

/// The nanoseconds from one time to a later one, whatever the two are; 0 when it is not later.
func elapsed(_ from: Int64, _ to: Int64) -> UInt64 {
  to > from ? UInt64(bitPattern: to &- from) : 0
}
