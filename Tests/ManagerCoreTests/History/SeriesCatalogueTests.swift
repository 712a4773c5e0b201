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

  @Test func theLastNumberOfAllIsNoEnd() {
    var catalogue = SeriesCatalogue(entries: [(.max, counter("a")), (0, counter("b"))])
    #expect(catalogue.id(of: counter("c")) == 1)
    #expect(catalogue.id(of: counter("d")) == 2)
  }
}
