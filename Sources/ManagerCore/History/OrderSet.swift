/// A set of batch orders as ascending ranges that neither overlap nor touch.
package struct OrderSet: Hashable, Sendable {
  /// Ascending, disjoint, with at least one order missing between two.
  package private(set) var ranges: [ClosedRange<UInt64>] = []

  package init(_ ranges: [ClosedRange<UInt64>] = []) {
    for range in ranges { insert(range) }
  }

  package func contains(_ order: UInt64) -> Bool {
    let position = firstRange(endingAtOrAfter: order)
    return position < ranges.count && ranges[position].lowerBound <= order
  }

  package mutating func insert(_ range: ClosedRange<UInt64>) {
    let below = range.lowerBound == 0 ? 0 : range.lowerBound - 1
    let above = range.upperBound == .max ? .max : range.upperBound + 1
    let first = firstRange(endingAtOrAfter: below)
    var end = first
    var merged = range
    while end < ranges.count && ranges[end].lowerBound <= above {
      merged =
        min(
          merged.lowerBound, ranges[end].lowerBound)...max(
          merged.upperBound, ranges[end].upperBound)
      end += 1
    }
    ranges.replaceSubrange(first..<end, with: CollectionOfOne(merged))
  }

  /// The parts of a range that are not in the set.
  package func missing(from range: ClosedRange<UInt64>) -> [ClosedRange<UInt64>] {
    var missing: [ClosedRange<UInt64>] = []
    var next = range.lowerBound
    for known in ranges[firstRange(endingAtOrAfter: range.lowerBound)...] {
      if known.lowerBound > range.upperBound { break }
      if known.lowerBound > next { missing.append(next...(known.lowerBound - 1)) }
      guard known.upperBound < range.upperBound else { return missing }
      next = known.upperBound + 1
    }
    missing.append(next...range.upperBound)
    return missing
  }

  /// The orders between `order` and the highest one below it that is in the set; `nil` when the
  /// one just below is in it, or there is none below.
  package func gap(below order: UInt64) -> ClosedRange<UInt64>? {
    guard order > 0 else { return nil }
    let position = firstRange(endingAtOrAfter: order)
    if position < ranges.count && ranges[position].lowerBound < order { return nil }
    guard position > 0 else { return nil }
    let known = ranges[position - 1].upperBound
    return known < order - 1 ? (known + 1)...(order - 1) : nil
  }

  /// What is missing between the lowest and the highest order of the set.
  package var gaps: [ClosedRange<UInt64>] {
    zip(ranges, ranges.dropFirst()).map { ($0.upperBound + 1)...($1.lowerBound - 1) }
  }

  private func firstRange(endingAtOrAfter order: UInt64) -> Int {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound < order { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
