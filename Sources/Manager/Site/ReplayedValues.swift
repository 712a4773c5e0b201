import ManagerCore
import Protocol

/// The newest of each value that views show, as the frame log goes by.
struct ReplayedValues {
  private let wanted: [SeriesID: (target: String, metric: String)]
  private var found: [SeriesID: ReplayedValue] = [:]

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

  mutating func take(_ batch: StoredBatch, from server: ServerID) {
    for sample in batch.samples {
      guard let series = wanted[sample.series] else { continue }
      if let known = found[sample.series], known.nanoseconds > batch.nanoseconds { continue }
      found[sample.series] = ReplayedValue(
        server: server, metric: series.metric, bits: sample.bits, nanoseconds: batch.nanoseconds)
    }
  }

  /// By target, older ones first.
  var newest: [(target: String, value: ReplayedValue)] {
    found.compactMap { id, value in wanted[id].map { ($0.target, value) } }
      .sorted { ($0.1.nanoseconds, $0.0, $0.1.metric) < ($1.1.nanoseconds, $1.0, $1.1.metric) }
      .map { (target: $0.0, value: $0.1) }
  }
}
