import ManagerCore
import Protocol

/// The newest of each value that views show, as the frame log goes by.
struct ReplayedValues {
  private let wanted: [SeriesID: (target: String, metric: String)]
  private var found: [SeriesID: ReplayedValue] = [:]
  /// Where they lie in the rows of a server, which are nearly all alike.
  private var places: [ServerID: (layout: SampleLayout, places: [Int])] = [:]

  init(_ catalogue: SeriesCatalogue) {
    var wanted: [SeriesID: (target: String, metric: String)] = [:]
    for metric in ObservedSite.keptMetrics {
      for id in catalogue.ids(ofMetric: metric) {
        if case .target(let target)? = catalogue.series(id)?.subject {
          wanted[id] = (target, metric)
        }
      }
    }
    self.wanted = wanted
  }

  mutating func take(_ row: SampleRow, from server: ServerID) {
    if places[server]?.layout != row.layout {
      let series = row.layout.series
      places[server] = (row.layout, series.indices.filter { wanted[series[$0]] != nil })
    }
    for place in places[server]?.places ?? [] {
      let id = row.layout.series[place]
      guard let series = wanted[id] else { continue }
      if let known = found[id], known.nanoseconds > row.nanoseconds { continue }
      found[id] = ReplayedValue(
        server: server, metric: series.metric, bits: row.bits[place],
        nanoseconds: row.nanoseconds)
    }
  }

  /// By target, older ones first.
  var newest: [(target: String, value: ReplayedValue)] {
    found.compactMap { id, value in wanted[id].map { ($0.target, value) } }
      .sorted { ($0.1.nanoseconds, $0.0, $0.1.metric) < ($1.1.nanoseconds, $1.0, $1.1.metric) }
      .map { (target: $0.0, value: $0.1) }
  }
}
