import Protocol

/// A question for the values of one metric.
package struct MetricQuery: Hashable, Sendable {
  /// The longest answer of one group: more points than a screen is wide help nobody.
  package static let pointLimit = 1_000

  package var metric: String
  /// The labels whose values make the groups; none: each series is a group of its own.
  package var by: [String]
  /// Labels that a series must have; an empty value also matches a label that is not there.
  package var match: [String: String]
  package var fromNanoseconds: Int64
  package var throughNanoseconds: Int64
  /// Increase per second instead of readings; only counters have it.
  package var isRate: Bool

  package init(
    metric: String, by: [String] = [], match: [String: String] = [:], fromNanoseconds: Int64,
    throughNanoseconds: Int64, isRate: Bool
  ) {
    self.metric = metric
    self.by = by
    self.match = match
    self.fromNanoseconds = fromNanoseconds
    self.throughNanoseconds = throughNanoseconds
    self.isRate = isRate
  }

  /// A series that a query may choose, with all labels that a person sees: its own, and those of
  /// its target (`target`, `fs`, `mgs`) or server (`server`).
  package struct Candidate: Hashable, Sendable {
    package var id: SeriesID
    package var series: StoredSeries
    package var labels: [String: String]
    package init(id: SeriesID, series: StoredSeries, labels: [String: String]) {
      self.id = id
      self.series = series
      self.labels = labels
    }
  }

  /// Whether the query is for this series.
  package func chooses(_ candidate: Candidate) -> Bool {
    candidate.series.metric == metric
      && match.allSatisfy { candidate.labels[$0.key] ?? "" == $0.value }
  }

  /// Answers from the points of each series, in any order, stored and held ones mixed; and, where
  /// they stand for the points of a time, from roll-ups, which may be of several tiers.
  ///
  /// A series without a point in the range is silent: its group counts it, and a group of nothing but
  /// such series is left out. When the metric changed its kind or unit
  /// within the range, the newest series decide, and older ones of another kind are left out:
  /// they can not be added up.
  package func evaluate(
    series: [Candidate], columns: [SeriesID: [HistoryPoint]],
    rollUps: [SeriesID: [RollUp]] = [:], now: Moment
  ) -> MetricAnswer {
    let chosen = series.filter(chooses)
    let tracks = chosen.compactMap { candidate -> SampleTrack? in
      SampleTrack(
        candidate, rollUps: rollUps[candidate.id] ?? [], columns[candidate.id] ?? [],
        from: fromNanoseconds, through: throughNanoseconds)
    }
    let newest = tracks.map(\.candidate).max { $0.id < $1.id } ?? chosen.max { $0.id < $1.id }
    let kind = newest?.series.kind ?? .unrecognised
    let unit = newest?.series.unit ?? ""
    let rate = isRate && kind == .counter
    let alike = tracks.filter {
      $0.candidate.series.kind == kind && $0.candidate.series.unit == unit
    }
    let buckets = MetricBuckets(alike, isRate: rate)
    let mute = mute(in: chosen, beside: alike, kind: kind, unit: unit)
    let groups = Dictionary(grouping: alike) { groupLabels($0.candidate) }.map { labels, members in
      group(labels, members, mute: mute[labels] ?? 0, buckets, isRate: rate, now: now)
    }
    let answering = Set(rollUps.values.lazy.flatMap { $0 }.map(\.tier))
    return MetricAnswer(
      metric: metric, unit: unit, kind: kind, isRate: rate, fromNanoseconds: fromNanoseconds,
      throughNanoseconds: throughNanoseconds,
      groups: groups.sorted { $0.labels.sortedText < $1.labels.sortedText },
      tiers: (columns.values.allSatisfy(\.isEmpty) ? [] : ["raw"])
        + RollUpTier.allCases.filter(answering.contains).map(\.name))
  }

  private func groupLabels(_ candidate: Candidate) -> [String: String] {
    guard !by.isEmpty else { return candidate.labels }
    return by.reduce(into: [:]) { $0[$1] = candidate.labels[$1] ?? "" }
  }

  /// How many series of each group are known and have no point in the range. Labels say which they
  /// are: another number of decimals makes a new entry of the catalogue, and the old one did not fall
  /// silent.
  private func mute(
    in chosen: [Candidate], beside tracks: [SampleTrack], kind: SeriesKind, unit: String
  ) -> [[String: String]: Int] {
    guard tracks.count < chosen.count else { return [:] }
    var heard = Set(tracks.map(\.candidate.labels))
    var counts: [[String: String]: Int] = [:]
    for candidate in chosen where candidate.series.kind == kind && candidate.series.unit == unit {
      if heard.insert(candidate.labels).inserted {
        counts[groupLabels(candidate), default: 0] += 1
      }
    }
    return counts
  }

  private func group(
    _ labels: [String: String], _ members: [SampleTrack], mute: Int, _ buckets: MetricBuckets?,
    isRate: Bool, now: Moment
  ) -> MetricAnswer.Group {
    var group = MetricAnswer.Group(labels: labels)
    group.series = members.count + mute
    group.samples = members.reduce(0) { $0 + $1.samples }
    group.resets = members.reduce(0) { $0 + $1.resets }
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

extension [String: String] {
  /// One text for equal labels, to sort by.
  fileprivate var sortedText: [String] {
    sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
  }
}

private func < (a: [String], b: [String]) -> Bool { a.lexicographicallyPrecedes(b) }
