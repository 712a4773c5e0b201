import Foundation
import GRDB
import ManagerCore
import Protocol

/// What was written to history's files and is not in them any more (decision 21).
extension StateStore {
  /// What there is of a stream, and what there was.
  package func stored(_ key: StreamKey) async throws(DiagnosticError) -> StoredStream {
    let held = try await storedOrders(of: key)
    let isAside = history.damaged.contains { $0.isSetAside && $0.file.tier == nil }
    return try await read { db in
      guard let row = try StreamTable.find(key, db) else {
        return StoredStream(held: held, settled: 0, isGuarded: true)
      }
      let missing = try Row.fetchAll(
        db, sql: "SELECT first_order, last_order FROM missing_orders WHERE stream = ?",
        arguments: [row.id]
      ).compactMap(RawDay.orders)
      let isGuarded = try Bool.fetchOne(
        db,
        sql: """
          SELECT gone_order IS NOT NULL OR EXISTS (SELECT 1 FROM stored_ends WHERE stream = streams.id)
          FROM streams WHERE id = ?
          """, arguments: [row.id])
      return StoredStream(
        held: held, settled: row.order, missing: OrderSet(missing),
        // As long as a day that was set aside lies there, what is missing may be of it.
        isGuarded: isGuarded ?? false || isAside)
    }
  }

  /// What is written down as missing.
  package func missingOrders() async throws(DiagnosticError) -> [MissingOrders] {
    let path = path
    return try await read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT streams.server, streams.boot, streams.incarnation, missing_orders.*
          FROM missing_orders JOIN streams ON streams.id = missing_orders.stream
          """
      ).compactMap { row in
        // Orders count from 1; a damaged row may say anything.
        guard let orders = try RawDay.orders(row), orders.lowerBound > 0 else { return nil }
        return MissingOrders(
          stream: try StreamKey(row, path: path), orders: orders,
          afterNanoseconds: try row.decode(forColumn: "after_ns"),
          beforeNanoseconds: try row.decode(forColumn: "before_ns"),
          reason: try row.decode(forColumn: "reason"))
      }
    }
  }

  /// What was written to the files of days and is not in them any more, and was not found so before.
  package func newlyMissing() async throws(DiagnosticError) -> [HistoryDay: [MissingOrders]] {
    let path = path
    let known = try await read { db in
      var known: [HistoryDay: [StoredEnd]] = [:]
      let rows = try Row.fetchCursor(
        db,
        sql: """
          SELECT streams.server, streams.boot, streams.incarnation, streams.gone_order, stored_ends.*
          FROM stored_ends JOIN streams ON streams.id = stored_ends.stream
          ORDER BY stored_ends.stream, stored_ends.last_order
          """)
      var last: (stream: Int64, order: UInt64)?
      while let row = try rows.next() {
        let stream: Int64 = try row.decode(forColumn: "stream")
        let gone = UInt64(clamping: try row.decode(Int64?.self, forColumn: "gone_order") ?? 0)
        let order = UInt64(clamping: try row.decode(Int64.self, forColumn: "last_order"))
        let before = last.flatMap { $0.stream == stream ? $0.order : nil }
        let day = try HistoryDay(stored: row.decode(forColumn: "day"))
        known[day, default: []].append(
          StoredEnd(
            stream: try StreamKey(row, path: path), order: order,
            written: UInt64(clamping: try row.decode(Int64.self, forColumn: "written_order")),
            before: max(before ?? 0, gone < order ? gone : 0),
            from: try row.decode(forColumn: "from_ns"),
            through: try row.decode(forColumn: "through_ns")))
        last = (stream, order)
      }
      return known
    }
    var missing: [HistoryDay: [MissingOrders]] = [:]
    for (day, ends) in known {
      switch history.standing(of: day) {
      case .there: break
      case .told: continue
      case .gone:
        // Neither by age nor as a file that somebody missed: the list that names it is gone too, or older.
        missing[day] = ends.flatMap {
          $0.missing(among: [], reason: MissingOrders.gone(HistoryFile.raw(day).name))
        }
        continue
      }
      let name = HistoryFile.raw(day).name
      let found = try await history.readable(.raw(day)) { db in
        try ends.flatMap { end -> [MissingOrders] in
          let isThere = try [end.order, end.written].allSatisfy {
            try RawDay.holds($0, of: end.stream, db)
          }
          guard !isThere else { return [] }
          return end.missing(
            among: try RawDay.spans(of: end.stream, db), reason: MissingOrders.cut(name))
        }
      }
      if let found, !found.isEmpty { missing[day] = found }
    }
    var left: [HistoryDay: [MissingOrders]] = [:]
    for (day, items) in missing {
      for item in items {
        let told = try await toldOrders(of: item.stream)
        left[day, default: []] += item.remaining(told.missing(from: item.orders), found: [])
      }
    }
    return left.filter { !$0.value.isEmpty }
  }

  /// What is known to be missing or lost of a stream.
  private func toldOrders(of key: StreamKey) async throws(DiagnosticError) -> OrderSet {
    try await read { db in
      guard let stream = try StreamTable.find(key, db) else { return OrderSet() }
      return OrderSet(
        try Row.fetchAll(
          db,
          sql: """
            SELECT first_order, last_order FROM missing_orders WHERE stream = ?1
            UNION ALL SELECT first_order, last_order FROM lost_orders WHERE stream = ?1
            """, arguments: [stream.id]
        ).compactMap(RawDay.orders))
    }
  }

  /// These days went by age or by size, or it is told of all servers that something of them is lost: what is
  /// not in their files is not missed any more.
  package func forgetEnds(of days: [HistoryDay]) async throws(DiagnosticError) {
    guard !days.isEmpty else { return }
    try await write { db in
      for day in days {
        try db.execute(
          sql: """
            UPDATE streams SET gone_order = max(coalesce(gone_order, 0), stored_ends.last_order)
            FROM stored_ends WHERE stored_ends.stream = streams.id AND stored_ends.day = ?
            """, arguments: [day.number])
        try db.execute(sql: "DELETE FROM stored_ends WHERE day = ?", arguments: [day.number])
      }
    }
  }
}
