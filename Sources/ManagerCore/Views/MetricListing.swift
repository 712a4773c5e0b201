import Protocol

/// `GET /api/v1/metrics`: a metric that the manager holds series of.
package struct MetricListing: Codable, Hashable, Sendable {
  package var name: String
  package var unit: String
  package var kind: SeriesKind
  /// One sentence for a person; empty when nobody described the metric.
  package var help: String
  package init(name: String, unit: String, kind: SeriesKind, help: String) {
    self.name = name
    self.unit = unit
    self.kind = kind
    self.help = help
  }
}
