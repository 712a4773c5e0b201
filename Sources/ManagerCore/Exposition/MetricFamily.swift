import Protocol

/// All samples of one metric name, as Prometheus reads them.
package struct MetricFamily: Hashable, Sendable {
  package var name: String
  package var help: String
  /// `.unrecognised` is exposed as `untyped`.
  package var kind: SeriesKind
  package var samples: [Sample]

  /// One value with its labels.
  package struct Sample: Hashable, Sendable {
    package var labels: [String: String]
    package var value: MetricValue
    package init(_ value: MetricValue, _ labels: [String: String] = [:]) {
      self.labels = labels
      self.value = value
    }
  }

  package init(
    _ name: String, _ kind: SeriesKind, help: String, samples: [Sample]
  ) {
    self.name = name
    self.help = help
    self.kind = kind
    self.samples = samples
  }
}

/// A number that is printed without loss: counters of 64 bits do not fit a `Double`.
package enum MetricValue: Hashable, Sendable {
  case unsigned(UInt64)
  /// The value divided by 10 to the power of `decimals`.
  case scaled(Int128, decimals: UInt8)
  case number(Double)

  /// The bits of a sample as its series declares them.
  package init(bits: SampleBits, of series: StoredSeries) {
    let value = series.kind == .counter ? Int128(bits) : Int128(Int64(bitPattern: bits))
    self = .scaled(value, decimals: series.decimals)
  }

  package var text: String {
    switch self {
    case .unsigned(let value): return String(value)
    case .number(let value):
      if value.isNaN { return "NaN" }
      if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
      return String(describing: value)
    case .scaled(let value, let decimals):
      guard decimals > 0 else { return String(value) }
      let digits = String(value.magnitude)
      let places = Int(decimals)
      let padded = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
      return (value < 0 ? "-" : "") + padded.dropLast(places) + "." + padded.suffix(places)
    }
  }
}
