import Foundation
import GRDB
import ManagerCore
import Protocol
import Synchronization
import Testing

@testable import Manager

/// What is no damage, whose damage it is, and what it takes.
extension HistoryDamageTests {
  /// Not even when SQLite does not understand it.
  @Test func aFileOfANewerManagerIsRefusedAndLeftAsItIs() async throws {
    for isUnderstood in [true, false] {
      let directory = try TemporaryDirectory()
      try await filled(directory)
      let name = "raw-2026-11-23.sqlite"
      let queue = try DatabaseQueue(path: directory.path + "/history/" + name)
      try await queue.writeWithoutTransaction { db in
        try db.execute(sql: "PRAGMA user_version = 2; PRAGMA wal_checkpoint(TRUNCATE)")
      }
      try queue.close()
      if !isUnderstood { try spoil(name, in: directory, 100..<4_096) }
      let bytes = try directory.contents("history/" + name)
      let refused = await refusal {
        _ = try StateStore(directory: StateDirectory(path: directory.path), clock: Given.clock)
      }
      #expect(refused?.code == "database-newer")
      #expect(refused?.subject.hasSuffix("history/" + name) == true)
      #expect(refused?.reason.contains("version 2") == true)
      #expect(try directory.contents("history/" + name) == bytes)
    }
  }

  @Test func aBlockOfANewerManagerIsNoDamage() async throws {
    let directory = try TemporaryDirectory()
    try await filled(directory, rolledUp: false)
    let store = try StateStore(directory: StateDirectory(path: directory.path), clock: Given.clock)
    var bytes = Array("IMLH".utf8) + [9, 1, 2, 3]
    let sum = CRC32.sum(bytes.span, count: bytes.count)
    for shift in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: sum >> UInt32(8 * shift))) }
    var write = HistoryWrite()
    let time = Given.now + Given.day + Self.hour
    write.blocks = [
      HistoryBlock(
        stream: Given.stream(1, incarnation: "newer"), fromNanoseconds: time,
        throughNanoseconds: time, firstOrder: 1, lastOrder: 1, samples: 1, bytes: bytes)
    ]
    try await store.append(write, nanoseconds: 2)
    try await rollUp(store)
    let finding = try #require(store.history.damaged.first?.finding)
    #expect(store.history.damaged.count == 1)
    #expect(finding.code == "database-newer")
    #expect(finding.subject == "history/raw-2026-11-23.sqlite")
    #expect(finding.remedy.contains("version of the manager"))
    #expect(store.history.missing.isEmpty)
    // Of other days there are roll-ups.
    #expect(try await samples(store, tier: .minute) == 4_500 - 1_440)
    #expect(store.history.unreadable(0...Int64.max, tier: .minute).count == 1)
    try store.close()
  }

  // MARK: Whose

  @Test func rollUpsOfOneServerDoNotStandForThoseOfAnother() async throws {
    let directory = try TemporaryDirectory()
    try await filled(directory)
    let (one, other) = (Given.server(1), Given.server(2))
    do {
      let store = try StateStore(
        directory: StateDirectory(path: directory.path), clock: Given.clock)
      var write = HistoryWrite()
      write.blocks = [
        HistoryBlock(
          of: [
            StoredBatch(
              order: 1, nanoseconds: Given.now + Given.day,
              samples: [StoredSample(series: 0, source: 1, bits: 7)])
          ], in: Given.stream(2))
      ]
      try await store.append(write, nanoseconds: 2)
      store.history.close()
      try spoil("raw-2026-11-23.sqlite", in: directory)
      _ = try store.history.setAside(
        .raw(HistoryDay(of: Given.now + Given.day)), DatabaseError(resultCode: .SQLITE_CORRUPT))
      try store.close()
    }
    let store = try StateStore(directory: StateDirectory(path: directory.path), clock: Given.clock)
    func gaps(_ servers: Set<ServerID>?) -> Int {
      store.history.unreadable(0...Int64.max, tier: .minute, servers: servers).count
    }
    #expect(gaps([one]) == 0)
    #expect(gaps([other]) == 1)
    #expect(gaps([one, other]) == 1)
    #expect(gaps(nil) == 1)
    try store.close()
  }

  // MARK: Late

  /// Hours that were rolled up after the day was set aside are made of nothing but what came since.
  @Test func whatComesForHoursAfterTheDamageIsRolledUpHoweverLate() async throws {
    let directory = try TemporaryDirectory()
    let stream = Given.stream(1, incarnation: "second")
    func batches(_ orders: ClosedRange<UInt64>, in hour: Int64) -> HistoryWrite {
      var write = HistoryWrite()
      write.blocks = [
        HistoryBlock(
          of: orders.map {
            StoredBatch(
              order: $0, nanoseconds: Given.now + hour * Self.hour + Int64($0) * Given.second,
              samples: [StoredSample(series: 0, source: 1, bits: $0)])
          }, in: stream)
      ]
      return write
    }
    let natures: HistoryFiles.Natures = { ids throws(DiagnosticError) in
      Dictionary(uniqueKeysWithValues: ids.map { ($0, SeriesNature(isCounter: true, width: 64)) })
    }
    let store = try StateStore(directory: StateDirectory(path: directory.path), clock: Given.clock)
    func rollUpHours() async throws -> Int {
      var late = 0
      for task in store.history.hoursToRollUp(now: .max, patience: 0) {
        late += try await store.history.rollUp(task, natures: natures)
      }
      return late
    }
    try await store.append(batches(1...10, in: 1), nanoseconds: 1)
    #expect(try await rollUpHours() == 0)
    try await store.append(batches(11...15, in: 2), nanoseconds: 1)
    store.history.close()
    try spoil("raw-2026-11-22.sqlite", in: directory)
    // The second hour's samples are lost before they were rolled up.
    try await store.append(batches(16...20, in: 2), nanoseconds: 1)
    #expect(store.history.damaged.count == 1)
    #expect(try await rollUpHours() == 0)
    #expect(try await samples(store, tier: .minute) == 15)
    try await store.append(batches(21...22, in: 2), nanoseconds: 1)
    #expect(try await rollUpHours() == 0)
    #expect(try await samples(store, tier: .minute) == 17)
    // Of the first hour there is more in the roll-up than in what comes.
    try await store.append(batches(30...31, in: 1), nanoseconds: 1)
    #expect(try await samples(store, tier: .minute) == 17 + 2)
    #expect(try await rollUpHours() == 1)
    #expect(try await samples(store, tier: .minute) == 17)
    #expect(store.history.unreadable(0...Int64.max, tier: .minute).count == 1)
    try store.close()
  }
}
