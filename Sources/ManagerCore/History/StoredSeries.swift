import Protocol

/// Whose series it is, in the manager's own ids.
package enum StoredSubject: Hashable, Sendable {
  case server(ServerID)
  /// The manager's id of the target.
  case target(String)
}

/// A series as the manager keeps it: one catalogue entry for all servers that ever reported it.
package struct StoredSeries: Hashable, Sendable {
  package var subject: StoredSubject
  package var metric: String
  package var labels: [String: String]
  package var kind: SeriesKind
  package var unit: String
  package var decimals: UInt8
  package var width: UInt8
  package init(
    subject: StoredSubject, metric: String, labels: [String: String], kind: SeriesKind,
    unit: String, decimals: UInt8, width: UInt8
  ) {
    self.subject = subject
    self.metric = metric
    self.labels = labels
    self.kind = kind
    self.unit = unit
    self.decimals = decimals
    self.width = width
  }
}

/// Index of a series in the catalogue; never given twice.
package typealias SeriesID = UInt32

/// One process life of one agent: within it batch orders are unique and ascending.
package struct StreamKey: Hashable, Sendable, Codable {
  package var server: ServerID
  package var boot: BootID
  package var incarnation: String
  package init(server: ServerID, boot: BootID, incarnation: String) {
    self.server = server
    self.boot = boot
    self.incarnation = incarnation
  }
}

/// A value as it enters history. `source` names the counter's life: a change of it is a reset.
package struct StoredSample: Hashable, Sendable {
  package var series: SeriesID
  package var source: UInt64
  package var bits: SampleBits
  package init(series: SeriesID, source: UInt64, bits: SampleBits) {
    self.series = series
    self.source = source
    self.bits = bits
  }
}

/// A batch as it enters history: corrected time, samples ascending by series.
package struct StoredBatch: Hashable, Sendable {
  package var order: UInt64
  /// Nanoseconds since the epoch by the manager's clock.
  package var nanoseconds: Int64
  package var samples: [StoredSample]
  package init(order: UInt64, nanoseconds: Int64, samples: [StoredSample]) {
    self.order = order
    self.nanoseconds = nanoseconds
    self.samples = samples
  }
}
