import Protocol
import Testing

@testable import ManagerCore

@Suite struct FrameLogTests {
  private var limits: FrameLog.Limits {
    var limits = FrameLog.Limits()
    limits.segmentBytes = 400
    limits.segmentNanoseconds = 100 * second
    limits.pendingBytes = 2_000
    return limits
  }

  @Test func whatComesDuringAWriteMakesTheNextOne() throws {
    let key = try stream()
    var log = FrameLog(limits: limits)
    let taken1 = log.nextWrite(now: moment(0))
    #expect(taken1 == nil)
    let taken2 = log.append(batch(1), of: key)
    #expect(taken2)
    let started = log.nextWrite(now: moment(0))
    let first = try #require(started)
    #expect((first.segment, first.offset) == (1, 0))
    let taken3 = log.append(batch(2), of: key)
    #expect(taken3)
    let taken4 = log.wrote()
    #expect(taken4.map(\.order) == [1])
    let continued = log.nextWrite(now: moment(1))
    let second = try #require(continued)
    #expect((second.segment, second.offset) == (1, first.bytes.count))
    let taken5 = log.wrote()
    #expect(taken5.map(\.order) == [2])
    let taken6 = log.nextWrite(now: moment(2))
    #expect(taken6 == nil)
    var reader = FrameLogReader()
    let file = first.bytes + second.bytes
    let batches = [reader.next(file.span)?.batch, reader.next(file.span)?.batch]
    #expect(batches == [batch(1), batch(2)])
    #expect(reader.ending(file.span, isNewest: true) == .whole)
  }

  @Test func aWriteThatFailedIsRepeatedAsItWas() throws {
    let key = try stream()
    var log = FrameLog(limits: limits)
    _ = log.append(batch(1), of: key)
    let first = log.nextWrite(now: moment(0))
    _ = log.append(batch(2), of: key)
    let taken7 = log.nextWrite(now: moment(1))
    #expect(taken7 == first)
    let taken8 = log.wrote()
    #expect(taken8.map(\.order) == [1])
    let taken9 = log.nextWrite(now: moment(2))
    #expect(taken9?.offset == first?.bytes.count)
  }

  @Test func whileNothingCanBeWrittenOnlySoMuchWaits() throws {
    let key = try stream()
    var log = FrameLog(limits: limits)
    var taken = 0
    for order in UInt64(1)...1_000 where log.append(batch(order), of: key) { taken += 1 }
    #expect(taken > 20 && taken < 1_000)
    #expect(log.waitingBytes < 2_200)
    _ = log.nextWrite(now: moment(0))
    let taken10 = log.append(batch(2_000), of: key)
    #expect(!taken10)
    _ = log.wrote()
    let taken11 = log.append(batch(2_000), of: key)
    #expect(taken11)
  }

  @Test func segmentsEndBySizeAndByAgeAndGoWhenAllTheirBatchesAreSettled() throws {
    let (one, two) = (try stream("a"), try stream("b"))
    var log = FrameLog(limits: limits)
    var written: [UInt64: [UInt64]] = [:]
    for order in UInt64(1)...30 {
      _ = log.append(batch(order), of: order.isMultiple(of: 2) ? one : two)
      let next = log.nextWrite(now: moment(Int64(order)))
      let write = try #require(next)
      written[write.segment, default: []] += log.wrote().map(\.order)
    }
    #expect(written.count > 2)
    #expect(log.removable { _, _ in false }.isEmpty)
    // The last one is still written to.
    let first = try #require(written[1])
    #expect(log.removable { _, orders in first.contains(orders.lowerBound) } == [1])
    log.removed([1])
    #expect(log.removable { _, _ in true } == Array(written.keys.sorted().dropFirst().dropLast()))
    _ = log.append(batch(31), of: one)
    _ = log.nextWrite(now: moment(500))
    #expect(!log.removable { _, _ in true }.contains(try #require(written.keys.max())))
    _ = log.wrote()
    #expect(log.removable { _, _ in true } == Array(written.keys.sorted().dropFirst()))
  }

  @Test func segmentsOfAnEarlierLifeGoWithTheirBatches() throws {
    let key = try stream()
    var log = FrameLog(limits: limits, first: 8)
    log.found(segment: 6)
    log.found(3, of: key, in: 7)
    #expect(log.removable { _, _ in false } == [6])
    #expect(log.removable { _, orders in orders == 3...3 } == [6, 7])
    _ = log.append(batch(4), of: key)
    let taken12 = log.nextWrite(now: moment(0))
    #expect(taken12?.segment == 8)
  }

  @Test func whatIsLoggedIsAcknowledgedAndSettledOnlyByItsBlock() throws {
    let key = try stream()
    var head = HistoryHead()
    for order in UInt64(1)...3 { _ = head.append(batch(order), to: key) }
    head.logged(1, of: key)
    head.logged(3, of: key)
    #expect(head.acknowledgedOrder(key) == 1)
    head.logged(2, of: key)
    #expect(head.acknowledgedOrder(key) == 3)
    #expect(head.settledOrder(key) == 0)
    #expect(!head.isSettled(key, 1...3))
    for block in head.cut(now: moment(0), force: true) { head.stored(block) }
    #expect(head.settledOrder(key) == 3)
    #expect(head.isSettled(key, 1...3))
    #expect(try head.isSettled(stream("never heard of"), 1...3))
  }

  @Test func whatComesOutOfTheLogIsTakenWhateverTheLimit() throws {
    let key = try stream()
    var limits = HistoryHead.Limits()
    limits.bytes = 100
    var head = HistoryHead(limits: limits)
    let taken13 = head.append(batch(1), to: key, isLogged: true)
    #expect(taken13 == .appended)
    let taken14 = head.append(batch(2), to: key)
    #expect(taken14 == .full)
    let taken15 = head.append(batch(2), to: key, isLogged: true)
    #expect(taken15 == .appended)
    let taken16 = head.append(batch(2), to: key, isLogged: true)
    #expect(taken16 == .duplicate)
    #expect(head.acknowledgedOrder(key) == 2)
  }
}
