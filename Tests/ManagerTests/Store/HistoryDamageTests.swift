import Foundation
import GRDB
import ManagerCore
import Platform
import Protocol
import Testing

@testable import Manager

/// One damaged file of history costs what is in it and nothing else.
@Suite struct HistoryDamageTests {
  static let hour = RollUpTier.hour.nanoseconds
  static let files = HistoryDay(of: Given.now)

  /// A batch a minute of one counter, over three days and a bit.
  static func blocks() -> [HistoryBlock] {
    stride(from: UInt64(1), through: 4_500, by: 60).map { first in
      HistoryBlock(
        of: (first..<first + 60).map { order in
          StoredBatch(
            order: order, nanoseconds: Given.now + Int64(order) * 60 * Given.second,
            samples: [StoredSample(series: 0, source: 1, bits: order &* order)])
        }, in: Given.stream(1))
    }
  }

  /// Leaves a store behind that is closed.
  func filled(_ directory: TemporaryDirectory, rolledUp: Bool = true) async throws {
    let store = try StateStore(directory: StateDirectory(path: directory.path), clock: Given.clock)
    var write = HistoryWrite()
    write.series = [(0, Given.series("m"))]
    write.blocks = Self.blocks()
    try await store.append(write, nanoseconds: 1)
    if rolledUp { try await rollUp(store) }
    try store.close()
  }

  func rollUp(_ store: StateStore) async throws {
    let natures: HistoryFiles.Natures = { ids throws(DiagnosticError) in
      try await store.natures(of: ids)
    }
    for task in store.history.hoursToRollUp(now: .max, patience: 0) {
      _ = try await store.history.unlessDamaged(task.day) { () throws(DiagnosticError) in
        try await store.history.rollUp(task, natures: natures)
      }
    }
    for item in store.history.daysToJoin(now: .max, patience: 0) {
      _ = try await store.history.unlessDamaged(item.day) { () throws(DiagnosticError) in
        try await store.history.join(item.server, item.day, natures: natures)
      }
    }
  }

  /// The samples that a tier, or the blocks, count in all.
  func samples(_ store: StateStore, tier: RollUpTier?) async throws -> UInt64 {
    guard let tier else {
      let counts = try await store.blocks(from: 0, through: .max).map(\.samples)
      return counts.reduce(0) { $0 &+ UInt64(truncatingIfNeeded: $1) }
    }
    let material = try await store.history.material([0], servers: nil, 0...Int64.max, tier: tier)
    let held = material.columns.values.reduce(0) { $0 + $1.count }
    return material.rollUps.values.flatMap { $0 }.flatMap(\.counts).reduce(UInt64(held), &+)
  }

