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

  static func find(
    _ key: StreamKey, _ db: Database
  ) throws -> (id: Int64, order: UInt64, touched: Int64)? {
    try Row.fetchOne(
      db.cachedStatement(
        sql: """
          SELECT id, durable_order, touched_ns FROM streams
          WHERE server = ? AND boot = ? AND incarnation = ?
          """), arguments: [key.server.text, key.boot.text, key.incarnation]
    ).map { row in
      let order: Int64 = try row.decode(forColumn: "durable_order")
      return (
        try row.decode(forColumn: "id"), UInt64(clamping: order),
        try row.decode(forColumn: "touched_ns")
      )
    }
  }

  private mutating func entry(_ key: StreamKey, _ db: Database) throws -> Entry {
    if let known = entries[key] { return known }
    let found: Entry
    if let row = try StreamTable.find(key, db) {
      found = Entry(id: row.id, order: row.order, touched: row.touched)
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
  ///
  /// - Parameter parts: the same, cut at midnight.
  mutating func hold(_ block: HistoryBlock, parts: [HistoryBlock], _ db: Database) throws {
    let stream = try entry(block.stream, db)
    for part in parts {
      try db.cachedStatement(
        sql: """
          INSERT INTO stored_ends (stream, day, last_order, written_order, from_ns, through_ns)
          VALUES (?, ?, ?, ?, ?, ?)
          ON CONFLICT DO UPDATE SET last_order = max(last_order, excluded.last_order),
            written_order = excluded.written_order, from_ns = min(from_ns, excluded.from_ns), through_ns = max(through_ns, excluded.through_ns)
          """
      ).execute(arguments: [
        stream.id, HistoryDay(of: part.fromNanoseconds).number, Int64(clamping: part.lastOrder),
        Int64(clamping: part.lastOrder), part.fromNanoseconds, part.throughNanoseconds,
      ])
    }
    if block.firstOrder <= block.lastOrder {
      try noLongerMiss(block.firstOrder...block.lastOrder, stream.id, db)
    }
    // One above a hole settles nothing below it: what is missing may still come.
    if block.firstOrder <= stream.order + 1 { raise(block.stream, to: block.lastOrder) }
  }

  mutating func lose(_ orders: ClosedRange<UInt64>, of key: StreamKey, _ db: Database) throws {
    let stream = try entry(key, db)
    let (first, last) = (Int64(clamping: orders.lowerBound), Int64(clamping: orders.upperBound))
    // One row for what is lost piece by piece.
    try db.cachedStatement(
      sql: "UPDATE lost_orders SET last_order = ? WHERE stream = ? AND last_order = ?"
    ).execute(arguments: [last, stream.id, first - 1])
    if db.changesCount == 0 {
      try db.cachedStatement(
        sql: "INSERT OR REPLACE INTO lost_orders (stream, first_order, last_order) VALUES (?, ?, ?)"
      ).execute(arguments: [stream.id, first, last])
    }
    if orders.lowerBound <= stream.order + 1 { raise(key, to: orders.upperBound) }
  }

  /// What was missing and came again, or is lost.
  private func noLongerMiss(
    _ orders: ClosedRange<UInt64>, _ stream: Int64, _ db: Database
  ) throws {
    let rows = try Row.fetchAll(
      db.cachedStatement(
        sql:
          "SELECT * FROM missing_orders WHERE stream = ? AND first_order <= ? AND last_order >= ?"),
      arguments: [stream, Int64(clamping: orders.upperBound), Int64(clamping: orders.lowerBound)])
    for row in rows {
      try db.execute(
        sql: "DELETE FROM missing_orders WHERE stream = ? AND first_order = ?",
        arguments: [stream, row["first_order"]])
      guard let all = try RawDay.orders(row) else { continue }
      for part in OrderSet([orders]).missing(from: all) {
        try db.execute(
          sql: """
            INSERT OR REPLACE INTO missing_orders
              (stream, first_order, last_order, after_ns, before_ns, reason)
            VALUES (?, ?, ?, ?, ?, ?)
            """,
          arguments: [
            stream, Int64(clamping: part.lowerBound), Int64(clamping: part.upperBound),
            row["after_ns"], row["before_ns"], row["reason"],
          ])
      }
    }
  }

  /// What was written and is not there any more.
  mutating func miss(_ missing: MissingOrders, _ db: Database) throws {
    let stream = try entry(missing.stream, db)
    try db.cachedStatement(
      sql: """
        INSERT OR REPLACE INTO missing_orders
          (stream, first_order, last_order, after_ns, before_ns, reason) VALUES (?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      stream.id, Int64(clamping: missing.orders.lowerBound),
      Int64(clamping: missing.orders.upperBound), missing.afterNanoseconds,
      missing.beforeNanoseconds, missing.reason,
    ])
  }

  /// It is lost, which is told.
  mutating func found(_ missing: MissingOrders, _ db: Database) throws {
    try noLongerMiss(missing.orders, try entry(missing.stream, db).id, db)
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
        sql: "UPDATE streams SET durable_order = ?, touched_ns = ? WHERE id = ?"
      ).execute(arguments: [Int64(clamping: entry.order), nanoseconds, entry.id])
    }
    return entries.mapValues(\.order)
  }
}
