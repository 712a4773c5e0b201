import Protocol

/// Numbers for the series of one life of the process. A new source of a counter is a new number.
package struct SeriesTable: Sendable {
  /// As many as a session may declare.
  package static let limit = WireLimits.seriesPerSession

  private var ids: [SeriesDeclaration: UInt32] = [:]
  /// By number: as the series was last given.
  private var known: [DeclaredSeries] = []
  /// Which number came after each number last time: cycles are alike, and comparing with a guess is
  /// cheaper than hashing all that a declaration holds.
  private var successors: [UInt32] = []
  /// Values that got no number because the table is full.
  package private(set) var refused: UInt64 = 0
  package init() {}

  package subscript(id: UInt32) -> SeriesDeclaration? {
    Int(id) < known.count ? known[Int(id)].declaration : nil
  }

  /// The values of a cycle by ascending number, each number once, with the first of its values.
  package mutating func numbered(_ samples: [Sample]) -> (ids: [UInt32], bits: [SampleBits]) {
    var ids: [UInt32] = []
    var bits: [SampleBits] = []
    ids.reserveCapacity(samples.count)
    bits.reserveCapacity(samples.count)
    var isAscending = true
    for sample in samples {
      let previous = ids.last
      guard let id = id(of: sample.series, after: previous) else { continue }
      if let previous, previous >= id { isAscending = false }
      ids.append(id)
      bits.append(sample.bits)
    }
    return isAscending ? (ids, bits) : SeriesTable.ascending(ids, bits)
  }

  private static func ascending(
    _ ids: [UInt32], _ bits: [SampleBits]
  ) -> (ids: [UInt32], bits: [SampleBits]) {
    var sorted: (ids: [UInt32], bits: [SampleBits]) = ([], [])
    let places = ids.indices.sorted { (ids[$0], $0) < (ids[$1], $1) }
    for place in places where sorted.ids.last != ids[place] {
      sorted.ids.append(ids[place])
      sorted.bits.append(bits[place])
    }
    return sorted
  }

  /// - Parameter previous: the number that the value before it got.
  package mutating func id(of series: DeclaredSeries, after previous: UInt32?) -> UInt32? {
    let guess = previous.map { Int(successors[Int($0)]) } ?? 0
    if guess < known.count {
      if known[guess] === series { return UInt32(guess) }
      if known[guess].declaration == series.declaration {
        known[guess] = series
        return UInt32(guess)
      }
    }
    let id = id(of: series)
    if let id, let previous { successors[Int(previous)] = id }
    return id
  }

  private mutating func id(of series: DeclaredSeries) -> UInt32? {
    if let id = ids[series.declaration] {
      known[Int(id)] = series
      return id
    }
    guard known.count < SeriesTable.limit else {
      refused += 1
      return nil
    }
    let id = UInt32(known.count)
    ids[series.declaration] = id
    known.append(series)
    successors.append(id &+ 1)
    return id
  }
}