  /// The bytes of a file in which a table begins.
  func firstPage(of table: String, in path: String) throws -> Range<Int> {
    try DatabaseQueue(path: path).read { db in
      let size = try #require(try Int.fetchOne(db, sql: "PRAGMA page_size"))
      let page = try #require(
        try Int.fetchOne(
          db, sql: "SELECT rootpage FROM sqlite_master WHERE name = ?", arguments: [table]))
      return (page - 1) * size..<page * size
    }
  }

  @discardableResult
  func spoil(
    _ name: String, in directory: TemporaryDirectory, _ places: Range<Int> = 0..<16_384
  ) throws -> [UInt8] {
    var bytes = try directory.contents("history/" + name)
    for place in places.clamped(to: bytes.indices) { bytes[place] = 0xa5 }
    try directory.put("history/" + name, bytes)
    return bytes
  }

  @Test func aDamagedDayIsSetAsideAndTheRestAnswers() async throws {
    let directory = try TemporaryDirectory()
    try await filled(directory)
    let name = "raw-2026-11-23.sqlite"
    let spoilt = try spoil(name, in: directory)
    for start in 1...2 {
      let store = try StateStore(
        directory: StateDirectory(path: directory.path), clock: Given.clock)
      #expect(try await samples(store, tier: nil) == 4_500 - 1_440, "start \(start)")
      for tier in RollUpTier.allCases {
        #expect(try await samples(store, tier: tier) == 4_500, "\(tier.name) start \(start)")
        #expect(store.history.unreadable(0...Int64.max, tier: tier).isEmpty)
      }
      let gaps = store.history.unreadable(0...Int64.max, tier: nil)
      #expect(gaps.map(\.file) == ["history/\(name).damaged"])
      #expect(gaps.first?.fromNanoseconds == Given.now + Given.day)
      #expect(gaps.first?.throughNanoseconds == Given.now + 2 * Given.day - 1)
      #expect(store.history.unreadable(0...Given.now, tier: nil).isEmpty)
      let finding = try #require(store.history.damaged.first?.finding)
      #expect(finding.reason.contains("the samples of 2026-11-23 can not be read"))
      #expect(finding.remedy.contains("A backup"))
      #expect(try directory.contents("history/\(name).damaged") == spoilt)
      #expect(
        store.history.missing.map(\.file)
          == (start == 1 ? [.raw(HistoryDay(of: Given.now + Given.day))] : []))
      store.history.told(store.history.missing)
      try store.close()
    }
  }

  @Test func twoDamagedFilesOfAMonthCostWhatIsInThem() async throws {
    let directory = try TemporaryDirectory()
    try await filled(directory)
    _ = try spoil("raw-2026-11-23.sqlite", in: directory)
    _ = try spoil("1m-2026-11.sqlite", in: directory)
    let store = try StateStore(directory: StateDirectory(path: directory.path), clock: Given.clock)
    #expect(try await samples(store, tier: nil) == 4_500 - 1_440)
    #expect(
      store.history.damaged.map(\.name) == [
        "1m-2026-11.sqlite.damaged", "raw-2026-11-23.sqlite.damaged",
      ])
    try store.close()
  }

  /// SQLite says of what a disk did not give back for a moment that it is damaged.
  @Test func aFileWithoutAFaultThatLastsStaysWhereItIs() async throws {
    let directory = try TemporaryDirectory()
    try await filled(directory)
    let store = try StateStore(directory: StateDirectory(path: directory.path), clock: Given.clock)
    let file = HistoryFile.raw(HistoryDay(of: Given.now + Given.day))
    #expect(try !store.history.setAside(file, DatabaseError(resultCode: .SQLITE_CORRUPT)))
    #expect(store.history.damaged.isEmpty && store.history.files.contains(file))
    #expect(try await samples(store, tier: nil) == 4_500)
    try store.close()
  }

  /// What comes late for such a day must not take the place of its roll-ups.
  @Test func whatComesLateForADamagedDayIsKeptBesideItsRollUps() async throws {
    let directory = try TemporaryDirectory()
    try await filled(directory)
    _ = try spoil("raw-2026-11-23.sqlite", in: directory)
    let store = try StateStore(directory: StateDirectory(path: directory.path), clock: Given.clock)
    var write = HistoryWrite()
    write.blocks = [
      HistoryBlock(
        of: [
          StoredBatch(
            order: 1, nanoseconds: Given.now + Given.day + Self.hour,
            samples: [StoredSample(series: 0, source: 1, bits: 7)])
        ], in: Given.stream(1, incarnation: "second"))
    ]
    try await store.append(write, nanoseconds: 2)
    try await rollUp(store)
    #expect(try await samples(store, tier: nil) == 4_500 - 1_440 + 1)
    for tier in RollUpTier.allCases { #expect(try await samples(store, tier: tier) == 4_500) }
    try store.close()
  }

  @Test func damagedRollUpsAreMadeAgainOfTheDaysThatHaveSamples() async throws {
    for tier in RollUpTier.allCases {
      let directory = try TemporaryDirectory()
      try await filled(directory)
      // The first day's samples are gone as they are after their time.
      do {
        let store = try StateStore(
          directory: StateDirectory(path: directory.path), clock: Given.clock)
        try await store.history.markGone(Self.files)
        try store.history.remove(.raw(Self.files))
        try store.close()
      }
      let name = "\(tier.name)-2026-11.sqlite"
      let spoilt = try spoil(name, in: directory)
      for start in 1...2 {
        let store = try StateStore(
          directory: StateDirectory(path: directory.path), clock: Given.clock)
        try await rollUp(store)
        for other in RollUpTier.allCases {
          #expect(
            try await samples(store, tier: other) == (other == tier ? 4_500 - 1_439 : 4_500),
            "\(tier.name) damaged, \(other.name) asked, start \(start)")
          let gaps = store.history.unreadable(0...Int64.max, tier: other)
          #expect(
            gaps.map(\.throughNanoseconds) == (other == tier ? [Given.now + Given.day - 1] : []),
            "\(tier.name) damaged, \(other.name) asked, start \(start)")
        }
        #expect(try directory.contents("history/\(name).damaged") == spoilt)
        try store.close()
      }
    }
  }

  @Test func aDamagedPageWithinADayCostsThatDayAndTellsIt() async throws {
    let directory = try TemporaryDirectory()
    try await filled(directory, rolledUp: false)
    // What a start reads is in other pages.
    let name = "raw-2026-11-23.sqlite"
    let page = try firstPage(of: "blocks", in: directory.path + "/history/" + name)
    _ = try spoil(name, in: directory, page)
    let store = try StateStore(directory: StateDirectory(path: directory.path), clock: Given.clock)
    #expect(store.history.damaged.isEmpty)
    #expect(try await samples(store, tier: nil) == 4_500 - 1_440)
    #expect(store.history.takeNewDamage().map(\.name) == ["raw-2026-11-23.sqlite"])
    #expect(store.history.takeNewDamage().isEmpty)
    #expect(store.history.unreadable(0...Int64.max, tier: nil).count == 1)
    // Other days are rolled up, and of that one the answers say that it lacks something.
    try await rollUp(store)
    #expect(try await samples(store, tier: .minute) == 4_500 - 1_440)
    #expect(store.history.unreadable(0...Int64.max, tier: .minute).count == 1)
    try store.close()
  }
}
