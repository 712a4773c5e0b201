import Foundation
import GRDB
import ManagerCore
import Protocol

extension StateStore {
  /// Appends to history. A block whose orders are stored already is left out, so that a repeated
  /// write does no harm; one that overlaps what is stored in part is a `conflict`. Returns the
  /// durable orders of the streams touched. `nanoseconds` is the manager's wall clock.
  ///
  /// Catalogue and losses come first, since blocks must not outlive their meaning; then the blocks, a
  /// transaction a day; last what they settle. Killed in between, the blocks are there, and the
  /// orders that they have tell so.
  @discardableResult
  package func append(
    _ write: HistoryWrite, nanoseconds: Int64
  ) async throws(DiagnosticError) -> [StreamKey: UInt64] {
    let hasFacts =
      !(write.series.isEmpty && write.losses.isEmpty && write.lost.isEmpty
      && write.missing.isEmpty && write.noLongerMissing.isEmpty)
    var settled: [StreamKey: UInt64] = [:]
    if hasFacts || write.blocks.isEmpty {
      settled = try await self.write { [path] db in
        for (id, series) in write.series { try series.insert(id, db, path: path) }
        for item in write.losses { try item.insert(db) }
        var streams = StreamTable(nanoseconds: nanoseconds)
        for (key, orders) in write.lost { try streams.lose(orders, of: key, db) }
        for item in write.noLongerMissing { try streams.found(item, db) }
        for item in write.missing { try streams.miss(item, db) }
        if write.blocks.isEmpty {
          for (key, order) in write.durableOrders { try streams.settle(key, through: order, db) }
        }
        return try streams.finish(db)
      }
    }
    guard !write.blocks.isEmpty else { return settled }
    try await history.append(write.blocks)
    let durable = try await self.write { db in
      var streams = StreamTable(nanoseconds: nanoseconds)
      for block in write.blocks {
        try streams.hold(block, parts: HistoryFiles.split(block), db)
      }
      for (key, order) in write.durableOrders { try streams.settle(key, through: order, db) }
      return try streams.finish(db)
    }
    return settled.merging(durable) { $1 }
  }

  /// The orders of this stream whose batches are in history, or that were declared lost.
  package func storedOrders(of key: StreamKey) async throws(DiagnosticError) -> OrderSet {
    let inDays = try await history.orders(of: key)
    return try await read { db in
      guard let stream = try StreamTable.find(key, db) else { return OrderSet(inDays) }
      let rows = try Row.fetchAll(
        db,
        sql: """
          SELECT first_order, last_order FROM blocks WHERE stream = ?1
          UNION ALL SELECT first_order, last_order FROM lost_orders WHERE stream = ?1
          """, arguments: [stream.id])
      return OrderSet(inDays + (try rows.compactMap(RawDay.orders)))
    }
  }

  /// A block's place: the day of its file, or `nil` in a database from before there were any.
  package struct BlockID: Hashable, Sendable {
    var day: HistoryDay?
    var id: Int64
  }

  /// The ids of blocks that overlap `from ... through`, by day, stream and order; of given servers or
  /// of all.
  package func blockIDs(
    from: Int64, through: Int64, servers: Set<ServerID>? = nil
  ) async throws(DiagnosticError) -> [BlockID] {
    guard from <= through else { return [] }
    var found = try await earlierBlockIDs(from...through, servers: servers)
    let days = HistoryDay.clamped(from...through)
    for day in history.rawDays where days.contains(day) {
      found += try await history.readableBlockIDs(day, from...through, servers: servers).map {
        BlockID(day: day, id: $0)
      }
    }
    return found
  }

  /// Those that are in no day's file yet.
  package func earlierBlockIDs(
    _ range: ClosedRange<Int64>, servers: Set<ServerID>?
  ) async throws(DiagnosticError) -> [BlockID] {
    try await read { db in
      try RawDay.ids(range, servers, db, index: nil).map { BlockID(day: nil, id: $0) }
    }
  }

