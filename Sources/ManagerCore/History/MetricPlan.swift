import Protocol

/// What a question is answered from: the points of each series, in any order, stored and held ones mixed;
/// and, where they stand for the points of a time, roll-ups, which may be of several tiers.
package struct MetricMaterial: Sendable {
  package var columns: [SeriesID: [HistoryPoint]]
  package var rollUps: [SeriesID: [RollUp]]
  package init(columns: [SeriesID: [HistoryPoint]] = [:], rollUps: [SeriesID: [RollUp]] = [:]) {
    self.columns = columns
    self.rollUps = rollUps
  }
}

/// What became of some series.
package struct MetricTracks: Sendable {
  var list: [SampleTrack]
  package static func + (a: MetricTracks, b: MetricTracks) -> MetricTracks {
    MetricTracks(list: a.list + b.list)
  }
}

/// An answer whose groups are known and have yet to be worked out, each by itself.
package struct MetricPlan: Sendable {
  struct Group: Sendable {
    var labels: [String: String]
    var members: [SampleTrack]
    /// Series of the group that have no point in the range.
    var mute: Int
  }

  /// Without groups.
  let frame: MetricAnswer
  let buckets: MetricBuckets?
  let now: Moment
  let groups: [Group]

  /// The places of all groups.
  package var all: Range<Int> { groups.indices }

  package func groups(_ places: Range<Int>) -> [MetricAnswer.Group] {
    groups[places].map(group)
  }

  /// - Parameter groups: all of them, in order.
  package func answer(_ groups: [MetricAnswer.Group]) -> MetricAnswer {
    var answer = frame
    answer.groups = groups
    return answer
  }

  private func group(_ planned: Group) -> MetricAnswer.Group {
    let (members, isRate) = (planned.members, frame.isRate)
    var group = MetricAnswer.Group(labels: planned.labels)
    group.series = members.count + planned.mute
    group.samples = members.reduce(0) { $0 + $1.samples }
    group.resets = members.reduce(0) { $0 &+ $1.resets }
    let last = members.map(\.lastNanoseconds).max() ?? 0
    let current = members.filter { $0.isCurrent(at: last) }
    // The value is no newer than the oldest of its parts.
    let seen = current.map(\.lastNanoseconds).min() ?? last
    group.lastSecondsAgo = max(0, Double(now.wallNanoseconds) - Double(seen)) / 1e9
    group.silentSeries = group.series - current.count
    let parts = isRate ? current.compactMap(\.rate) : current.map(\.lastValue)
    group.value = parts.isEmpty ? nil : parts.reduce(0, +)
    if !isRate, let only = members.first, members.count == 1 {
      group.minimum = only.lowest
      group.maximum = only.highest
    }
    // Peaks of several series are of different moments, and add up to nothing.
    if isRate, members.count == 1 { group.peak = members.first?.peak }
    group.points = buckets?.points(of: members) ?? []
    group.minimum = group.minimum ?? group.points.map(\.value).min()
    group.maximum = group.maximum ?? group.points.map(\.value).max()
    return group
  }
}
