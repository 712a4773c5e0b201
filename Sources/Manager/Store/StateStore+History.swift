import Foundation
import GRDB
import ManagerCore
import Protocol

extension StateStore {
  /// Appends to history. A block whose orders are stored already is left out, so that a repeated
  /// write does no harm; one that overlaps what is stored in part is a `conflict`. Returns the
  /// durable orders of the streams touched. `nanoseconds` is the manager's wall clock.
  @discardableResult
  package func append(
    _ write: HistoryWrite, nanoseconds: Int64
  ) async throws(DiagnosticError) -> [StreamKey: UInt64] {
    try await self.write { [path] db in
      for (id, series) in write.series { try series.insert(id, db, path: path) }
      for item in write.losses { try item.insert(db) }
      var streams = StreamTable(nanoseconds: nanoseconds)
      for block in write.blocks { try streams.append(block, db) }
      for (key, orders) in write.lost { try streams.lose(orders, of: key, db) }
      for (key, order) in write.durableOrders { try streams.settle(key, through: order, db) }
      return try streams.finish(db)
    }
  }

  /// Every order of this stream up to this one is on disk or settled as lost; 0 when none is.
  package func durableOrder(of key: StreamKey) async throws(DiagnosticError) -> UInt64 {
    try await read { db in try StreamTable.find(key, db)?.order ?? 0 }
  }

  /// The orders of this stream whose batches are in history, or that were declared lost.
  package func storedOrders(of key: StreamKey) async throws(DiagnosticError) -> OrderSet {
    try await read { db in
      guard let stream = try StreamTable.find(key, db) else { return OrderSet() }
      let rows = try Row.fetchAll(
        db,
        sql: """
          SELECT first_order, last_order FROM blocks WHERE stream = ?1
          UNION ALL SELECT first_order, last_order FROM lost_orders WHERE stream = ?1
          """, arguments: [stream.id])
      return OrderSet(
        rows.compactMap { row in
          let first: Int64 = row["first_order"]
          let last: Int64 = row["last_order"]
          return first <= last ? UInt64(clamping: first)...UInt64(clamping: last) : nil
        })
    }
  }

  /// The ids of blocks that overlap `from ... through`, by stream and order; of given servers or of
  /// all.
  package func blockIDs(
    from: Int64, through: Int64, servers: Set<ServerID>? = nil
  ) async throws(DiagnosticError) -> [Int64] {
    var list: String?
    if let servers { list = try Self.json(servers.map(\.text).sorted(), path: path) }
    return try await read { [list] db in
      try Int64.fetchAll(
        db,
        sql: """
          SELECT blocks.id FROM blocks JOIN streams ON streams.id = blocks.stream
          WHERE blocks.through_ns >= ?1 AND blocks.from_ns <= ?2
            AND (?3 IS NULL OR streams.server IN (SELECT value FROM json_each(?3)))
          ORDER BY blocks.stream, blocks.first_order
          """, arguments: [from, through, list])
    }
  }

