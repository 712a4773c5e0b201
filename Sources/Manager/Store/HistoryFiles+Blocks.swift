import Foundation
import GRDB
import ManagerCore
import Protocol

/// Raw blocks: each lies in the file of the day that its batches are of.
extension HistoryFiles {
  /// Appends blocks, a transaction a day. Batches whose orders are stored already are left out. One
  /// that overlaps what is stored and can not be decoded is a `conflict`, and nothing of its day is
  /// stored.
  func append(_ blocks: [HistoryBlock]) async throws(DiagnosticError) {
    var days: [HistoryDay: [HistoryBlock]] = [:]
    for block in blocks {
      for part in Self.split(block) {
        days[HistoryDay(of: part.fromNanoseconds), default: []].append(part)
      }
    }
    for (day, blocks) in days.sorted(by: { $0.key < $1.key }) {
      let file = HistoryFile.raw(day)
      do {
        do {
          try await append(blocks, to: file)
        } catch  where Self.isSuspicious(error) {
          // What comes must not wait for a day that is spoilt.
          _ = try await settingAside(file, error)
          try await append(blocks, to: file)
        }
      } catch {
        throw StoreFailure.diagnose(error, path: path(file))
      }
    }
  }

  private func append(_ blocks: [HistoryBlock], to file: HistoryFile) async throws {
    try step("append to a day")
    let stamp = Int64(bitPattern: UInt64.random(in: 0...UInt64.max))
    _ = try await use(file, creating: true) { pool in
      try await pool.write { db in
        // Before the commit, and in turn with those that clean: no query misses one.
        self.soil(
          try RawDay.append(blocks, stamp: stamp, db),
          newest: Dictionary(blocks.map { ($0.stream.server, $0.throughNanoseconds) }) {
            max($0, $1)
          })
        if let highest = self.storedSeries { try RawDay.note(highest, db) }
      }
    }
    try step("a day is appended")
  }

  /// A block over midnight becomes one of each day, so that a file holds all of its day and nothing
  /// else.
  static func split(_ block: HistoryBlock) -> [HistoryBlock] {
    var block = block
    if block.fromNanoseconds > block.throughNanoseconds {
      swap(&block.fromNanoseconds, &block.throughNanoseconds)
    }
    guard HistoryDay(of: block.fromNanoseconds) != HistoryDay(of: block.throughNanoseconds) else {
      return [block]
    }
    // A damaged one is kept as it is: whoever reads it says so.
    guard let batches = try? BlockCodec.decode(block.bytes.span) else { return [block] }
    var parts: [[StoredBatch]] = []
    for batch in batches {
      if let last = parts.last?.last,
        HistoryDay(of: last.nanoseconds) == HistoryDay(of: batch.nanoseconds)
      {
        parts[parts.count - 1].append(batch)
      } else {
        parts.append([batch])
      }
    }
    return parts.map { HistoryBlock(of: $0, in: block.stream) }
  }

  /// The orders of this stream whose batches are in history. A day that can not be read is set aside,
  /// and its orders are none any more: their batches are taken again from who still has them. Not so
  /// after an error that passes, for they would be stored twice: it is thrown, and whoever asked asks
  /// again.
  func orders(of key: StreamKey) async throws(DiagnosticError) -> [ClosedRange<UInt64>] {
    var found: [ClosedRange<UInt64>] = []
    for day in rawDays {
      let file = HistoryFile.raw(day)
      do {
        do {
          found += try await orders(of: key, in: file)
        } catch  where Self.isSuspicious(error) {
          _ = try await settingAside(file, error)
          found += try await orders(of: key, in: file)
        }
      } catch {
        throw StoreFailure.diagnose(error, path: path(file))
      }
    }
    return found
  }

