import Foundation
import GRDB
import ManagerCore
import Protocol
import Testing

@testable import Manager

@Suite struct StoreHistoryTests {
  private let directory: TemporaryDirectory
  private let store: StateStore

  init() throws {
    directory = try TemporaryDirectory()
    store = try StateStore(directory: StateDirectory(path: directory.path))
  }

  private func write(_ blocks: HistoryBlock...) -> HistoryWrite {
    var write = HistoryWrite()
    write.blocks = blocks
    return write
  }

  @Test func whatIsWrittenIsReadBackAndSettlesItsOrders() async throws {
    let stream = Given.stream(1)
    let block = Given.block(stream, orders: 1...10, from: 100, through: 200)
    #expect(try await store.durableOrder(of: stream) == 0)
    #expect(try await store.append(write(block), nanoseconds: 1) == [stream: 10])
    #expect(try await store.durableOrder(of: stream) == 10)
    #expect(try await store.blocks(from: 0, through: 1_000) == [block])
    #expect(try await store.storedOrders(of: stream) == OrderSet([1...10]))
    #expect(try await store.storedOrders(of: Given.stream(2)) == OrderSet())
  }

  @Test func aQueryFindsExactlyTheBlocksThatOverlap() async throws {
    let one = Given.stream(1)
    let two = Given.stream(2)
    let early = Given.block(one, orders: 1...5, from: 100, through: 200)
    let late = Given.block(one, orders: 6...9, from: 201, through: 300)
    let other = Given.block(two, orders: 1...5, from: 150, through: 250)
    try await store.append(write(early, late, other), nanoseconds: 1)
    #expect(try await store.blocks(from: 0, through: 99).isEmpty)
    #expect(try await store.blocks(from: 301, through: 400).isEmpty)
    #expect(try await store.blocks(from: 200, through: 200) == [early, other])
    #expect(try await store.blocks(from: 300, through: 900) == [late])
    #expect(try await store.blocks(from: 0, through: 900, servers: [two.server]) == [other])
    #expect(try await store.blocks(from: 0, through: 900, servers: []).isEmpty)
    #expect(try await store.blocks(from: 0, through: 900, limit: 1) == [early])
  }

  @Test func theSameBlockTwiceIsStoredOnce() async throws {
    let stream = Given.stream(1)
    let block = Given.block(stream, orders: 1...10, from: 100, through: 200)
    try await store.append(write(block), nanoseconds: 1)
    try await store.append(write(block), nanoseconds: 2)
    #expect(try await store.blocks(from: 0, through: 1_000) == [block])
  }

  @Test func aBlockThatOverlapsWhatIsStoredFailsWhole() async throws {
    let stream = Given.stream(1)
    try await store.append(
      write(Given.block(stream, orders: 1...10, from: 100, through: 200)), nanoseconds: 1)
    let innocent = Given.block(Given.stream(2), orders: 1...1, from: 1, through: 1)
    let refused = await refusal {
      try await store.append(
        write(innocent, Given.block(stream, orders: 8...12, from: 180, through: 220)),
        nanoseconds: 2)
    }
    #expect(refused?.code == "conflict")
    #expect(try await store.blocks(from: 0, through: 1_000).count == 1)
    #expect(try await store.durableOrder(of: stream) == 10)
  }

  @Test func aBlockAboveAHoleSettlesNothingBelowIt() async throws {
    let stream = Given.stream(1)
    try await store.append(
      write(Given.block(stream, orders: 6...9, from: 100, through: 200)), nanoseconds: 1)
    let answer = try await store.append(
      write(Given.block(stream, orders: 2...4, from: 50, through: 90)), nanoseconds: 2)
    #expect(answer == [stream: 0])
    #expect(try await store.storedOrders(of: stream) == OrderSet([2...4, 6...9]))
    // The hole's first part comes, and what is whole from the beginning counts.
    let filled = try await store.append(
      write(Given.block(stream, orders: 1...1, from: 40, through: 45)), nanoseconds: 3)
    #expect(filled == [stream: 1])
  }

  @Test func settledOrdersNeverGoDown() async throws {
    let stream = Given.stream(1)
    var write = HistoryWrite()
    write.durableOrders = [stream: 20]
    try await store.append(write, nanoseconds: 1)
    write.durableOrders = [stream: 7]
    #expect(try await store.append(write, nanoseconds: 2) == [stream: 20])
  }