  /// What has to be known of series to roll them up.
  package func natures(of ids: [SeriesID]) async throws(DiagnosticError) -> [SeriesID: SeriesNature]
  {
    let list = try Self.json(ids, path: path)
    return try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT id, kind, width FROM series WHERE id IN (SELECT value FROM json_each(?))
          """, arguments: [list]
      ).reduce(into: [:]) { natures, row in
        let width: Int64 = try row.decode(forColumn: "width")
        natures[SeriesID(truncatingIfNeeded: try row.decode(Int64.self, forColumn: "id"))] =
          SeriesNature(
            isCounter: try row.decode(forColumn: "kind") == SeriesKind.counter.rawValue,
            width: UInt8(clamping: width))
      }
    }
  }

  /// Blocks by their ids, in that order; without those that were deleted meanwhile or are damaged. A
  /// block has some
  /// ten kilobytes, so ask for some hundreds at a time.
  package func blocks(_ ids: [BlockID]) async throws(DiagnosticError) -> [HistoryBlock] {
    var found: [HistoryBlock] = []
    let earlier = ids.filter { $0.day == nil }.map(\.id)
    if !earlier.isEmpty {
      found = try await read { [path] db in try RawDay.blocks(earlier, db, path: path) }
    }
    let days = Set(ids.compactMap(\.day)).sorted()
    for day in days {
      found += try await history.readableBlocks(day, ids.filter { $0.day == day }.map(\.id))
    }
    return found
  }

  /// Moves blocks of a database from before the days' files into these, the oldest first, at most
  /// `limit`. A block is in both for a moment, which queries tolerate, and never in none. Call until
  /// the answer is 0.
  package func moveEarlierBlocks(limit: Int = 200) async throws(DiagnosticError) -> Int {
    let (ids, blocks) = try await read { [path] db in
      let ids = try Int64.fetchAll(
        db, sql: "SELECT id FROM blocks ORDER BY through_ns LIMIT ?", arguments: [limit])
      return (ids, try RawDay.blocks(ids, db, path: path))
    }
    guard !ids.isEmpty else { return 0 }
    try await history.append(blocks)
    let list = try Self.json(ids, path: path)
    try await write { db in
      try db.execute(
        sql: "DELETE FROM blocks WHERE id IN (SELECT value FROM json_each(?))",
        arguments: [list])
    }
    return ids.count
  }

  /// Gives the room of blocks that were moved back to the file system.
  package func shrink() async throws(DiagnosticError) {
    do {
      try await pool.vacuum()
    } catch {
      throw StoreFailure.diagnose(error, path: path)
    }
  }

  /// Deletes what is known of streams that were not touched since, and losses from before.
  package func forgetStreams(before nanoseconds: Int64) async throws(DiagnosticError) {
    try await write { db in
      try db.execute(
        sql: """
          DELETE FROM streams WHERE touched_ns < ?
            AND NOT EXISTS (SELECT 1 FROM blocks WHERE blocks.stream = streams.id)
          """, arguments: [nanoseconds])
      try db.execute(sql: "DELETE FROM losses WHERE before_ns < ?", arguments: [nanoseconds])
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

extension StreamKey {
  init(_ row: Row, path: String) throws {
    let text: String = try row.decode(forColumn: "server")
    guard let server = ServerID(text) else {
      throw StoreFailure.corrupt(path, "streams: \(text) is no server id")
    }
    self.init(
      server: server, boot: BootID(try row.decode(forColumn: "boot")),
      incarnation: try row.decode(forColumn: "incarnation"))
  }
}

extension HistoryBlock {
  init(_ row: Row, path: String) throws {
    let first: Int64 = try row.decode(forColumn: "first_order")
    let last: Int64 = try row.decode(forColumn: "last_order")
    self.init(
      stream: try StreamKey(row, path: path),
      fromNanoseconds: try row.decode(forColumn: "from_ns"),
      throughNanoseconds: try row.decode(forColumn: "through_ns"),
      firstOrder: UInt64(clamping: first), lastOrder: UInt64(clamping: last),
      samples: try row.decode(forColumn: "samples"),
      bytes: [UInt8](try row.decode(Data.self, forColumn: "bytes")))
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

  init(_ row: Row, path: String) throws {
    let subjectText: String = try row.decode(forColumn: "subject")
    let subject: StoredSubject
    if try row.decode(forColumn: "subject_kind") == "target" {
      subject = .target(subjectText)
    } else if let server = ServerID(subjectText) {
      subject = .server(server)
    } else {
      throw StoreFailure.corrupt(path, "series: \(subjectText) is no server id")
    }
    let labels: String = try row.decode(forColumn: "labels")
    let decoded: [String: String]
    do {
      decoded = try CanonicalJSON.decode([String: String].self, from: Array(labels.utf8))
    } catch {
      throw StoreFailure.corrupt(path, "series: labels \(labels.prefix(100)): \(error)")
    }
    let decimals: Int64 = try row.decode(forColumn: "decimals")
    let width: Int64 = try row.decode(forColumn: "width")
    self.init(
      subject: subject, metric: try row.decode(forColumn: "metric"), labels: decoded,
      kind: SeriesKind(rawValue: try row.decode(forColumn: "kind")) ?? .unrecognised,
      unit: try row.decode(forColumn: "unit"),
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
  fileprivate init(_ row: Row) throws {
    let batches: Int64? = try row.decode(forColumn: "batches")
    let samples: Int64? = try row.decode(forColumn: "samples")
    self.init(
      afterNanoseconds: try row.decode(forColumn: "after_ns"),
      beforeNanoseconds: try row.decode(forColumn: "before_ns"),
      batches: batches.map(UInt64.init(clamping:)), samples: samples.map(UInt64.init(clamping:)),
      reason: try row.decode(forColumn: "reason"))
  }
}
