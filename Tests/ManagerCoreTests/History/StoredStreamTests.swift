import ManagerCore
import Protocol
import Testing

@Suite struct StoredStreamTests {
  @Test func whatIsNeitherHeldNorMissingWentByAge() {
    for held in [OrderSet([1...50]), OrderSet([40...50]), OrderSet()] {
      let stream = StoredStream(held: held, settled: 50, isGuarded: true)
      #expect(OrderSet(stream.durable) == OrderSet([1...50]))
    }
    // Behind a hole that the agent still fills.
    let open = StoredStream(held: OrderSet([1...10, 20...30]), settled: 10, isGuarded: true)
    #expect(OrderSet(open.durable) == OrderSet([1...10, 20...30]))
  }

  @Test func whatIsMissingIsNotSettled() {
    let stream = StoredStream(
      held: OrderSet([20...30, 51...60]), settled: 60, missing: OrderSet([31...50]),
      isGuarded: true)
    #expect(OrderSet(stream.durable) == OrderSet([1...30, 51...60]))
    let all = StoredStream(
      held: OrderSet(), settled: 50, missing: OrderSet([1...50]), isGuarded: true)
    #expect(all.durable.isEmpty)
  }

  /// Of a database from before files' ends were written down.
  @Test func withoutAWordOnFilesAStreamOfWhichNothingIsLeftWentByAge() {
    func durable(_ held: OrderSet) -> OrderSet {
      OrderSet(StoredStream(held: held, settled: 50, isGuarded: false).durable)
    }
    #expect(durable(OrderSet()) == OrderSet([1...50]))
    #expect(durable(OrderSet([1...30])) == OrderSet([1...30]))
    #expect(durable(OrderSet([1...60])) == OrderSet([1...60]))
  }

  @Test func aDamagedRowSaysWhateverItSays() {
    for isGuarded in [true, false] {
      let none = StoredStream(
        held: OrderSet(), settled: 0, missing: OrderSet([1...UInt64.max]), isGuarded: isGuarded)
      #expect(none.durable.isEmpty)
      let all = StoredStream(held: OrderSet(), settled: .max, isGuarded: isGuarded)
      #expect(all.durable == [1...UInt64.max])
    }
  }

  @Test func whatIsFoundBetweenNarrowsTheTimeOfWhatIsMissing() throws {
    let server = try #require(ServerID("00000000-0000-4000-8000-000000000001"))
    let missing = MissingOrders(
      stream: StreamKey(server: server, boot: BootID("b"), incarnation: "i"), orders: 31...60,
      afterNanoseconds: 300, beforeNanoseconds: 601, reason: "why")
    #expect(missing.remaining([31...60], found: []) == [missing])
    let rest = missing.remaining(
      [31...40, 46...60], found: [(41, 410), (45, 450), (44, 440), (70, 700), (20, 200)])
    #expect(rest.map(\.orders) == [31...40, 46...60])
    #expect(rest.map(\.afterNanoseconds) == [300, 450])
    #expect(rest.map(\.beforeNanoseconds) == [410, 601])
    #expect(missing.remaining([], found: [(31, 310)]).isEmpty)
    #expect(missing.below(31) == nil && missing.below(0) == nil)
    #expect(missing.below(40) == 31...39 && missing.below(.max) == 31...60)
  }
}
