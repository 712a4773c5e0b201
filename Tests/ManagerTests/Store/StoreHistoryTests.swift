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
    #expect(try await store.stored(stream).settled == 0)
    #expect(try await store.append(write(block), nanoseconds: 1) == [stream: 10])
    #expect(try await store.stored(stream).settled == 10)
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
    #expect(try await store.stored(stream).settled == 10)
  }

  /// As when the store was killed after a block, and the frame log's batches are cut otherwise.
  @Test func ofABlockThatIsStoredInPartTheRestIsAdded() async throws {
    let stream = Given.stream(1)
    func block(_ orders: ClosedRange<UInt64>) -> HistoryBlock {
      HistoryBlock(
        of: orders.map {
          StoredBatch(
            order: $0, nanoseconds: Given.now + Int64($0) * Given.second,
            samples: [StoredSample(series: 0, source: 1, bits: $0)])
        }, in: stream)
    }
    try await store.append(write(block(8...10), block(12...13)), nanoseconds: 1)
    let answer = try await store.append(write(block(1...20)), nanoseconds: 2)
    #expect(answer == [stream: 20])
    let stored = try await store.blocks(from: 0, through: .max)
    #expect(stored.map(\.firstOrder) == [1, 8, 11, 12, 14])
    let batches = try stored.flatMap { try BlockCodec.decode($0.bytes.span) }
    #expect(batches.map(\.order) == (1...20).map { UInt64($0) })
    // Two of them hold all of this one.
    try await store.append(write(block(10...11)), nanoseconds: 3)
    #expect(try await store.blocks(from: 0, through: .max).count == 5)
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

  @Test func eachDayLiesInAFileOfItsOwn() async throws {
    let stream = Given.stream(1)
    for day in Int64(0)..<3 {
      let order = UInt64(day + 1)
      let begin = Given.now + day * Given.day
      try await store.append(
        write(Given.block(stream, orders: order...order, from: begin, through: begin + 99)),
        nanoseconds: begin)
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: directory.path + "/history")
    #expect(
      names.filter { $0.hasSuffix(".sqlite") }.sorted()
        == ["raw-2026-11-22.sqlite", "raw-2026-11-23.sqlite", "raw-2026-11-24.sqlite"])
    try store.history.remove(.raw(HistoryDay(of: Given.now)))
    #expect(try await store.blocks(from: 0, through: .max).map(\.firstOrder) == [2, 3])
    // What was settled stays so.
    #expect(try await store.stored(stream).settled == 3)
  }

  /// What retention removes is not missed, also when the disk had no room for the list of names; what
  /// somebody else removes is.
  @Test func onlyFilesThatNobodyOfUsRemovedAreMissed() async throws {
    let stream = Given.stream(1)
    var days: [HistoryDay] = []
    for day in Int64(0)..<4 {
      let begin = Given.now + day * Given.day
      days.append(HistoryDay(of: begin))
      let order = UInt64(day + 1)
      try await store.append(
        write(Given.block(stream, orders: order...order, from: begin, through: begin + 99)),
        nanoseconds: begin)
    }
    func missing() throws -> [HistoryFile] {
      try HistoryFiles(folder: directory.path + "/history").missing.map(\.file)
    }
    try store.history.remove(.raw(days[0]))
    #expect(try missing() == [])
    // Nothing can be written where the list is made.
    let blocked = directory.path + "/history.files.new.\(ProcessInfo.processInfo.processIdentifier)"
    try FileManager.default.createDirectory(
      atPath: blocked, withIntermediateDirectories: false)
    try store.history.remove(.raw(days[1]))
    try FileManager.default.removeItem(atPath: blocked)
    store.history.told(store.history.missing)
    #expect(try missing() == [])
    let file = directory.path + "/history/\(HistoryFile.raw(days[2]).name)"
    for ending in ["", "-wal", "-shm"] {
      try? FileManager.default.removeItem(atPath: file + ending)
    }
    #expect(try missing() == [.raw(days[2])])
    // Until somebody was told.
    #expect(try missing() == [.raw(days[2])])
    let last = try HistoryFiles(folder: directory.path + "/history")
    last.told(last.missing)
    #expect(try missing() == [])
  }

  /// An agent sends its newest first: what is written last is not what is the newest.
  @Test func whatWasWrittenLastIsMissedBelowWhatIsNewer() async throws {
    let stream = Given.stream(1)
    let day = HistoryDay(of: Given.now)
    let name = "history/\(HistoryFile.raw(day).name)"
    func append(_ orders: ClosedRange<UInt64>) async throws {
      let begin = Given.now + Int64(orders.lowerBound) * 100
      try await store.append(
        write(Given.block(stream, orders: orders, from: begin, through: begin + 50)),
        nanoseconds: begin)
    }
    try await append(1...10)
    try await append(50...60)
    store.history.close()
    let older = try directory.contents(name)
    try await append(11...49)
    #expect(try await store.newlyMissing().isEmpty)
    store.history.close()
    for ending in ["-wal", "-shm"] {
      try? FileManager.default.removeItem(atPath: directory.path + "/" + name + ending)
    }
    try directory.put(name, older)
    let missing = try #require(try await store.newlyMissing()[day]?.first)
    #expect(missing.orders == 11...49)
    #expect(missing.afterNanoseconds == Given.now + 150)
    #expect(missing.beforeNanoseconds == Given.now + 5_000)
  }

  /// What somebody takes away under a running manager is in the database by the next look.
  @Test func aLogThatIsTakenAwayIsMovedIntoItsDatabase() async throws {
    let stream = Given.stream(1)
    let file = HistoryFile.raw(HistoryDay(of: Given.now))
    for order in UInt64(1)...2 {
      let begin = Given.now + Int64(order)
      var write = write(Given.block(stream, orders: order...order, from: begin, through: begin))
      write.series = [(SeriesID(order), Given.series("m\(order)"))]
      try await store.append(write, nanoseconds: begin)
      #expect(await store.rescueLogs().isEmpty == (order == 1))
      let names = ["state.sqlite-wal", "history/\(file.name)-wal"]
      if order == 1 {
        for name in names {
          try FileManager.default.removeItem(atPath: directory.path + "/" + name)
        }
        #expect(Set(await store.rescueLogs()) == Set(names))
      }
      // As another process finds them.
      let copy = try TemporaryDirectory()
      try FileManager.default.createDirectory(
        atPath: copy.path + "/history", withIntermediateDirectories: false)
      for name in ["state.sqlite", "history/\(file.name)"] {
        try copy.put(name, try directory.contents(name))
      }
      let next = try StateStore(directory: StateDirectory(path: copy.path))
      #expect(try await next.stored(stream).held == OrderSet([1...order]))
      #expect(try await next.stored(stream).settled == order)
      try next.close()
    }
  }

  /// A day that went by age or size, or whose loss is told, may have a file again, of what came late.
  @Test func whatAForgottenDayHadIsNotMissed() async throws {
    let day = HistoryDay(of: Given.now)
    func append(_ stream: StreamKey, _ order: UInt64, daysAgo: Int64) async throws {
      let begin = Given.now - daysAgo * Given.day + Int64(order)
      try await store.append(
        write(Given.block(stream, orders: order...order, from: begin, through: begin)),
        nanoseconds: begin)
    }
    try await append(Given.stream(1), 1, daysAgo: 1)
    try await append(Given.stream(1), 2, daysAgo: 0)
    try await append(Given.stream(2), 1, daysAgo: 0)
    try store.history.remove(.raw(day))
    try await append(Given.stream(2), 2, daysAgo: 0)
    let missing = try await store.newlyMissing()
    #expect(missing.keys.sorted() == [day])
    #expect(missing[day]?.map(\.stream) == [Given.stream(1)])
    #expect(missing[day]?.map(\.orders) == [2...2])
    try await store.forgetEnds(of: [day])
    #expect(try await store.newlyMissing().isEmpty)
    for number in 1...2 {
      #expect(OrderSet(try await store.stored(Given.stream(number)).durable).contains(1))
      #expect(OrderSet(try await store.stored(Given.stream(number)).durable).contains(2))
    }
    // What comes from now on is, and nothing of before.
    try await append(Given.stream(1), 3, daysAgo: 0)
    try await append(Given.stream(1), 4, daysAgo: 0)
    try store.history.remove(.raw(day))
    try await append(Given.stream(2), 3, daysAgo: 0)
    let later = try await store.newlyMissing()
    #expect(later[day]?.map(\.orders) == [3...4])
  }

  enum Going: CaseIterable { case removed, emptied, replaced }

  /// While it is open: what comes is not written into a file that nobody finds.
  @Test(arguments: Going.allCases) func aDayThatGoesWhileItIsOpenIsMissedAndMadeAnew(_ going: Going)
    async throws
  {
    let stream = Given.stream(1)
    let file = HistoryFile.raw(HistoryDay(of: Given.now))
    let path = directory.path + "/history/\(file.name)"
    func append(_ order: UInt64) async throws {
      let begin = Given.now + Int64(order)
      try await store.append(
        write(Given.block(stream, orders: order...order, from: begin, through: begin)),
        nanoseconds: begin)
    }
    try await append(1)
    try await store.history.noticeGone()
    #expect(store.history.missing.isEmpty)
    switch going {
    case .removed: try FileManager.default.removeItem(atPath: path)
    case .emptied: try directory.put("history/\(file.name)", [])
    case .replaced:
      store.history.close()
      let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
      try await append(2)
      for ending in ["", "-wal", "-shm"] {
        try FileManager.default.removeItem(atPath: path + ending)
      }
      try bytes.write(to: URL(fileURLWithPath: path))
    }
    try await store.history.noticeGone()
    #expect(store.history.missing == [LostHistory(file)])
    try await append(3)
    store.history.told(store.history.missing)
    try await store.history.noticeGone()
    #expect(store.history.missing.isEmpty)
    let orders = try await store.blocks(from: 0, through: .max).map(\.firstOrder)
    // Of an emptied one the log may still have all; nobody can tell.
    #expect(orders == (going == .removed ? [3] : [1, 3]))
    // Nor at the next start.
    store.history.close()
    let next = try HistoryFiles(folder: directory.path + "/history")
    #expect(next.missing.isEmpty && next.damaged.isEmpty)
    #expect(next.isGone(HistoryDay(of: Given.now)) == (going == .removed))
  }

  @Test func theFolderThatGoesIsMadeAnew() async throws {
    let stream = Given.stream(1)
    for day in Int64(0)..<3 {
      let order = UInt64(day + 1)
      let begin = Given.now + day * Given.day
      try await store.append(
        write(Given.block(stream, orders: order...order, from: begin, through: begin)),
        nanoseconds: begin)
    }
    try FileManager.default.removeItem(atPath: directory.path + "/history")
    try await store.history.noticeGone()
    #expect(store.history.missing.count == 3)
    try await store.append(
      write(Given.block(stream, orders: 4...4, from: Given.now, through: Given.now)),
      nanoseconds: Given.now)
    #expect(try await store.blocks(from: 0, through: .max).map(\.firstOrder) == [4])
    #expect(try directory.permissions("history") == 0o700)
  }

  /// With large pages a fifth to a third more.
  @Test func aDaysFileIsLittleMoreThanItsBlocks() async throws {
    var day = HistoryWrite()
    for order in UInt64(1)...400 {
      var block = Given.block(
        Given.stream(1), orders: order...order, from: Given.now, through: Given.now + 99)
      block.bytes += [UInt8](repeating: 1, count: 8_000 + 4 * Int(order))
      day.blocks.append(block)
    }
    try await store.append(day, nanoseconds: Given.now)
    store.history.close()
    let file = store.history.bytes(of: .raw(HistoryDay(of: Given.now)))
    let bytes = day.blocks.reduce(0) { $0 + $1.bytes.count }
    #expect(Double(file) < Double(bytes) * 1.15)
  }

  @Test func aBlockOverMidnightIsOneOfEachDay() async throws {
    let stream = Given.stream(1)
    let midnight = Given.now + Given.day
    let batches = (UInt64(1)...10).map { order in
      StoredBatch(
        order: order, nanoseconds: midnight + (Int64(order) - 6) * Given.second,
        samples: [StoredSample(series: 3, source: 1, bits: order)])
    }
    try await store.append(write(HistoryBlock(of: batches, in: stream)), nanoseconds: 1)
    // Again, as after a crash.
    try await store.append(write(HistoryBlock(of: batches, in: stream)), nanoseconds: 1)
    let blocks = try await store.blocks(from: 0, through: .max)
    #expect(blocks.map(\.firstOrder) == [1, 6])
    let ends: [Int64] = [midnight - Given.second, midnight + 4 * Given.second]
    #expect(blocks.map(\.throughNanoseconds) == ends)
    #expect(try blocks.flatMap { try BlockCodec.decode($0.bytes.span) } == batches)
    #expect(store.history.rawDays.count == 2)
  }

  /// The tables of history that a database has from before the days' files.
  @Test func earlierBlocksAreReadWhereTheyLieAndMoved() async throws {
    let stream = Given.stream(1)
    var blocks: [HistoryBlock] = []
    for number in UInt64(0)..<5 {
      let first = number * 10 + 1
      let begin = Given.now + Int64(number) * (Given.day / 2)
      blocks.append(
        Given.block(stream, orders: first...(first + 9), from: begin, through: begin + 99))
    }
    try await store.write { [blocks] db in
      try db.execute(
        sql: """
          INSERT INTO streams (server, boot, incarnation, durable_order, touched_ns)
          VALUES (?, 'boot', 'first', 50, 1)
          """, arguments: [stream.server.text])
      for block in blocks {
        try db.execute(
          sql: """
            INSERT INTO blocks
              (stream, from_ns, through_ns, first_order, last_order, samples, bytes)
            VALUES (1, ?, ?, ?, ?, ?, ?)
            """,
          arguments: [
            block.fromNanoseconds, block.throughNanoseconds, Int64(block.firstOrder),
            Int64(block.lastOrder), block.samples, Data(block.bytes),
          ])
      }
    }
    #expect(try await store.blocks(from: 0, through: .max) == blocks)
    #expect(try await store.moveEarlierBlocks(limit: 2) == 2)
    #expect(
      Set(try await store.blocks(from: 0, through: .max).map(\.firstOrder))
        == [1, 11, 21, 31, 41])
    #expect(try await store.moveEarlierBlocks(limit: 200) == 3)
    #expect(try await store.moveEarlierBlocks(limit: 200) == 0)
    try await store.shrink()
    #expect(try await store.blocks(from: 0, through: .max) == blocks)
    #expect(try await store.storedOrders(of: stream) == OrderSet([1...50]))
    #expect(store.history.rawDays.count == 3)
  }

  /// What a power loss leaves is each database and a prefix of its write-ahead log.
  @Test func everyPrefixOfTheLogsHoldsWholeTransactionsOnly() async throws {
    let stream = Given.stream(1)
    for order in UInt64(1)...6 {
      var write = write(
        Given.block(stream, orders: order...order, from: Int64(order), through: Int64(order)))
      write.series = [(SeriesID(order), Given.series("m\(order)"))]
      try await store.append(write, nanoseconds: Int64(order))
    }
    let name = "history/raw-1970-01-01.sqlite"
    let database = try directory.contents("state.sqlite")
    let stateLog = try directory.contents("state.sqlite-wal")
    let day = try directory.contents(name)
    let log = try directory.contents(name + "-wal")
    try #require(log.count > 100_000)
    var seen: Set<Int> = []
    // Frames are a page and 24 bytes: the cuts fall within frames, headers and pages.
    for cut in stride(from: 0, through: log.count, by: 23_001) {
      let crashed = try TemporaryDirectory()
      try FileManager.default.createDirectory(
        atPath: crashed.path + "/history", withIntermediateDirectories: true)
      try crashed.put("state.sqlite", database)
      try crashed.put("state.sqlite-wal", stateLog)
      try crashed.put(name, day)
      try crashed.put(name + "-wal", Array(log[..<cut]))
      let again = try StateStore(directory: StateDirectory(path: crashed.path))
      let orders = try await again.blocks(from: 0, through: 99).map(\.lastOrder)
      #expect(orders == (UInt64(1)..<UInt64(orders.count + 1)).map { $0 })
      seen.insert(orders.count)
    }
    #expect(seen.count > 2)
    #expect(seen.contains(0))
  }
}
