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
  /// Of the clock that gave the samples their times.
  package var repeated = RepeatedTimes()

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
    let material = MetricMaterial(columns: columns, rollUps: rollUps)
    let plan = plan(series, tracks(of: series[...], material), material, now: now)
    return plan.answer(plan.groups(plan.all))
  }

  /// The first step: series by series, so that several may be at it at once.
  package func tracks(of series: ArraySlice<Candidate>, _ material: MetricMaterial) -> MetricTracks
  {
    MetricTracks(
      list: series.compactMap { candidate in
        guard chooses(candidate) else { return nil }
        return SampleTrack(
          candidate, rollUps: material.rollUps[candidate.id] ?? [],
          material.columns[candidate.id] ?? [], from: fromNanoseconds,
          through: throughNanoseconds, repeated: repeated)
      })
  }

  /// The second: what all groups have to know of each other.
  package func plan(
    _ series: [Candidate], _ tracks: MetricTracks, _ material: MetricMaterial, now: Moment
  ) -> MetricPlan {
    let chosen = series.filter(chooses)
    let tracks = tracks.list
    let (kind, unit) = nature(of: tracks.map(\.candidate), or: chosen)
    let rate = isRate && kind == .counter
    let alike = tracks.filter {
      $0.candidate.series.kind == kind && $0.candidate.series.unit == unit
    }
    let mute = mute(in: chosen, beside: alike, kind: kind, unit: unit)
    let groups = Dictionary(grouping: alike) { groupLabels($0.candidate) }.map { labels, members in
      MetricPlan.Group(labels: labels, members: members, mute: mute[labels] ?? 0)
    }
    let answering = Set(material.rollUps.values.lazy.flatMap { $0 }.map(\.tier))
    var frame = MetricAnswer(
      metric: metric, unit: unit, kind: kind, isRate: rate, fromNanoseconds: fromNanoseconds,
      throughNanoseconds: throughNanoseconds, groups: [],
      tiers: (material.columns.values.allSatisfy(\.isEmpty) ? [] : ["raw"])
        + RollUpTier.allCases.filter(answering.contains).map(\.name))
    if alike.count < tracks.count { frame.seriesOfOtherKinds = tracks.count - alike.count }
    return MetricPlan(
      frame: frame,
      buckets: MetricBuckets(alike, isRate: rate), now: now,
      groups: groups.map { ($0.labels.sortedText, $0) }.sorted { $0.0 < $1.0 }.map(\.1))
  }

  /// Of a metric that is known what it is known as, if any series says so; else the newest series decides.
  private func nature(
    of heard: [Candidate], or chosen: [Candidate]
  ) -> (kind: SeriesKind, unit: String) {
    if let metric = MetricRegistry.metric(named: metric),
      chosen.contains(where: { $0.series.isLike(metric) })
    {
      return (metric.kind, metric.unit)
    }
    let newest = heard.max { $0.id < $1.id } ?? chosen.max { $0.id < $1.id }
    return (newest?.series.kind ?? .unrecognised, newest?.series.unit ?? "")
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
}

extension [String: String] {
  /// One text for equal labels, to sort by.
  fileprivate var sortedText: [String] {
    sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
  }
}

private func < (a: [String], b: [String]) -> Bool { a.lexicographicallyPrecedes(b) }

extension StoredSeries {
  /// Whether its kind and unit are those that a metric is known by.
  package func isLike(_ metric: Metric) -> Bool { kind == metric.kind && unit == metric.unit }
}