  /// Blocks by their ids, by stream and order; without those that were deleted meanwhile. A block
  /// has some ten kilobytes, so ask for some hundreds at a time.
  package func blocks(_ ids: [Int64]) async throws(DiagnosticError) -> [HistoryBlock] {
    let list = try Self.json(ids, path: path)
    return try await read { [path] db in
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

  /// The first `limit` blocks that overlap `from ... through`, all in memory at once.
  package func blocks(
    from: Int64, through: Int64, servers: Set<ServerID>? = nil, limit: Int = .max
  ) async throws(DiagnosticError) -> [HistoryBlock] {
    let ids = try await blockIDs(from: from, through: through, servers: servers)
    return try await blocks(Array(ids.prefix(max(0, limit))))
  }

  /// Deletes blocks that ended before a time, at most `limit` in one transaction, so that the writer
  /// is never held long; streams that are empty and were not touched since go with them. Call until
  /// the answer is less than the limit.
  package func removeBlocks(
    endedBefore nanoseconds: Int64, limit: Int = 500
  ) async throws(DiagnosticError) -> Int {
    try await write { db in
      try db.execute(
        sql: """
          DELETE FROM blocks WHERE id IN
            (SELECT id FROM blocks WHERE through_ns < ? ORDER BY through_ns LIMIT ?)
          """, arguments: [nanoseconds, max(0, limit)])
      let removed = db.changesCount
      if removed < limit {
        try db.execute(
          sql: """
            DELETE FROM streams WHERE touched_ns < ?
              AND NOT EXISTS (SELECT 1 FROM blocks WHERE blocks.stream = streams.id)
            """, arguments: [nanoseconds])
        try db.execute(sql: "DELETE FROM losses WHERE before_ns < ?", arguments: [nanoseconds])
      }
      return removed
    }
  }

  /// The catalogue of series, by number.
  package func series() async throws(DiagnosticError) -> [(SeriesID, StoredSeries)] {
    try await read { [path] db in
      var found: [(SeriesID, StoredSeries)] = []
      let rows = try Row.fetchCursor(db, sql: "SELECT * FROM series ORDER BY id")
      while let row = try rows.next() {
        let id: Int64 = row["id"]
        guard let id = SeriesID(exactly: id) else {
          throw StoreFailure.corrupt(path, "series: \(id) is no series id")
        }
        found.append((id, try StoredSeries(row, path: path)))
      }
      return found
    }
  }

  /// The newest losses of one server, newest first.
  package func losses(
    of server: ServerID, newest limit: Int = 100
  ) async throws(DiagnosticError) -> [SampleLoss] {
    try await read { db in
      try Row.fetchAll(
        db, sql: "SELECT * FROM losses WHERE server = ? ORDER BY id DESC LIMIT ?",
        arguments: [server.text, max(0, limit)]
      ).map(SampleLoss.init)
    }
  }

  private static func json(
    _ values: some Encodable, path: String
  ) throws(DiagnosticError) -> String {
    do {
      return String(decoding: try CanonicalJSON.encode(values), as: UTF8.self)
    } catch {
      throw StoreFailure.diagnose(error, path: path)
    }
  }
}

/// The streams that one transaction touches.
private struct StreamTable {
  private struct Entry {
    var id: Int64
    var order: UInt64
    var touched: Int64
    var isChanged = false
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
      let order: Int64 = row["durable_order"]
      return (row["id"], UInt64(clamping: order), row["touched_ns"])
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

  mutating func append(_ block: HistoryBlock, _ db: Database) throws {
    let stream = try entry(block.stream, db)
    guard try isNew(block, stream.id, db) else { return }
    try db.cachedStatement(
      sql: """
        INSERT INTO blocks (stream, from_ns, through_ns, first_order, last_order, samples, bytes)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      stream.id, min(block.fromNanoseconds, block.throughNanoseconds),
      max(block.fromNanoseconds, block.throughNanoseconds),
      Int64(clamping: block.firstOrder), Int64(clamping: block.lastOrder), block.samples,
      Data(block.bytes),
    ])
    // A block above a hole settles nothing below it: what is missing may still come.
    if block.firstOrder <= stream.order + 1 { raise(block.stream, to: block.lastOrder) }
  }

  private func isNew(_ block: HistoryBlock, _ stream: Int64, _ db: Database) throws -> Bool {
    // Orders count up from 1, so 63 bits outlast any agent; a peer that invents more is refused.
    guard let last = Int64(exactly: block.lastOrder), block.firstOrder <= block.lastOrder else {
      throw DiagnosticError(
        .conflict, subject: block.stream.server.text,
        reason: "a block of the orders \(block.firstOrder) to \(block.lastOrder)")
    }
    let first = Int64(clamping: block.firstOrder)
    let stored = try Row.fetchOne(
      db.cachedStatement(
        sql: """
          SELECT first_order, last_order FROM blocks
          WHERE stream = ? AND first_order <= ? AND last_order >= ? LIMIT 1
          """), arguments: [stream, last, first])
    guard let stored else { return true }
    guard stored["first_order"] <= first && stored["last_order"] >= last else {
      throw DiagnosticError(
        .conflict, subject: block.stream.server.text,
        reason: "the orders \(first) to \(last) are stored in part")
    }
    return false
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
    where entry.isChanged || nanoseconds - entry.touched > Self.touchInterval {
      try db.cachedStatement(
        sql: "UPDATE streams SET durable_order = ?, touched_ns = ? WHERE id = ?"
      ).execute(arguments: [Int64(clamping: entry.order), nanoseconds, entry.id])
      // The order says it from now on.
      try db.cachedStatement(
        sql: "DELETE FROM lost_orders WHERE stream = ? AND last_order <= ?"
      ).execute(arguments: [entry.id, Int64(clamping: entry.order)])
    }
    return entries.mapValues(\.order)
  }
}

extension HistoryBlock {
  fileprivate init(_ row: Row, path: String) throws {
    let text: String = row["server"]
    guard let server = ServerID(text) else {
      throw StoreFailure.corrupt(path, "streams: \(text) is no server id")
    }
    let first: Int64 = row["first_order"]
    let last: Int64 = row["last_order"]
    self.init(
      stream: StreamKey(
        server: server, boot: BootID(row["boot"]), incarnation: row["incarnation"]),
      fromNanoseconds: row["from_ns"], throughNanoseconds: row["through_ns"],
      firstOrder: UInt64(clamping: first), lastOrder: UInt64(clamping: last),
      samples: row["samples"], bytes: [UInt8](row["bytes"] as Data))
  }
}

extension StoredSeries {
  /// An id means one series for ever: another meaning for a known id is refused.
  fileprivate func insert(_ id: SeriesID, _ db: Database, path: String) throws {
    let (subjectKind, subjectText) =
      switch subject {
      case .server(let server): ("server", server.text)
      case .target(let target): ("target", target)
      }
    // Prepared once: at the start of a large site a million come in one go.
    let insert = try db.cachedStatement(
      sql: """
        INSERT INTO series (id, subject_kind, subject, metric, labels, kind, unit, decimals, width)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING
        """)
    try insert.execute(arguments: [
      Int64(id), subjectKind, subjectText, metric,
      String(decoding: try CanonicalJSON.encode(labels), as: UTF8.self), kind.rawValue, unit,
      Int64(decimals), Int64(width),
    ])
    guard db.changesCount == 0 else { return }
    let known = try Row.fetchOne(
      db, sql: "SELECT * FROM series WHERE id = ?", arguments: [Int64(id)])
    guard try known.map({ try StoredSeries($0, path: path) }) == self else {
      throw DiagnosticError(
        .conflict, subject: metric, reason: "series id \(id) is taken by another series")
    }
  }

  fileprivate init(_ row: Row, path: String) throws {
    let subjectText: String = row["subject"]
    let subject: StoredSubject
    if row["subject_kind"] == "target" {
      subject = .target(subjectText)
    } else if let server = ServerID(subjectText) {
      subject = .server(server)
    } else {
      throw StoreFailure.corrupt(path, "series: \(subjectText) is no server id")
    }
    let labels: String = row["labels"]
    let decoded: [String: String]
    do {
      decoded = try CanonicalJSON.decode([String: String].self, from: Array(labels.utf8))
    } catch {
      throw StoreFailure.corrupt(path, "series: labels \(labels.prefix(100)): \(error)")
    }
    let decimals: Int64 = row["decimals"]
    let width: Int64 = row["width"]
    self.init(
      subject: subject, metric: row["metric"], labels: decoded,
      kind: SeriesKind(rawValue: row["kind"]) ?? .unrecognised, unit: row["unit"],
      decimals: UInt8(clamping: decimals), width: UInt8(clamping: width))
  }
}

extension ServerLoss {
  fileprivate func insert(_ db: Database) throws {
    try db.execute(
      sql: """
        INSERT INTO losses (server, after_ns, before_ns, batches, samples, reason)
        VALUES (?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        server.text, loss.afterNanoseconds, loss.beforeNanoseconds,
        loss.batches.map(Int64.init(clamping:)), loss.samples.map(Int64.init(clamping:)),
        loss.reason,
      ])
  }
}

extension SampleLoss {
  fileprivate init(_ row: Row) {
    let batches: Int64? = row["batches"]
    let samples: Int64? = row["samples"]
    self.init(
      afterNanoseconds: row["after_ns"], beforeNanoseconds: row["before_ns"],
      batches: batches.map(UInt64.init(clamping:)), samples: samples.map(UInt64.init(clamping:)),
      reason: row["reason"])
  }
}
