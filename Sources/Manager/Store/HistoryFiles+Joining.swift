import Foundation
import GRDB
import ManagerCore
import Protocol
import Synchronization

/// The hours of a server's day become one row a series, for each tier, when the day is over.
extension HistoryFiles {
  /// Servers' days that are over and wholly rolled up, the oldest first.
  func daysToJoin(now: Int64, patience: Int64) -> [(server: ServerID, day: HistoryDay)] {
    let dirty = self.dirty
    return loose.filter { $0.key.end &+ patience <= now }.flatMap { day, servers in
      servers.filter { server in
        dirty[server].map { hours in !hours.contains { HistoryDay(ofHour: $0) == day } } ?? true
      }.map { (server: $0, day: day) }
    }.sorted { ($0.day, $0.server) < ($1.day, $1.server) }
  }

  /// Puts the hours of a server's day together. The wider tiers come first: until the minutes follow,
  /// queries read the hours.
  ///
  /// - Parameter limit: pages at a time. 32 of them are 512 series; a day of their minutes takes some 30 MB.
  func join(
    _ server: ServerID, _ day: HistoryDay, natures: Natures, limit: Int = 32
  ) async throws(DiagnosticError) {
    let minutes = HistoryFile.rollUps(.minute, month: day.month)
    var turn = QueryGate.Turn(queries)
    while let pages = try await loosePages(server, day, minutes, limit: limit), !pages.isEmpty {
      var parts: [SeriesID: [RollUp]] = [:]
      do {
        for page in pages {
          await turn.giveWay()
          for (id, rollUp) in try RollUpCodec.decode(page.bytes.span) {
            parts[id, default: []].append(rollUp)
          }
        }
      } catch {
        throw StoreFailure.unreadable(path(minutes), error)
      }
      let known = try await natures(parts.keys.sorted())
      for tier in RollUpTier.allCases.reversed() {
        var rows: [(SeriesID, [UInt8])] = []
        for (id, parts) in parts.sorted(by: { $0.key < $1.key }) {
          await turn.giveWay()
          guard let nature = known[id],
            let whole = RollUp.joined(parts, of: nature, tier: tier)
          else { continue }
          rows.append(
            (id, RollUpCodec.encode([(id, whole)], tier: tier, begin: tier.bucket(of: day.begin))))
        }
        try await store(
          rows, server, day, tier, without: tier == .minute ? Set(pages.map(\.page)) : [])
      }
    }
    joined(server, day)
  }

  private func loosePages(
    _ server: ServerID, _ day: HistoryDay, _ file: HistoryFile, limit: Int
  ) async throws(DiagnosticError) -> [Page]? {
    try await read(file) { db in
      try Row.fetchAll(
        db,
        sql: """
          WITH mine AS (
            SELECT hour, page, server FROM hours
            WHERE server = (SELECT id FROM servers WHERE server = ?1) AND hour BETWEEN ?2 AND ?3)
          SELECT hours.* FROM mine JOIN hours USING (hour, page, server)
          WHERE mine.page IN (SELECT DISTINCT page FROM mine ORDER BY page LIMIT ?4)
          ORDER BY hour, page
          """, arguments: [server.text, day.hours.lowerBound, day.hours.upperBound, limit]
      ).map {
        Page(
          hour: try $0.hour(), page: try $0.decode(forColumn: "page"),
          bytes: [UInt8](try $0.decode(Data.self, forColumn: "bytes")))
      }
    }
  }

  private func store(
    _ rows: [(SeriesID, [UInt8])], _ server: ServerID, _ day: HistoryDay, _ tier: RollUpTier,
    without pages: Set<Int64>
  ) async throws(DiagnosticError) {
    let file = HistoryFile.rollUps(tier, month: day.month)
    do {
      try step("store days")
      defer { noteChange(of: day, of: server, in: file) }
      if tier == .minute { beginJoining(server, day) }
      try await pool(file, creating: true)?.write { db in
        let server = try RollUpRows.server(server, db)
        let insert = try db.cachedStatement(
          sql: "INSERT OR REPLACE INTO days (day, series, server, bytes) VALUES (?, ?, ?, ?)")
        for (id, bytes) in rows {
          try insert.execute(arguments: [day.number, Int64(id), server, Data(bytes)])
        }
        guard tier == .minute else { return }
        for hour in day.hours {
          for page in pages {
            try db.cachedStatement(
              sql: "DELETE FROM hours WHERE hour = ? AND page = ? AND server = ?"
            ).execute(arguments: [hour, page, server])
          }
        }
        // With the first pages: what comes late from now on makes the whole day anew.
        try db.execute(
          sql: "INSERT OR IGNORE INTO joined (day, server) VALUES (?, ?)",
          arguments: [day.number, server])
      }
      try step("days are stored")
    } catch {
      throw StoreFailure.diagnose(error, path: path(file))
    }
  }

  // MARK: What is where

  var loose: [HistoryDay: Set<ServerID>] { state.withLock { $0.loose } }

  /// It has roll-ups of hours, and of them alone where `isApart`.
  func loosen(_ server: ServerID, _ day: HistoryDay, isApart: Bool = false) {
    state.withLock { state in
      state.loose[day, default: []].insert(server)
      if isApart { state.joining.remove(server, from: day) }
    }
  }

  func beginJoining(_ server: ServerID, _ day: HistoryDay) {
    state.withLock { _ = $0.joining[day, default: []].insert(server) }
  }

  func joined(_ server: ServerID, _ day: HistoryDay) {
    state.withLock { state in
      state.loose.remove(server, from: day)
      state.joining.remove(server, from: day)
    }
  }
}

extension [HistoryDay: Set<ServerID>] {
  fileprivate mutating func remove(_ server: ServerID, from day: HistoryDay) {
    self[day]?.remove(server)
    if self[day]?.isEmpty == true { self[day] = nil }
  }
}
