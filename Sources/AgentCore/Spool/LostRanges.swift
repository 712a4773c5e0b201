import Protocol

/// Batches of one life that can not be sent any more: ascending ranges that neither overlap nor touch.
package struct LostRanges: Hashable, Sendable {
  package private(set) var ranges: [LostBatches] = []
  package init() {}

  package mutating func add(
    _ orders: ClosedRange<UInt64>, samples: UInt64?, stamps: LostStamps? = nil
  ) {
    var merged = LostBatches(
      from: orders.lowerBound, through: orders.upperBound, samples: samples, stamps: stamps)
    var kept: [LostBatches] = []
    for range in ranges {
      if range.through + 1 < merged.from || range.from > merged.through + 1 {
        kept.append(range)
      } else if range.from == merged.from && range.through == merged.through {
        merged.samples = merged.samples ?? range.samples
        merged.stamps = merged.stamps ?? range.stamps
      } else if range.from <= merged.from && range.through >= merged.through {
        merged = range
      } else {
        // What overlaps in part can not be counted, unless the new one brings nothing of its own.
        let isApart = range.through < merged.from || range.from > merged.through
        let sum = isApart ? range.samples.flatMap { a in merged.samples.map { a + $0 } } : nil
        let first = range.from < merged.from ? range.stamps?.first : merged.stamps?.first
        let last = range.through > merged.through ? range.stamps?.last : merged.stamps?.last
        merged = LostBatches(
          from: min(range.from, merged.from), through: max(range.through, merged.through),
          samples: sum,
          stamps: first.flatMap { first in last.map { LostStamps(first: first, last: $0) } })
      }
    }
    kept.append(merged)
    ranges = kept.sorted { $0.from < $1.from }
  }

  /// The manager knows of everything up to `order`.
  package mutating func settled(through order: UInt64) {
    ranges.removeAll { $0.through <= order }
  }
}
