/// Which series the values of a row belong to, and whose lives they are. The rows of one session
/// share it, so that a row costs no more than its values.
package struct SampleLayout: Hashable, Sendable {
  /// Ascending; what a codec's test gives may not be.
  package let series: [SeriesID]
  package let sources: [UInt64]
  package let isAscending: Bool

  package init(series: [SeriesID], sources: [UInt64]) {
    self.series = series
    self.sources = sources
    isAscending = zip(series, series.dropFirst()).allSatisfy { $0 < $1 }
  }

  package var count: Int { series.count }

  package static func == (a: SampleLayout, b: SampleLayout) -> Bool {
    // Two that share their storage are equal without a look at it.
    a.series == b.series && a.sources == b.sources
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(series)
    hasher.combine(sources)
  }

  /// The same series in a later stretch of their lives.
  package func inStretch(_ stretch: UInt16) -> SampleLayout {
    guard stretch > 0 else { return self }
    return SampleLayout(
      series: series, sources: sources.map { LifeSource.source($0, stretch: stretch) })
  }

  /// Where the wanted series lie.
  func places(of wanted: Set<SeriesID>) -> [Int] {
    guard isAscending, wanted.count * 16 < count else {
      return series.indices.filter { wanted.contains(series[$0]) }
    }
    return wanted.compactMap(place).sorted()
  }

  /// Of an ascending layout.
  private func place(of wanted: SeriesID) -> Int? {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if series[middle] < wanted { low = middle + 1 } else { high = middle }
    }
    return low < count && series[low] == wanted ? low : nil
  }
}

/// A batch as columns: what `StoredBatch` says, at eight bytes a sample.
package struct SampleRow: Hashable, Sendable {
  package var order: UInt64
  /// Nanoseconds since the epoch by the manager's clock.
  package var nanoseconds: Int64
  package var layout: SampleLayout
  /// As many as the layout has series.
  package var bits: [UInt64]

  package init(order: UInt64, nanoseconds: Int64, layout: SampleLayout, bits: [UInt64]) {
    self.order = order
    self.nanoseconds = nanoseconds
    self.layout = layout
    self.bits = bits
  }

  package init(_ batch: StoredBatch) {
    self.init(
      order: batch.order, nanoseconds: batch.nanoseconds,
      layout: SampleLayout(
        series: batch.samples.map(\.series), sources: batch.samples.map(\.source)),
      bits: batch.samples.map(\.bits))
  }

  package var batch: StoredBatch {
    var samples: [StoredSample] = []
    samples.reserveCapacity(bits.count)
    for place in bits.indices {
      samples.append(
        StoredSample(
          series: layout.series[place], source: layout.sources[place], bits: bits[place]))
    }
    return StoredBatch(order: order, nanoseconds: nanoseconds, samples: samples)
  }
}
