import Protocol

/// `GET /api/v1/metrics/{name}?by=LABEL&seconds=3600&rate=true&match=LABEL=VALUE`
package struct MetricAnswer: Codable, Hashable, Sendable {
  package var metric: String
  package var unit: String
  package var kind: SeriesKind
  package var isRate: Bool
  package var fromNanoseconds: Int64
  package var throughNanoseconds: Int64
  package var groups: [Group]
  /// What answered, finest first: `raw` samples, buckets of `1m`, `10m`, `1h`. A manager from before
  /// the roll-ups does not tell.
  package var tiers: [String]?
  /// Times within the range of which the answer may lack something, since a file of history is
  /// damaged; none is left out.
  package var unreadable: [Gap]?
  /// Series with values in the range that are of another kind or unit, and could not be added up; `nil` when
  /// there are none.
  package var seriesOfOtherKinds: Int?
  package struct Gap: Codable, Hashable, Sendable {
    package var fromNanoseconds: Int64
    package var throughNanoseconds: Int64
    /// Below the manager's state directory.
    package var file: String
    package var reason: String
    package init(
      fromNanoseconds: Int64, throughNanoseconds: Int64, file: String, reason: String
    ) {
      self.fromNanoseconds = fromNanoseconds
      self.throughNanoseconds = throughNanoseconds
      self.file = file
      self.reason = reason
    }
  }
  /// One series, or the sum over the series that share a value of `by`.
  package struct Group: Codable, Hashable, Sendable {
    package var labels: [String: String]
    /// All that are known, whether or not they have a sample in the range.
    package var series: Int
    /// Of them, those whose last sample is too old to be part of `value`.
    package var silentSeries: Int
    /// Over the whole range: of a gauge the time's last value; of a counter its last reading, or
    /// with `rate` the reset-corrected increase divided by the time between first and last sample.
    package var value: Double?
    package var minimum: Double?
    package var maximum: Double?
    /// With `rate`, of a group of one series: the greatest increase a second from one sample to the
    /// next, also where `points` are of wider times. From roll-ups it is at most 0.8 % too high.
    package var peak: Double?
    package var samples: Int
    package var resets: Int
    /// The age of the oldest sample that is part of `value`.
    package var lastSecondsAgo: Double?
    /// `[nanoseconds since the epoch, value]`, at most 1,000.
    package var points: [Point]
    package init(labels: [String: String]) {
      self.labels = labels
      series = 0
      silentSeries = 0
      samples = 0
      resets = 0
      points = []
    }
  }
  /// In JSON `[nanoseconds, value]`: an answer has a hundred thousand of them, and names for each
  /// would be the most of it.
  package struct Point: Codable, Hashable, Sendable {
    package var nanoseconds: Int64
    package var value: Double
    package init(nanoseconds: Int64, value: Double) {
      self.nanoseconds = nanoseconds
      self.value = value
    }
    package init(from decoder: any Decoder) throws {
      var pair = try decoder.unkeyedContainer()
      nanoseconds = try pair.decode(Int64.self)
      value = try pair.decode(Double.self)
    }
    package func encode(to encoder: any Encoder) throws {
      var pair = encoder.unkeyedContainer()
      try pair.encode(nanoseconds)
      try pair.encode(value)
    }
  }
  package init(
    metric: String, unit: String, kind: SeriesKind, isRate: Bool, fromNanoseconds: Int64,
    throughNanoseconds: Int64, groups: [Group], tiers: [String]? = nil
  ) {
    self.metric = metric
    self.unit = unit
    self.kind = kind
    self.isRate = isRate
    self.fromNanoseconds = fromNanoseconds
    self.throughNanoseconds = throughNanoseconds
    self.groups = groups
    self.tiers = tiers
  }
}
