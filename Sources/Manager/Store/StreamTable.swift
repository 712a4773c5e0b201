import Foundation
import GRDB
import ManagerCore
import Protocol

/// The streams that one transaction touches.
struct StreamTable {
  private struct Entry {
    var id: Int64
    var order: UInt64
    var touched: Int64
    var newest: NewestBlock?
    var isChanged = false

    /// Whether it has to be marked as alive. A damaged file may say any time.
    func isOld(at nanoseconds: Int64) -> Bool {
      let (age, isTooLong) = nanoseconds.subtractingReportingOverflow(touched)
      return isTooLong || age > StreamTable.touchInterval
    }
  }
  private var entries: [StreamKey: Entry] = [:]
  private let nanoseconds: Int64
  /// Streams are marked as alive once an hour, not at each flush of thousands of them.
  private static let touchInterval: Int64 = 3_600_000_000_000

  init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  /// The highest order of a stream that was written to a block.
  struct NewestBlock {
    var order: UInt64
    /// Its file's; `nil` when what is not in there is not missed any more.
    var day: HistoryDay?

    /// - Returns: `nil` for a stream without one, or of before there was a word on it.
    init?(_ row: Row) throws {
      guard let order = try row.decode(Int64?.self, forColumn: "block_order") else { return nil }
      self.order = UInt64(clamping: order)
      day = try row.decode(Int64?.self, forColumn: "block_day").map(HistoryDay.init(stored:))
    }

    init(_ block: HistoryBlock) {
      order = block.lastOrder
      // Of one over midnight the older day, which goes first: what is gone by age is not missed then.
      day = HistoryDay(of: min(block.fromNanoseconds, block.throughNanoseconds))
    }
  }

  static func find(
    _ key: StreamKey, _ db: Database
  ) throws -> (id: Int64, order: UInt64, touched: Int64, newest: NewestBlock?)? {
    try Row.fetchOne(
      db.cachedStatement(
        sql: """
          SELECT id, durable_order, touched_ns, block_order, block_day FROM streams
          WHERE server = ? AND boot = ? AND incarnation = ?
          """), arguments: [key.server.text, key.boot.text, key.incarnation]
    ).map { row in
      let order: Int64 = try row.decode(forColumn: "durable_order")
      return (
        try row.decode(forColumn: "id"), UInt64(clamping: order),
        try row.decode(forColumn: "touched_ns"), try NewestBlock(row)
      )
    }
  }

  private mutating func entry(_ key: StreamKey, _ db: Database) throws -> Entry {
    if let known = entries[key] { return known }
    let found: Entry
    if let row = try StreamTable.find(key, db) {
      found = Entry(
        id: row.id, order: row.order, touched: row.touched, newest: row.newest)
    } else {
      try db.execute(
        sql: """
          INSERT INTO streams (server, boot, incarnation, durable_order, touched_ns)
          VALUES (?, ?, ?, 0, ?)
          """, arguments: [key.server.text, key.boot.text, key.incarnation, nanoseconds])
      found = Entry(id: db.lastInsertedRowID, order: 0, touched: nanoseconds)
    }
    entries[key] = found
    return found
  }

  /// A block is stored.
  mutating func hold(_ block: HistoryBlock, _ db: Database) throws {
    let stream = try entry(block.stream, db)
    // One above a hole settles nothing below it: what is missing may still come.
    if block.firstOrder <= stream.order + 1 { raise(block.stream, to: block.lastOrder) }
    guard block.lastOrder > stream.newest?.order ?? 0 else { return }
    entries[block.stream]?.newest = NewestBlock(block)
    entries[block.stream]?.isChanged = true
  }

  mutating func lose(_ orders: ClosedRange<UInt64>, of key: StreamKey, _ db: Database) throws {
    let stream = try entry(key, db)
    try db.cachedStatement(
      sql: "INSERT OR REPLACE INTO lost_orders (stream, first_order, last_order) VALUES (?, ?, ?)"
    ).execute(arguments: [
      stream.id, Int64(clamping: orders.lowerBound), Int64(clamping: orders.upperBound),
    ])
    if orders.lowerBound <= stream.order + 1 { raise(key, to: orders.upperBound) }
  }

  mutating func settle(_ key: StreamKey, through order: UInt64, _ db: Database) throws {
    _ = try entry(key, db)
    raise(key, to: order)
  }

  private mutating func raise(_ key: StreamKey, to order: UInt64) {
    guard let known = entries[key], order > known.order else { return }
    entries[key]?.order = order
    entries[key]?.isChanged = true
  }

  func finish(_ db: Database) throws -> [StreamKey: UInt64] {
    for entry in entries.values
    where entry.isChanged || entry.isOld(at: nanoseconds) {
      try db.cachedStatement(
        sql: """
          UPDATE streams SET durable_order = ?, touched_ns = ?, block_order = ?, block_day = ?
          WHERE id = ?
          """
      ).execute(arguments: [
        Int64(clamping: entry.order), nanoseconds,
        entry.newest.map { Int64(clamping: $0.order) }, entry.newest?.day?.number, entry.id,
      ])
      // The order says it from now on; the last ones say that history ends before it.
      try db.cachedStatement(
        sql: "DELETE FROM lost_orders WHERE stream = ? AND last_order < ?"
      ).execute(arguments: [entry.id, Int64(clamping: entry.order)])
    }
    return entries.mapValues(\.order)
  }
}
