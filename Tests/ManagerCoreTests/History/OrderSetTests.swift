import Testing

@testable import ManagerCore

@Suite struct OrderSetTests {
  @Test func insertedOrdersAreContainedAndTheirGapsAreNamed() {
    var set = OrderSet([0...0])
    set.insert(5...7)
    set.insert(1...2)
    #expect(set.ranges == [0...2, 5...7])
    #expect(set.gaps == [3...4])
    #expect(set.gap(below: 5) == 3...4)
    #expect(set.gap(below: 3) == nil)
    #expect(set.gap(below: 10) == 8...9)
    #expect(set.missing(from: 1...9) == [3...4, 8...9])
    set.insert(3...4)
    #expect(set.ranges == [0...7])
  }

  @Test func theHighestOrderOfAllDoesNotOverflow() {
    var set = OrderSet([.max - 1 ... .max])
    set.insert(.max ... .max)
    #expect(set.contains(.max))
    #expect(set.missing(from: 0 ... .max) == [0 ... .max - 2])
    set.insert(0 ... .max)
    #expect(set.ranges == [0 ... .max])
    #expect(set.missing(from: 3 ... .max).isEmpty)
  }

  @Test func agreesWithASetOfIntegers() {
    var random = SplitMix(seed: 11)
    for _ in 0..<200 {
      var set = OrderSet()
      var model: Set<UInt64> = []
      for _ in 0..<20 {
        let low = random.next() % 60
        let range = low...(low + random.next() % 6)
        set.insert(range)
        model.formUnion(range)
        let probe = random.next() % 64
        #expect(set.contains(probe) == model.contains(probe))
        let missing = (low...(low + 20)).filter { !model.contains($0) }
        #expect(set.missing(from: low...(low + 20)).flatMap { Array($0) } == missing)
        let below = model.filter { $0 < probe }.max()
        let gap = below.flatMap { $0 + 1 < probe ? ($0 + 1)...(probe - 1) : nil }
        #expect(set.gap(below: probe) == gap)
      }
      #expect(Set(set.ranges.flatMap { Array($0) }) == model)
    }
  }
}
