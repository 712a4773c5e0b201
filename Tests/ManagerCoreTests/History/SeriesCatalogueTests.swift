import Protocol
import Testing

@testable import ManagerCore

@Suite struct SeriesCatalogueTests {
  @Test func theSameSeriesKeepsItsNumberAndANewOneIsHandedOutOnce() {
    var catalogue = SeriesCatalogue(entries: [(4, counter("a")), (2, counter("b"))])
    #expect(catalogue.id(of: counter("a")) == 4)
    #expect(catalogue.takeNew().isEmpty)
    let id = catalogue.id(of: counter("c"))
    #expect(id == 5)
    #expect(catalogue.id(of: counter("c")) == 5)
    let new = catalogue.takeNew()
    #expect(new.map(\.0) == [5])
    #expect(new.map(\.1) == [counter("c")])
    #expect(catalogue.takeNew().isEmpty)
  }

  @Test func anotherKindUnitScaleOrWidthIsAnotherSeries() {
    var catalogue = SeriesCatalogue()
    let ids = [
      counter(), counter(kind: .gauge), counter(unit: "1"), counter(decimals: 3),
      counter(width: 32), counter(labels: ["x": "y"]),
    ].map { catalogue.id(of: $0) }
    #expect(ids == [0, 1, 2, 3, 4, 5])
    #expect(catalogue.ids(ofMetric: "m") == ids)
    #expect(catalogue.series(3)?.decimals == 3)
    #expect(catalogue.series(6) == nil)
    #expect(catalogue.metrics == ["m"])
  }

  @Test func ofLabelsThatAreTheSameOneIsAskedFor() {
    var catalogue = SeriesCatalogue()
    let wanted = [counter(labels: ["x": "1"]), counter(labels: ["x": "1"], width: 32)]
      .map { catalogue.id(of: $0) }
    _ = catalogue.id(of: counter(labels: ["x": "2"]))
    _ = catalogue.id(of: counter())
    var asked: [[String: String]] = []
    let found = catalogue.ids(ofMetric: "m") { labels in
      asked.append(labels)
      return labels["x"] == "1"
    }
    #expect(found == wanted)
    #expect(asked == [["x": "1"], ["x": "2"], [:]])
    #expect(catalogue.ids(ofMetric: "n") { _ in true }.isEmpty)
  }

  @Test func theLastNumberOfAllIsNoEnd() {
    var catalogue = SeriesCatalogue(entries: [(.max, counter("a")), (0, counter("b"))])
    #expect(catalogue.id(of: counter("c")) == 1)
    #expect(catalogue.id(of: counter("d")) == 2)
  }

  /// Small tables and sparse numbers against plain dictionaries.
  @Test(arguments: UInt64(1)...10) func anySeriesAndNumbersKeepWhatTheyAre(seed: UInt64) {
    var random = SplitMix(seed: seed)
    func made() -> StoredSeries {
      counter(
        "m\(random.next() % 9)", labels: ["a": "\(random.next() % 40)"],
        decimals: UInt8(random.next() % 3))
    }
    var known: [StoredSeries: SeriesID] = [:]
    var entries: [(SeriesID, StoredSeries)] = []
    var next: SeriesID = 0
    for _ in 0..<200 {
      let series = made()
      next += SeriesID(1 + random.next() % (seed % 2 == 0 ? 1 : 1_000_000))
      guard known[series] == nil else { continue }
      known[series] = next
      entries.append((next, series))
    }
    entries.shuffle(using: &random)
    var catalogue = SeriesCatalogue(entries: entries)
    var new: [SeriesID] = []
    for _ in 0..<2_000 {
      let series = made()
      let id = catalogue.id(of: series)
      if let before = known[series] {
        #expect(id == before)
      } else {
        #expect(!known.values.contains(id))
        known[series] = id
        new.append(id)
      }
      #expect(catalogue.series(id) == series)
    }
    #expect(catalogue.count == known.count)
    let taken = catalogue.takeNew().map { $0.0 }
    #expect(taken == new)
    for metric in catalogue.metrics {
      let ids = known.filter { $0.key.metric == metric }.map { $0.value }.sorted()
      #expect(catalogue.ids(ofMetric: metric) == ids)
    }
  }
}
