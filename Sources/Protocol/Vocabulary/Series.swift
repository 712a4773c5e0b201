/// How the values of a series behave.
package enum SeriesKind: String, WireEnum {
  /// Only grows within one source; its values are unsigned.
  case counter
  /// Goes up and down; its values are signed.
  case gauge
  case unrecognised
}

/// Whose series it is. Never the server that happens to serve a target.
package enum SeriesSubject: Hashable, Sendable {
  case server
  case target(TargetReference)
}

/// Names one series of one agent. `labels` hold neither target nor server.
package struct SeriesKey: Hashable, Sendable {
  package var subject: SeriesSubject
  package var metric: String
  package var labels: [String: String]

  package init(subject: SeriesSubject, metric: String, labels: [String: String] = [:]) {
    self.subject = subject
    self.metric = metric
    self.labels = labels
  }
}

/// What an agent says of a series once a session, before its first value.
package struct SeriesDeclaration: Hashable, Sendable {
  package var key: SeriesKey
  package var kind: SeriesKind
  /// `bytes`, `seconds`, `microseconds`, `1` …: the unit of the value, after `decimals`.
  package var unit: String
  /// The real value is the integer divided by 10 to this power. 0 … 9.
  package var decimals: UInt8
  /// Where a counter wraps: 32 (LNet's message counters) or 64 bits.
  package var width: UInt8
  /// Names the counter's life within the boot (a `start_time`, a mount). A new one is a reset.
  package var source: String

  package init(
    key: SeriesKey, kind: SeriesKind, unit: String, decimals: UInt8 = 0, width: UInt8 = 64,
    source: String = ""
  ) {
    self.key = key
    self.kind = kind
    self.unit = unit
    self.decimals = decimals
    self.width = width
    self.source = source
  }
}

/// A value's 64 bits: unsigned for a counter, two's complement for a gauge.
package typealias SampleBits = UInt64

/// A declaration that many readings share: whoever keeps it can tell by it alone, without comparing
/// names, that the next value is of the same series.
package final class DeclaredSeries: Sendable {
  package let declaration: SeriesDeclaration
  package init(_ declaration: SeriesDeclaration) { self.declaration = declaration }
}

/// One reading of one series.
package struct Sample: Hashable, Sendable {
  package let series: DeclaredSeries
  package var bits: SampleBits
  package var declaration: SeriesDeclaration { series.declaration }

  package init(_ series: DeclaredSeries, _ bits: SampleBits) {
    self.series = series
    self.bits = bits
  }

  package init(_ declaration: SeriesDeclaration, _ bits: SampleBits) {
    self.init(DeclaredSeries(declaration), bits)
  }

  package static func == (a: Sample, b: Sample) -> Bool {
    a.bits == b.bits && (a.series === b.series || a.declaration == b.declaration)
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(declaration)
    hasher.combine(bits)
  }
}

/// Values of one moment. `order` grows by one a batch within one life of the agent's process.
package struct SampleBatch: Hashable, Sendable {
  package var order: UInt64
  package var stamp: Stamp
  /// Ascending series ids of this session, each once.
  package var ids: [UInt32]
  package var bits: [SampleBits]

  package init(order: UInt64, stamp: Stamp, ids: [UInt32], bits: [SampleBits]) {
    self.order = order
    self.stamp = stamp
    self.ids = ids
    self.bits = bits
  }
}
