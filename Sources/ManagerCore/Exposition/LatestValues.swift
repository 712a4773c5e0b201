import Protocol

/// The newest value of each series, and which server said it: 20 bytes a series. Entries that nobody
/// renews go after `keepNanoseconds`, so it is bounded by what the agents report.
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

  /// The values of `LatestValues.pageSize` neighbouring numbers. The numbers of a server's series
  /// mostly lie side by side, so one look finds the page of many.
  fileprivate struct Page: Sendable {
    var bits = Array(repeating: UInt64(0), count: Int(LatestValues.pageSize))
    var nanoseconds = Array(repeating: Int64.min, count: Int(LatestValues.pageSize))
    /// One more than the place in `servers`; 0 where there is no value.
    var servers = Array(repeating: UInt32(0), count: Int(LatestValues.pageSize))
    var count = 0
  }

  /// Large enough that a page is found seldom, small enough that a few strange numbers cost little.
  fileprivate static let pageSize: SeriesID = 256
  private var pages: [SeriesID: Page] = [:]
  private var servers: [ServerID] = []
  private var placeOfServer: [ServerID: UInt32] = [:]
  package init() {}

  package var count: Int { pages.values.reduce(0) { $0 + $1.count } }

  package subscript(id: SeriesID) -> Entry? {
    pages[id / LatestValues.pageSize].flatMap { entry(in: $0, at: Int(id % LatestValues.pageSize)) }
  }

  private func entry(in page: Page, at place: Int) -> Entry? {
    guard page.servers[place] > 0 else { return nil }
    return Entry(
      bits: page.bits[place], nanoseconds: page.nanoseconds[place],
      server: servers[Int(page.servers[place]) - 1])
  }

  /// Takes the values of a batch that are not older than those held; a replay changes nothing.
  package mutating func take(_ row: SampleRow, from server: ServerID) {
    let mark = number(of: server)
    var place = 0
    while place < row.bits.count {
      let key = row.layout.series[place] / LatestValues.pageSize
      let first = place
      while place < row.bits.count && row.layout.series[place] / LatestValues.pageSize == key {
        place += 1
      }
      pages[key, default: Page()].take(row, first..<place, mark)
    }
  }

  /// The same for a batch that is not yet in columns.
  package mutating func take(_ batch: StoredBatch, from server: ServerID) {
    take(SampleRow(batch), from: server)
  }

  private mutating func number(of server: ServerID) -> UInt32 {
    if let known = placeOfServer[server] { return known }
    servers.append(server)
    placeOfServer[server] = UInt32(servers.count)
    return UInt32(servers.count)
  }

  /// The manager's clock was set back: what was taken by then must not stand in the way of what comes.
  package mutating func bound(to now: Int64) {
    for key in Array(pages.keys) { pages[key]?.bound(to: now) }
  }

  /// Lets go of what has not been renewed for an hour.
  package mutating func prune(now: Moment) {
    for key in Array(pages.keys) {
      pages[key]?.prune(keep: UInt64(LatestValues.keepNanoseconds), now: now.wallNanoseconds)
      if pages[key]?.count == 0 { pages[key] = nil }
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
    for (id, entry) in entries {
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

  /// Ascending by number.
  private var entries: some Sequence<(SeriesID, Entry)> {
    pages.keys.sorted().lazy.flatMap { key in
      (0..<LatestValues.pageSize).lazy.compactMap { place in
        self[key * LatestValues.pageSize + place].map { (key * LatestValues.pageSize + place, $0) }
      }
    }
  }

  private static func family(of series: StoredSeries) -> MetricFamily {
    let metric = MetricRegistry.metric(named: series.metric)
    return MetricFamily(
      series.metric, metric?.kind ?? series.kind,
      help: metric?.help ?? "Reported by an agent of another version, in \(series.unit)",
      samples: [])
  }
}

extension LatestValues.Page {
  /// Of series that lie in this page.
  fileprivate mutating func take(_ row: SampleRow, _ places: Range<Int>, _ server: UInt32) {
    for place in places {
      let slot = Int(row.layout.series[place] % LatestValues.pageSize)
      if servers[slot] == 0 {
        count += 1
      } else if nanoseconds[slot] > row.nanoseconds {
        continue
      }
      bits[slot] = row.bits[place]
      nanoseconds[slot] = row.nanoseconds
      servers[slot] = server
    }
  }

  fileprivate mutating func bound(to now: Int64) {
    for slot in nanoseconds.indices where nanoseconds[slot] > now { nanoseconds[slot] = now }
  }

  fileprivate mutating func prune(keep: UInt64, now: Int64) {
    for slot in servers.indices where servers[slot] > 0 && elapsed(nanoseconds[slot], now) > keep {
      servers[slot] = 0
      count -= 1
    }
  }
}
