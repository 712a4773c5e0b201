import Testing

@testable import ManagerCore

@Suite struct HistoryHeadTests {
  @Test func onlyWhatTheStoreCommittedIsAcknowledged() throws {
    let key = try stream()
    var head = HistoryHead()
    for order in UInt64(1)...5 { #expect(head.append(batch(order), to: key) == .appended) }
    #expect(head.acknowledgedOrder(key) == 0)
    let blocks = head.cut(now: moment(0), force: true)
    #expect(blocks.map(\.firstOrder) == [1])
    #expect(blocks.map(\.lastOrder) == [5])
    #expect(blocks.map(\.samples) == [5])
    #expect(blocks.map(\.fromNanoseconds) == [second])
    #expect(blocks.map(\.throughNanoseconds) == [5 * second])
    #expect(head.acknowledgedOrder(key) == 0)
    #expect(head.unstored == blocks)
    head.stored(blocks[0])
    #expect(head.acknowledgedOrder(key) == 5)
    #expect(head.unstored.isEmpty)
    #expect(head.heldBytes == 0)
  }

  @Test func aBatchIsRefusedInEveryStageOfTheOneBefore() throws {
    let key = try stream()
    var head = HistoryHead()
    head.resume(key, durable: [1...3])
    #expect(head.append(batch(2), to: key) == .duplicate)
    #expect(head.append(batch(4), to: key) == .appended)
    #expect(head.append(batch(4), to: key) == .duplicate)
    let blocks = head.cut(now: moment(0), force: true)
    #expect(head.append(batch(4), to: key) == .duplicate)
    head.stored(blocks[0])
    #expect(head.append(batch(4), to: key) == .duplicate)
    #expect(head.append(batch(0), to: key) == .duplicate)
    #expect(try head.append(batch(4), to: stream("b")) == .gap(missing: 1...3))
  }

  @Test func aReplayFillsTheGapAndTheAcknowledgedOrderMovesPastIt() throws {
    let key = try stream()
    var head = HistoryHead()
    #expect(head.append(batch(1), to: key) == .appended)
    #expect(head.append(batch(5), to: key) == .gap(missing: 2...4))
    #expect(head.append(batch(3), to: key) == .gap(missing: 2...2))
    #expect(head.missing(key) == [2...2, 4...4])
    let blocks = head.cut(now: moment(0), force: true)
    #expect(blocks.map { $0.firstOrder...$0.lastOrder } == [1...1, 3...3, 5...5])
    for block in blocks.reversed() { head.stored(block) }
    #expect(head.acknowledgedOrder(key) == 1)
    #expect(head.append(batch(4), to: key) == .appended)
    #expect(head.append(batch(2), to: key) == .appended)
    for block in head.cut(now: moment(0), force: true) { head.stored(block) }
    #expect(head.acknowledgedOrder(key) == 5)
    #expect(head.missing(key).isEmpty)
  }

  @Test func declaredLossesAreSteppedOverAndOnlyWhatIsNotHereIsLost() throws {
    let key = try stream()
    var head = HistoryHead()
    #expect(head.append(batch(4), to: key) == .gap(missing: 1...3))
    #expect(head.dropped(key, from: 1, through: 6) == [1...3, 5...6])
    #expect(head.acknowledgedOrder(key) == 3)
    for block in head.cut(now: moment(0), force: true) { head.stored(block) }
    #expect(head.acknowledgedOrder(key) == 6)
    #expect(head.append(batch(7), to: key) == .appended)
    #expect(head.dropped(key, from: 1, through: 6).isEmpty)
    #expect(head.dropped(key, from: 9, through: 8).isEmpty)
    #expect(head.dropped(key, from: 8, through: .max) == [8 ... .max])
    #expect(head.append(batch(.max), to: key) == .duplicate)
  }

  @Test func aFullBlockIsCutAtOnceAndTheRestWaitsForTheFlush() throws {
    let key = try stream()
    var head = HistoryHead()
    for order in UInt64(1)...130 { _ = head.append(batch(order), to: key) }
    #expect(head.cut(now: moment(0)).map { $0.firstOrder...$0.lastOrder } == [1...120])
    #expect(head.cut(now: moment(29)).isEmpty)
    #expect(head.cut(now: moment(30)).map { $0.firstOrder...$0.lastOrder } == [121...130])
    #expect(head.cut(now: moment(90)).isEmpty)
  }

  @Test func aBlockHoldsNoMoreSamplesThanItsLimit() throws {
    var limits = HistoryHead.Limits()
    limits.samplesPerBlock = 10
    var head = HistoryHead(limits: limits)
    let key = try stream()
    for order in UInt64(1)...7 { _ = head.append(batch(order, [1, 2, 3, 4]), to: key) }
    let blocks = head.cut(now: moment(0))
    #expect(blocks.map(\.samples) == [8, 8, 8])
    #expect(head.cut(now: moment(0), force: true).map(\.samples) == [4])
  }

  @Test func memoryIsBoundedAndWhatWasRefusedMayComeAgain() throws {
    var limits = HistoryHead.Limits()
    limits.bytes = 1_000
    var head = HistoryHead(limits: limits)
    let key = try stream()
    var held: UInt64 = 0
    while head.append(batch(held + 1), to: key) == .appended { held += 1 }
    // What a row takes is as much as the allocator gives: some ninety bytes.
    #expect((8...11).contains(held), "\(held) rows")
    #expect(head.heldBytes <= 1_000)
    #expect(head.append(batch(held + 1), to: key) == .full)
    // Past half of the memory a cut does not wait for the flush.
    for block in head.cut(now: moment(0)) { head.stored(block) }
    #expect(head.heldBytes == 0)
    #expect(head.append(batch(held + 1), to: key) == .appended)
    #expect(head.acknowledgedOrder(key) == held)
  }

  @Test func aStreamFullOfHolesIsRefusedNewOnesButTheyCanBeFilled() throws {
    var limits = HistoryHead.Limits()
    limits.rangesPerStream = 3
    var head = HistoryHead(limits: limits)
    let key = try stream()
    #expect(head.append(batch(2), to: key) == .gap(missing: 1...1))
    #expect(head.append(batch(4), to: key) == .gap(missing: 3...3))
    #expect(head.append(batch(6), to: key) == .full)
    #expect(head.append(batch(3), to: key) == .appended)
    #expect(head.append(batch(6), to: key) == .gap(missing: 5...5))
  }

  @Test func whatIsHeldAndWhatIsInFlightIsSeenByQueries() throws {
    let key = try stream()
    var head = HistoryHead()
    _ = head.append(batch(1, [10, 20]), to: key)
    let blocks = head.cut(now: moment(0), force: true)
    _ = head.append(batch(2, [11, 21]), to: key)
    _ = try head.append(batch(3, [99]), to: stream("other", server: 2))
    let seen = try head.columns(for: [1], range: 0...(9 * second))
    #expect(seen == [1: [point(1, 20), point(2, 21)]])
    #expect(try head.columns(for: [1], range: (2 * second)...(9 * second)) == [1: [point(2, 21)]])
    head.stored(blocks[0])
    #expect(try head.columns(for: [0, 1], range: 0...(2 * second))[0] == [point(2, 11)])
  }

  private func point(_ seconds: Int64, _ bits: UInt64) -> HistoryPoint {
    HistoryPoint(nanoseconds: seconds * second, source: 7, bits: bits)
  }

  @Test func endedLivesAreForgottenOnceTheyHoldNothing() throws {
    var limits = HistoryHead.Limits()
    limits.idleStreamsPerServer = 2
    var head = HistoryHead(limits: limits)
    _ = try head.append(batch(1), to: stream("0"))
    for life in 1...5 { try head.resume(stream("\(life)"), durable: [1...9]) }
    #expect(try head.knows(stream("0")))
    #expect(try !head.knows(stream("1")))
    #expect(try head.knows(stream("5")))
    for block in head.cut(now: moment(0), force: true) { head.stored(block) }
    try head.resume(stream("6"), durable: [])
    #expect(try !head.knows(stream("0")))
  }
}