  @Test func inventedOrdersAreRefused() async {
    let huge = Given.block(Given.stream(1), orders: .max...(.max), from: 1, through: 2)
    let refused = await refusal { try await store.append(write(huge), nanoseconds: 1) }
    #expect(refused?.code == "conflict")
  }

  @Test func aSeriesKeepsItsMeaning() async throws {
    var write = HistoryWrite()
    let target = StoredSeries(
      subject: .target("t1"), metric: "lustre_x", labels: [:], kind: .gauge, unit: "1",
      decimals: 2, width: 32)
    write.series = [(0, Given.series("a")), (4_000_000_000, target)]
    try await store.append(write, nanoseconds: 1)
    try await store.append(write, nanoseconds: 1)
    let stored = try await store.series()
    #expect(stored.map(\.0) == [0, 4_000_000_000])
    #expect(stored.map(\.1) == [Given.series("a"), target])

    var other = HistoryWrite()
    other.series = [(7, Given.series("c")), (0, Given.series("b"))]
    let refused = await refusal { try await store.append(other, nanoseconds: 1) }
    #expect(refused?.code == "conflict")
    #expect(try await store.series().count == 2)
  }

  @Test func lossesAreToldNewestFirst() async throws {
    func loss(_ number: Int64, samples: UInt64?) -> SampleLoss {
      SampleLoss(
        afterNanoseconds: number == 1 ? nil : number, beforeNanoseconds: number + 5,
        batches: samples.map { _ in 2 }, samples: samples, reason: "reason \(number)")
    }
    var write = HistoryWrite()
    write.losses = [
      ServerLoss(server: Given.server(1), loss: loss(1, samples: nil)),
      ServerLoss(server: Given.server(1), loss: loss(2, samples: .max)),
      ServerLoss(server: Given.server(2), loss: loss(3, samples: 5)),
    ]
    try await store.append(write, nanoseconds: 1)
    let found = try await store.losses(of: Given.server(1), newest: 10)
    #expect(found.map(\.reason) == ["reason 2", "reason 1"])
    #expect(found.last == loss(1, samples: nil))
    #expect(try await store.losses(of: Given.server(1), newest: 1).count == 1)
  }

  @Test func oldBlocksGoInBoundedSteps() async throws {
    let stream = Given.stream(1)
    for number in 0..<7 {
      let begin = Int64(number) * 100
      let order = UInt64(number + 1)
      try await store.append(
        write(Given.block(stream, orders: order...order, from: begin, through: begin + 99)),
        nanoseconds: begin)
    }
    #expect(try await store.removeBlocks(endedBefore: 499, limit: 2) == 2)
    #expect(try await store.removeBlocks(endedBefore: 499, limit: 2) == 2)
    #expect(try await store.removeBlocks(endedBefore: 499, limit: 2) == 0)
    #expect(try await store.blocks(from: 0, through: 9_999).map(\.firstOrder) == [5, 6, 7])
    #expect(try await store.durableOrder(of: stream) == 7)
    #expect(try await store.removeBlocks(endedBefore: 9_999, limit: 50) == 3)
    #expect(try await store.durableOrder(of: stream) == 0)
  }

  /// What a power loss leaves is the database and a prefix of its write-ahead log.
  @Test func everyPrefixOfTheLogHoldsWholeTransactionsOnly() async throws {
    let stream = Given.stream(1)
    for order in UInt64(1)...6 {
      var write = write(
        Given.block(stream, orders: order...order, from: Int64(order), through: Int64(order)))
      write.series = [(SeriesID(order), Given.series("m\(order)"))]
      try await store.append(write, nanoseconds: Int64(order))
    }
    let database = try directory.contents("state.sqlite")
    let log = try directory.contents("state.sqlite-wal")
    try #require(log.count > 100_000)
    var seen: Set<UInt64> = []
    // Frames are a page and 24 bytes: the cuts fall within frames, headers and pages.
    for cut in stride(from: 0, through: log.count, by: 23_001) {
      let crashed = try TemporaryDirectory()
      try crashed.put("state.sqlite", database)
      try crashed.put("state.sqlite-wal", Array(log[..<cut]))
      let again = try StateStore(directory: StateDirectory(path: crashed.path))
      let orders = try await again.blocks(from: 0, through: 99).map(\.lastOrder)
      let durable = try await again.durableOrder(of: stream)
      #expect(orders == (durable == 0 ? [] : Array(1...durable)))
      #expect(try await again.series().count == Int(durable))
      seen.insert(durable)
    }
    #expect(seen.count > 2)
    #expect(seen.contains(0))
  }
}
