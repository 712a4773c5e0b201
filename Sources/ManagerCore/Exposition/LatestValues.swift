import Protocol

/// The newest value of each series, and which server said it. One entry a series (about 100
/// bytes), and entries that nobody renews go after `keepNanoseconds`, so it is bounded by what the
/// agents report.
package struct LatestValues: Sendable {
  /// A value with its age and origin.
  package struct Entry: Hashable, Sendable {
    package var bits: SampleBits
    package var nanoseconds: Int64
    package var server: ServerID
  }

  /// A value older than this is not shown as present: a target that moved away or was unmounted
  /// is silent while its server is well. Three intervals of a minute, the slowest that agents use.
  package static let staleNanoseconds: Int64 = 180_000_000_000
  private static let keepNanoseconds: Int64 = 3_600_000_000_000

  private var entries: [SeriesID: Entry] = [:]
  package init() {}

  package var count: Int { entries.count }
  package subscript(id: SeriesID) -> Entry? { entries[id] }

  /// Takes the values of a batch that are not older than those held; a replay changes nothing.
  package mutating func take(_ batch: StoredBatch, from server: ServerID) {
    for sample in batch.samples {
      if let held = entries[sample.series], held.nanoseconds > batch.nanoseconds { continue }
      entries[sample.series] = Entry(
        bits: sample.bits, nanoseconds: batch.nanoseconds, server: server)
    }
  }

  /// Lets go of what has not been renewed for an hour.
  package mutating func prune(now: Moment) {
    entries = entries.filter {
      elapsed($0.value.nanoseconds, now.wallNanoseconds) <= UInt64(LatestValues.keepNanoseconds)
    }
  }

  /// The families of all values that hold now: said by a server that is current, not long ago.
  /// `labels` gives the labels of a subject (`fs`, `target`, `mgs` or `server`), `nil` to leave
  /// its series out; they win over labels of the series that are named alike.
  package func families(
    catalogue: SeriesCatalogue, now: Moment, isCurrent: (ServerID) -> Bool,
    labels: (StoredSubject) -> [String: String]?
  ) -> [MetricFamily] {
    var families: [String: MetricFamily] = [:]
    for (id, entry) in entries.sorted(by: { $0.key < $1.key }) {
      guard isCurrent(entry.server),
        elapsed(entry.nanoseconds, now.wallNanoseconds) <= UInt64(LatestValues.staleNanoseconds),
        let series = catalogue.series(id), let subject = labels(series.subject)
      else { continue }
      let family = families[series.metric] ?? LatestValues.family(of: series)
      // A family has one type; a series that disagrees would make it a lie.
      guard series.kind == family.kind else { continue }
      families[series.metric, default: family].samples.append(
        MetricFamily.Sample(
          MetricValue(bits: entry.bits, of: series),
          series.labels.merging(subject) { _, ofSubject in ofSubject }))
    }
    return Array(families.values)
  }

  private static func family(of series: StoredSeries) -> MetricFamily {
    let metric = MetricRegistry.metric(named: series.metric)
    return MetricFamily(
      series.metric, metric?.kind ?? series.kind,
      help: metric?.help ?? "Reported by an agent of another version, in \(series.unit)",
      samples: [])
  }
}