  private func orders(
    of key: StreamKey, in file: HistoryFile
  ) async throws -> [ClosedRange<UInt64>] {
    try await use(file) { pool in
      try await pool.read { db in
        try self.step("read orders")
        return try Row.fetchAll(
          db,
          sql: """
            SELECT first_order, last_order FROM blocks WHERE stream =
              (SELECT id FROM streams WHERE server = ? AND boot = ? AND incarnation = ?)
            """, arguments: [key.server.text, key.boot.text, key.incarnation]
        ).compactMap(RawDay.orders)
      }
    } ?? []
  }

  /// The ids of a day's blocks that overlap a range, by stream and order.
  func blockIDs(
    _ day: HistoryDay, _ range: ClosedRange<Int64>, servers: Set<ServerID>?
  ) async throws(DiagnosticError) -> [Int64] {
    try await read(.raw(day)) { db in try RawDay.ids(range, servers, db) } ?? []
  }

  /// The same, of what can be read.
  func readableBlockIDs(
    _ day: HistoryDay, _ range: ClosedRange<Int64>, servers: Set<ServerID>?
  ) async throws(DiagnosticError) -> [Int64] {
    try await readable(.raw(day)) { db in try RawDay.ids(range, servers, db) } ?? []
  }

  /// Blocks of a day by their ids, by stream and order.
  func blocks(_ day: HistoryDay, _ ids: [Int64]) async throws(DiagnosticError) -> [HistoryBlock] {
    let path = path(.raw(day))
    return try await read(.raw(day)) { db in try RawDay.blocks(ids, db, path: path) } ?? []
  }

  /// The same without what is damaged, which is noted.
  func readableBlocks(
    _ day: HistoryDay, _ ids: [Int64]
  ) async throws(DiagnosticError) -> [HistoryBlock] {
    do throws(DiagnosticError) {
      return try await blocks(day, ids)
    } catch {
      guard Self.isUnreadable(error), ids.count > 1 else {
        return try await readable(.raw(day)) { _ in throw error } ?? []
      }
    }
    // One by one: a damaged page is of one block, seldom of two.
    var found: [HistoryBlock] = []
    let path = path(.raw(day))
    for id in ids {
      found += try await readable(.raw(day)) { db in try RawDay.blocks([id], db, path: path) } ?? []
    }
    return found
  }

  /// Of each stream the newest batch.
  func lastBatches() async throws(DiagnosticError) -> [LastBatch] {
    var found: [LastBatch] = []
    for day in rawDays {
      found +=
        try await readable(.raw(day)) { db in
          try Row.fetchAll(
            db,
            sql: """
              SELECT streams.*, max(blocks.through_ns) AS last, blocks.last_order AS "order"
              FROM blocks JOIN streams ON streams.id = blocks.stream GROUP BY blocks.stream
              """
          ).compactMap { row in
            guard let server = ServerID(try row.decode(String.self, forColumn: "server")) else {
              return nil
            }
            let stream = StreamKey(
              server: server, boot: BootID(try row.decode(forColumn: "boot")),
              incarnation: try row.decode(forColumn: "incarnation"))
            return LastBatch(
              stream: stream,
              order: UInt64(clamping: try row.decode(Int64.self, forColumn: "order")),
              nanoseconds: try row.decode(forColumn: "last"))
          }
        } ?? []
    }
    return found
  }

