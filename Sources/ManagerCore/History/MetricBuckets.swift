/// One division of time for all groups of an answer, so that their points can be compared.
struct MetricBuckets: Sendable {
  private let start: Int64
  private let last: Int64
  private let width: Double
  private let count: Int
  private let isRate: Bool

  /// As many buckets as the longest series needs, `MetricQuery.pointLimit` at most; `nil` when
  /// there is nothing to draw.
  init?(_ tracks: [SampleTrack], isRate: Bool) {
    guard let first = tracks.map(\.firstNanoseconds).min(),
      let last = tracks.map(\.lastNanoseconds).max()
    else { return nil }
    let longest = tracks.map(\.points.count).max() ?? 1
    let needed = isRate ? longest - 1 : longest
    if isRate && first == last { return nil }
    start = first
    self.last = last
    count = max(1, min(needed, MetricQuery.pointLimit))
    width = max(Double(elapsed(first, last)) / Double(count), 1)
    self.isRate = isRate
  }

  /// The points of a group; times in which no member has a value have none.
  func points(of members: [SampleTrack]) -> [MetricAnswer.Point] {
    if isRate { return ratePoints(members) }
    if let only = members.first, members.count == 1, only.points.count <= MetricQuery.pointLimit {
      return zip(only.points, only.values).map {
        MetricAnswer.Point(nanoseconds: $0.nanoseconds, value: $1)
      }
    }
    return valuePoints(members)
  }

  /// The sum of the members' last values at the end of each bucket. A member without a sample in
  /// a bucket counts with the value before, until there is a hole.
  private func valuePoints(_ members: [SampleTrack]) -> [MetricAnswer.Point] {
    var sums = [Double](repeating: 0, count: count)
    var counted = [Bool](repeating: false, count: count)
    for track in members {
      var position = 0
      var last: HistoryPoint?
      for bucket in 0..<count {
        let isLastBucket = bucket == count - 1
        while position < track.points.count,
          isLastBucket || index(of: track.points[position].nanoseconds) <= bucket
        {
          last = track.points[position]
          position += 1
        }
        guard let last, elapsed(last.nanoseconds, end(of: bucket)) <= track.holeNanoseconds
        else { continue }
        sums[bucket] += track.value(last.bits)
        counted[bucket] = true
      }
    }
    return (0..<count).filter { counted[$0] }.map {
      MetricAnswer.Point(nanoseconds: end(of: $0), value: sums[$0])
    }
  }

  /// The sum of the members' rates in each bucket: increases are spread evenly over the time in
  /// which they came about, so that members need not have been read at the same moments.
  private func ratePoints(_ members: [SampleTrack]) -> [MetricAnswer.Point] {
    var sums = [Double](repeating: 0, count: count)
    var counted = [Bool](repeating: false, count: count)
    for track in members {
      let (amounts, covered) = spread(track)
      for bucket in 0..<count where covered[bucket] > 0 {
        sums[bucket] += amounts[bucket] / (covered[bucket] / 1e9)
        counted[bucket] = true
      }
    }
    return (0..<count).filter { counted[$0] }.map {
      MetricAnswer.Point(nanoseconds: end(of: $0), value: sums[$0])
    }
  }

  /// A track's increase in each bucket, and the nanoseconds of the bucket between its points.
  private func spread(_ track: SampleTrack) -> (amounts: [Double], covered: [Double]) {
    var amounts = [Double](repeating: 0, count: count)
    var covered = [Double](repeating: 0, count: count)
    forEachSpan(track) { from, through in
      forEachShare(from, through) { covered[$0] += $1 }
    }
    for increase in track.increases {
      let length = elapsed(increase.from, increase.through)
      guard length <= track.holeNanoseconds else { continue }
      guard length > 0 else {
        amounts[index(of: increase.through)] += increase.amount
        continue
      }
      forEachShare(increase.from, increase.through) {
        amounts[$0] += increase.amount * $1 / Double(length)
      }
    }
    return (amounts, covered)
  }

  /// Gives the times between holes, each as long as it is.
  private func forEachSpan(_ track: SampleTrack, _ body: (_ from: Int64, _ through: Int64) -> Void)
  {
    var begin = track.firstNanoseconds
    var end = begin
    for point in track.points {
      if elapsed(end, point.nanoseconds) > track.holeNanoseconds {
        if begin < end { body(begin, end) }
        begin = point.nanoseconds
      }
      end = point.nanoseconds
    }
    if begin < end { body(begin, end) }
  }

  /// Gives the buckets that a time span touches, each with the nanoseconds in it.
  private func forEachShare(
    _ from: Int64, _ through: Int64, _ body: (_ bucket: Int, _ nanoseconds: Double) -> Void
  ) {
    let low = Double(elapsed(start, from))
    let high = Double(elapsed(start, through))
    for bucket in index(of: from)...index(of: through) {
      let begin = Double(bucket) * width
      let end = bucket == count - 1 ? .infinity : begin + width
      let share = min(high, end) - max(low, begin)
      if share > 0 { body(bucket, share) }
    }
  }

  private func index(of time: Int64) -> Int {
    Int(min(Double(elapsed(start, time)) / width, Double(count - 1)))
  }

  private func end(of bucket: Int) -> Int64 {
    // The last end is exact, and the others can not round beyond 64 bits.
    bucket == count - 1
      ? last : start &+ Int64(bitPattern: UInt64((Double(bucket + 1) * width).rounded()))
  }
}
