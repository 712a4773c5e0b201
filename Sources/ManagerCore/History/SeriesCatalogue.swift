/// Every series that the manager ever kept, by number.
///
/// Another kind, unit, number of decimals or width of the same series is another entry, because old
/// values must never be read with new scales. Numbers are handed to the store by `takeNew` before
/// any block that uses them is written: a block must not outlive the meaning of its numbers.
package struct SeriesCatalogue: Sendable {
  private var seriesByID: [SeriesID: StoredSeries] = [:]
  private var idBySeries: [StoredSeries: SeriesID] = [:]
  private var idsByMetric: [String: [SeriesID]] = [:]
  private var new: [(SeriesID, StoredSeries)] = []
  private var next: SeriesID = 0

  /// The catalogue as the store has it.
  package init(entries: [(SeriesID, StoredSeries)] = []) {
    seriesByID.reserveCapacity(entries.count)
    idBySeries.reserveCapacity(entries.count)
    for (id, series) in entries.sorted(by: { $0.0 < $1.0 }) {
      insert(series, id)
      next = id &+ 1
    }
  }

  /// How many series are known.
  package var count: Int { seriesByID.count }

  /// The number of a series; one that is new gets a number that no other ever had.
  package mutating func id(of series: StoredSeries) -> SeriesID {
    if let known = idBySeries[series] { return known }
    // Only a store that used the very last number makes this search for a hole.
    while seriesByID[next] != nil { next &+= 1 }
    let id = next
    next &+= 1
    insert(series, id)
    new.append((id, series))
    return id
  }

  /// What was numbered since the last call, in order of number; to be stored before it is used.
  package mutating func takeNew() -> [(SeriesID, StoredSeries)] {
    defer { new = [] }
    return new
  }

  /// The series of a number; `nil` for a number never given.
  package func series(_ id: SeriesID) -> StoredSeries? { seriesByID[id] }

  /// All series of one metric, ascending by number.
  package func ids(ofMetric metric: String) -> [SeriesID] { idsByMetric[metric] ?? [] }

  /// The names of all metrics, sorted.
  package var metrics: [String] { idsByMetric.keys.sorted() }

  private mutating func insert(_ series: StoredSeries, _ id: SeriesID) {
    guard seriesByID[id] == nil else { return }
    seriesByID[id] = series
    if idBySeries[series] == nil { idBySeries[series] = id }
    idsByMetric[series.metric, default: []].append(id)
  }
}