  /// What can be read: `nil` when there is no such file, or when it is damaged there, which is noted.
  func readable<Value: Sendable>(
    _ file: HistoryFile, _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws(DiagnosticError) -> Value? {
    let turn = turn(of: file)
    do throws(DiagnosticError) {
      return try await read(file, body)
    } catch {
      guard Self.isUnreadable(error) else { throw error }
      noteDamage(file, error, turn: turn)
      return nil
    }
  }

  /// `nil` when there is no such file.
  func read<Value: Sendable>(
    _ file: HistoryFile, _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws(DiagnosticError) -> Value? {
    do {
      return try await use(file) { pool in try await pool.read(body) }
    } catch {
      throw StoreFailure.diagnose(error, path: path(file))
    }
  }
}

/// The rows of one day's file.
enum RawDay {
  static func orders(_ row: Row) throws -> ClosedRange<UInt64>? {
    let first: Int64 = try row.decode(forColumn: "first_order")
    let last: Int64 = try row.decode(forColumn: "last_order")
    return first <= last ? UInt64(clamping: first)...UInt64(clamping: last) : nil
  }

  /// Whether the batch of this order is in a block here.
  static func holds(_ order: UInt64, of key: StreamKey, _ db: Database) throws -> Bool {
    let last = try Int64.fetchOne(
      db.cachedStatement(
        sql: """
          SELECT last_order FROM blocks WHERE stream =
            (SELECT id FROM streams WHERE server = ? AND boot = ? AND incarnation = ?)
            AND first_order <= ? ORDER BY first_order DESC LIMIT 1
          """),
      arguments: [key.server.text, key.boot.text, key.incarnation, Int64(clamping: order)]
    )
    return last.map { UInt64(clamping: $0) >= order } ?? false
  }

  static func spans(of key: StreamKey, _ db: Database) throws -> [BlockSpan] {
    try Row.fetchAll(
      db,
      sql: """
        SELECT first_order, last_order, from_ns, through_ns FROM blocks WHERE stream =
          (SELECT id FROM streams WHERE server = ? AND boot = ? AND incarnation = ?)
        """, arguments: [key.server.text, key.boot.text, key.incarnation]
    ).compactMap { row in
      guard let orders = try orders(row) else { return nil }
      return BlockSpan(
        orders: orders, from: try row.decode(forColumn: "from_ns"),
        through: try row.decode(forColumn: "through_ns"))
    }
  }

  /// Gives the hours that have to be rolled up again.
  static func append(
    _ blocks: [HistoryBlock], stamp: Int64, _ db: Database
  ) throws -> [ServerID: Set<Int64>] {
    var streams: [StreamKey: Int64] = [:]
    var hours: [ServerID: Set<Int64>] = [:]
    for whole in blocks {
      let stream = try streams[whole.stream] ?? id(of: whole.stream, db)
      streams[whole.stream] = stream
      for block in try new(whole, stream, db) {
        try insert(block, stream, db)
        let first = RollUpTier.hour.bucket(of: block.fromNanoseconds)
        let last = RollUpTier.hour.bucket(of: block.throughNanoseconds)
        hours[block.stream.server, default: []].formUnion(first...last)
      }
    }
    try soil(hours, stamp: stamp, db)
    return hours
  }

  // MARK: The highest number of a series

  /// `nil` in a file of an earlier version.
  static func highestSeries(_ db: Database) throws -> SeriesID? {
    guard try db.tableExists("highest") else { return nil }
    return try Int64.fetchOne(db, sql: "SELECT max(series) FROM highest")
      .flatMap { SeriesID(exactly: $0) }
  }

  static func note(_ highest: SeriesID, _ db: Database) throws {
    guard try highestSeries(db).map({ $0 < highest }) ?? true else { return }
    try db.execute(sql: "CREATE TABLE IF NOT EXISTS highest (series INTEGER NOT NULL) STRICT")
    try db.execute(sql: "DELETE FROM highest")
    try db.execute(
      sql: "INSERT INTO highest (series) VALUES (?)", arguments: [Int64(highest)])
  }

  private static func insert(_ block: HistoryBlock, _ stream: Int64, _ db: Database) throws {
    try db.cachedStatement(
      sql: """
        INSERT INTO blocks (stream, from_ns, through_ns, first_order, last_order, samples, bytes)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      stream, block.fromNanoseconds, block.throughNanoseconds,
      Int64(clamping: block.firstOrder), Int64(clamping: block.lastOrder), block.samples,
      Data(block.bytes),
    ])
  }

  static func soil(_ hours: [ServerID: Set<Int64>], stamp: Int64, _ db: Database) throws {
    for (server, hours) in hours {
      for hour in hours {
        try db.cachedStatement(
          sql: "INSERT OR REPLACE INTO dirty (server, hour, stamp) VALUES (?, ?, ?)"
        ).execute(arguments: [server.text, hour, stamp])
      }
    }
  }

  private static func id(of key: StreamKey, _ db: Database) throws -> Int64 {
    let names: StatementArguments = [key.server.text, key.boot.text, key.incarnation]
    let known = try Int64.fetchOne(
      db.cachedStatement(
        sql: "SELECT id FROM streams WHERE server = ? AND boot = ? AND incarnation = ?"),
      arguments: names)
    if let known { return known }
    try db.cachedStatement(
      sql: "INSERT INTO streams (server, boot, incarnation) VALUES (?, ?, ?)"
    ).execute(arguments: names)
    return db.lastInsertedRowID
  }

  /// What of a block is not stored: itself mostly, or nothing of it.
  private static func new(
    _ block: HistoryBlock, _ stream: Int64, _ db: Database
  ) throws -> [HistoryBlock] {
    // Orders count up from 1, so 63 bits outlast any agent; a peer that invents more is refused.
    guard let last = Int64(exactly: block.lastOrder), block.firstOrder <= block.lastOrder else {
      throw DiagnosticError(
        .conflict, subject: block.stream.server.text,
        reason: "a block of the orders \(block.firstOrder) to \(block.lastOrder)")
    }
    let first = Int64(clamping: block.firstOrder)
    let stored = try Row.fetchAll(
      db.cachedStatement(
        sql: """
          SELECT first_order, last_order FROM blocks
          WHERE stream = ? AND first_order <= ? AND last_order >= ?
          """), arguments: [stream, last, first])
    guard !stored.isEmpty else { return [block] }
    let missing = OrderSet(try stored.compactMap(orders)).missing(
      from: block.firstOrder...block.lastOrder)
    guard !missing.isEmpty else { return [] }
    let batches = (try? BlockCodec.decode(block.bytes.span)) ?? []
    return try missing.map { range in
      let part = batches.filter { range.contains($0.order) }
      guard part.count == range.count else {
        throw DiagnosticError(
          .conflict, subject: block.stream.server.text,
          reason: "the orders \(first) to \(last) are stored in part")
      }
      return HistoryBlock(of: part, in: block.stream)
    }
  }

  /// - Parameter index: a day's file has one that holds all that is asked for.
  static func ids(
    _ range: ClosedRange<Int64>, _ servers: Set<ServerID>?, _ db: Database,
    index: String? = "blocks_by_order"
  ) throws -> [Int64] {
    let list = try servers.map {
      String(decoding: try CanonicalJSON.encode($0.map(\.text).sorted()), as: UTF8.self)
    }
    return try Int64.fetchAll(
      db,
      sql: """
        SELECT blocks.id FROM blocks \(index.map { "INDEXED BY \($0)" } ?? "")
          JOIN streams ON streams.id = blocks.stream
        WHERE blocks.through_ns >= ?1 AND blocks.from_ns <= ?2
          AND (?3 IS NULL OR streams.server IN (SELECT value FROM json_each(?3)))
        ORDER BY blocks.stream, blocks.first_order
        """, arguments: [range.lowerBound, range.upperBound, list])
  }

  static func blocks(_ ids: [Int64], _ db: Database, path: String) throws -> [HistoryBlock] {
    let list = String(decoding: try CanonicalJSON.encode(ids), as: UTF8.self)
    let rows = try Row.fetchCursor(
      db,
      sql: """
        SELECT streams.server, streams.boot, streams.incarnation, blocks.*
        FROM blocks JOIN streams ON streams.id = blocks.stream
        WHERE blocks.id IN (SELECT value FROM json_each(?))
        ORDER BY blocks.stream, blocks.first_order
        """, arguments: [list])
    var found: [HistoryBlock] = []
    while let row = try rows.next() { found.append(try HistoryBlock(row, path: path)) }
    return found
  }
}
