import ManagerCore
import Testing

@Suite struct StoredStreamTests {
  @Test func withItsNewestBlockThereAllIsTrusted() {
    for held in [OrderSet([1...50]), OrderSet([40...50]), OrderSet([50...50, 60...60])] {
      let stream = StoredStream(held: held, settled: 50, newest: 50)
      #expect(stream.durable == 50)
      #expect(stream.lost == nil)
    }
    // Behind a hole that the agent still fills.
    let open = StoredStream(held: OrderSet([1...10, 20...30]), settled: 10, newest: 30)
    #expect(open.durable == 10)
    #expect(open.lost == nil)
  }

  @Test func whatIsCutOffIsLost() {
    let some = StoredStream(held: OrderSet([1...30]), settled: 50, newest: 50)
    #expect(some.durable == 30)
    #expect(some.lost == 31...50)
    let all = StoredStream(held: OrderSet(), settled: 50, newest: 50)
    #expect(all.durable == 0)
    #expect(all.lost == 1...50)
    // Older days went by age.
    let aged = StoredStream(held: OrderSet([20...30]), settled: 50, newest: 50)
    #expect(aged.lost == 31...50)
  }

  @Test func lossesAfterABlockDoNotHideThatItIsGone() {
    let stream = StoredStream(held: OrderSet([1...5, 51...60]), settled: 60, newest: 50)
    #expect(stream.durable == 5)
    #expect(stream.lost == 6...60)
    let told = StoredStream(held: OrderSet([1...60]), settled: 60, newest: 50)
    #expect(told.lost == nil)
  }

  /// Of a database from before the newest block was written down, or when its day is not there any more.
  @Test func withoutAWordOnTheNewestBlockAStreamOfWhichNothingIsLeftWentByAge() {
    #expect(StoredStream(held: OrderSet(), settled: 50, newest: nil).durable == 50)
    #expect(StoredStream(held: OrderSet([1...30]), settled: 50, newest: nil).durable == 30)
    #expect(
      StoredStream(held: OrderSet([1...30]), settled: 50, newest: nil, isLossTold: true).durable
        == 50)
    #expect(StoredStream(held: OrderSet([1...60]), settled: 50, newest: nil).durable == 50)
  }

  @Test func aDamagedRowSaysWhateverItSays() {
    #expect(StoredStream(held: OrderSet(), settled: .max, newest: 0).durable == .max)
    #expect(StoredStream(held: OrderSet(), settled: 0, newest: .max).lost == nil)
    #expect(StoredStream(held: OrderSet(), settled: .max, newest: .max).lost == 1...UInt64.max)
  }
}
