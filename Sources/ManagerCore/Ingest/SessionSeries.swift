import Protocol

/// What a session's series number stands for.
package struct SeriesBinding: Sendable {
  package let series: SeriesID
  package let source: UInt64
  /// Set for the few series whose last value views show.
  package let kept: SeriesKey?

  package init(series: SeriesID, source: UInt64, kept: SeriesKey?) {
    self.series = series
    self.source = source
    self.kept = kept
  }
}

/// A batch of a session in the manager's own numbers, before it has a time.
package struct ArrangedBatch: Sendable {
  package var order: UInt64
  package var stamp: Stamp
  package var layout: SampleLayout
  package var bits: [SampleBits]
  /// Where in `bits` values lie that views show, and what they are of.
  package var kept: [(place: Int, key: SeriesKey)]
}

/// The series that a session declared, and how its batches become rows.
///
/// Nearly every batch of a session holds the same series as one before, so what is to be known of
/// them is worked out once: a sample then costs no look into a table.
package struct SessionSeries: Sendable {
  /// How the values of one set of numbers are put into a row.
  private struct Arrangement: Sendable {
    var ids: [UInt32]
    var layout: SampleLayout
    /// Where each value of the row comes from; `nil` when they are in order already.
    var origins: [UInt32]?
    var kept: [(place: Int, key: SeriesKey)]
  }

  /// Sets of numbers that are remembered: collectors at several intervals make a few.
  private static let remembered = 4
  /// By number in the session. Numbers count up from 0.
  private var series: [SeriesID] = []
  private var sources: [UInt64] = []
  private var bound = NumberSet()
  private var kept: [UInt32: SeriesKey] = [:]
  private var arrangements: [Arrangement] = []

  package init(_ bindings: [UInt32: SeriesBinding] = [:]) { bind(bindings) }

  /// Numbers are below `WireLimits.seriesPerSession`; the decoder sees to it.
  package mutating func bind(_ bindings: [UInt32: SeriesBinding]) {
    guard let highest = bindings.keys.max() else { return }
    let missing = Int(highest) + 1 - series.count
    if missing > 0 {
      series.append(contentsOf: repeatElement(0, count: missing))
      sources.append(contentsOf: repeatElement(0, count: missing))
    }
    for (id, binding) in bindings {
      series[Int(id)] = binding.series
      sources[Int(id)] = binding.source
      bound.insert(id)
      if let key = binding.kept { kept[id] = key }
    }
    // A number that had no meaning until now may be among theirs.
    arrangements = []
  }

  /// A batch as a row. Values of numbers without a binding are left out.
  package mutating func arrange(_ batch: SampleBatch) -> ArrangedBatch {
    let place: Int
    if let known = arrangements.firstIndex(where: { $0.ids == batch.ids }) {
      place = known
    } else {
      if arrangements.count >= SessionSeries.remembered { arrangements.removeFirst() }
      arrangements.append(arrangement(of: batch.ids))
      place = arrangements.count - 1
    }
    let arrangement = arrangements[place]
    var bits = batch.bits
    if let origins = arrangement.origins {
      bits = []
      bits.reserveCapacity(origins.count)
      for origin in origins { bits.append(batch.bits[Int(origin)]) }
    }
    return ArrangedBatch(
      order: batch.order, stamp: batch.stamp, layout: arrangement.layout, bits: bits,
      kept: arrangement.kept)
  }

  private func arrangement(of ids: [UInt32]) -> Arrangement {
    var origins: [UInt32] = ids.indices.compactMap { bound.contains(ids[$0]) ? UInt32($0) : nil }
    func series(_ origin: UInt32) -> SeriesID { self.series[Int(ids[Int(origin)])] }
    let isInOrder =
      origins.count == ids.count
      && zip(origins, origins.dropFirst()).allSatisfy { series($0) <= series($1) }
    // Equal ones stay in their sequence: the later one counts.
    if !isInOrder { origins.sort { (series($0), $0) < (series($1), $1) } }
    let layout = SampleLayout(
      series: origins.map(series), sources: origins.map { sources[Int(ids[Int($0)])] })
    let kept = origins.indices.compactMap { place in
      self.kept[ids[Int(origins[place])]].map { (place: place, key: $0) }
    }
    return Arrangement(
      ids: ids, layout: layout, origins: isInOrder ? nil : origins, kept: kept)
  }
}

/// A set of small numbers, a bit each.
struct NumberSet: Sendable {
  private var words: [UInt64] = []
  private(set) var count = 0
  /// Above the greatest of them; 0 when there is none.
  private(set) var end = 0

  func contains(_ number: UInt32) -> Bool {
    let word = Int(number >> 6)
    return word < words.count && words[word] >> UInt64(number & 63) & 1 == 1
  }

  /// - Returns: whether it was not in the set.
  @discardableResult
  mutating func insert(_ number: UInt32) -> Bool {
    let word = Int(number >> 6)
    if word >= words.count {
      words.append(contentsOf: repeatElement(0, count: word + 1 - words.count))
    }
    let bit: UInt64 = 1 << UInt64(number & 63)
    guard words[word] & bit == 0 else { return false }
    words[word] |= bit
    count += 1
    end = max(end, Int(number) + 1)
    return true
  }
}
