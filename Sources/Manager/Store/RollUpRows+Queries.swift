import Foundation
import GRDB
import ManagerCore
import Protocol

extension RollUpRows {
  struct Question: Hashable, Sendable {
    var series: [SeriesID]
    var tier: RollUpTier
  }

  /// A day in a file.
  struct Place: Hashable, Sendable {
    var file: HistoryFile
    var day: HistoryDay
  }

  /// The hours of a question, without those of which servers have samples that no roll-up has.
  struct Hours: Sendable {
    private let range: ClosedRange<Int64>
    private let dirty: [String: Set<Int64>]
    private let dirtyOfAny: Set<Int64>

    init(_ range: ClosedRange<Int64>, without dirty: [ServerID: Set<Int64>]) {
      let (first, last) = (range.lowerBound, range.upperBound)
      self.range = RollUpTier.hour.bucket(of: first)...RollUpTier.hour.bucket(of: last)
      dirtyOfAny = dirty.values.reduce(into: []) { $0.formUnion($1) }
      self.dirty = Dictionary(dirty.map { ($0.key.text, $0.value) }) { first, _ in first }
    }

    func of(_ day: HistoryDay) -> ClosedRange<Int64> { range.clamped(to: day.hours) }

    func isDirty(_ hour: Int64, of server: String) -> Bool {
      dirtyOfAny.contains(hour) && dirty[server]?.contains(hour) == true
    }

    func counts(_ found: Found) -> Bool {
      found.hour.map { range.contains($0) && !isDirty($0, of: found.server) } ?? true
    }
  }

  /// What a file has of a day.
  struct Day: Sendable {
    let day: HistoryDay
    private let hours: ClosedRange<Int64>
    private var state: RollUpChanges.State
    /// Of hours that are not yet put together.
    private(set) var loose: [Found] = []
    private(set) var whole: [Found] = []
    /// Servers that have more in these hours than what counts just now.
    private var partial: Set<String> = []
    /// The servers that have yet to be read; `nil`: all.
    private var awaited: Set<String>?
    /// About what it takes.
    private(set) var bytes = 0

    /// Empty.
    init(_ day: HistoryDay, _ hours: ClosedRange<Int64>, _ state: RollUpChanges.State) {
      self.day = day
      self.hours = hours
      self.state = state
    }

    var isRead: Bool { awaited?.isEmpty == true }

    func awaits(_ server: String) -> Bool { awaited?.contains(server) ?? true }

    /// What of it still holds in the place of `new`, the rest to be read; `nil`: nothing.
    func kept(for new: Day, _ changes: RollUpChanges) -> Day? {
      guard hours.contains(new.hours.lowerBound), hours.contains(new.hours.upperBound),
        let written = changes.written(to: day, since: state)
      else { return nil }
      var kept = self
      kept.state = new.state
      let gone = partial.union(written)
      kept.awaited = gone
      guard !gone.isEmpty else { return kept }
      kept.partial = []
      kept.loose.removeAll { gone.contains($0.server) }
      kept.whole.removeAll { gone.contains($0.server) }
      return kept
    }

    /// - Parameters:
    ///   - found: all that there is of those that were awaited.
    ///   - leftOut: those of which it is not.
    mutating func fill(_ found: ArraySlice<Found>, without leftOut: Set<String>) {
      for item in found {
        if item.hour == nil { whole.append(item) } else { loose.append(item) }
      }
      partial = leftOut
      awaited = []
      // With the entry of a table, and the arrays around it.
      bytes = [loose, whole].joined().reduce(256) { $0 + 96 + $1.rollUp.heldBytes }
    }

    /// Gives what of its hours is to be read: of all servers by the hour, of some by the server.
    fileprivate func forEachPart(
      _ servers: [Int64: String], _ db: Database, _ body: (HourRows.Part) throws -> Void
    ) throws {
      if let awaited {
        for server in servers where awaited.contains(server.value) {
          try body(HourRows.Part(hours: hours, server: server.key))
        }
        return
      }
      let following = try db.cachedStatement(sql: "SELECT min(hour) FROM hours WHERE hour >= ?")
      var begin = hours.lowerBound
      while let hour = try Int64.fetchOne(following, arguments: [begin]), hours.contains(hour) {
        try body(HourRows.Part(hours: hour...hour))
        begin = hour &+ 1
      }
    }
  }

  /// A row as it lies there.
  struct Stored: Sendable {
    var server: String
    var day: HistoryDay
    /// `nil`: of the whole day.
    var hour: Int64?
    var bytes: [UInt8]
    /// Of a page; `nil`: all that there is.
    var wanted: Set<SeriesID>?

    init(_ row: Row, bytes place: Int, server: String, day: HistoryDay) throws {
      self.server = server
      self.day = day
      bytes = try row.withUnsafeData(atIndex: place) { $0.map { [UInt8]($0) } ?? [] }
    }

    func decode() throws(BlockError) -> [Found] {
      try RollUpCodec.decode(bytes.span, where: { wanted?.contains($0) ?? true }).map {
        Found($0.0, of: self, $0.1)
      }
    }
  }

  /// An object: it goes from list to list, and a roll-up has many arrays to hold.
  final class Found: Sendable {
    let series: SeriesID
    let server: String
    let day: HistoryDay
    let hour: Int64?
    let rollUp: RollUp

    init(_ series: SeriesID, of row: Stored, _ rollUp: RollUp) {
      self.series = series
      server = row.server
      day = row.day
      hour = row.hour
      self.rollUp = rollUp
    }
  }

  /// The rows that some days await, by day, without hours that do not count; `leftOut`: the servers that
  /// have such, by day. `damage` is told of what can not be read.
  static func stored(
    _ question: Question, _ days: [Day], _ hours: Hours, in file: HistoryFile, _ db: Database,
    _ damage: (any Error) -> Void
  ) throws -> (stored: [Stored], leftOut: [HistoryDay: Set<String>]) {
    var found: [Stored] = []
    func unlessDamaged(_ read: () throws -> Void) throws {
      do { try read() } catch  where HistoryFiles.isUnreadable(error) { damage(error) }
    }
    let servers = try servers(db)
    var rows = try HourRows(question.series, servers, hours)
    for day in days {
      if file.tier == .minute {
        try unlessDamaged {
          try day.forEachPart(servers, db) { part in
            try unlessDamaged { found += try rows.stored(of: part, day.day, db) }
          }
        }
      }
      if file.tier == question.tier {
        try unlessDamaged { found += try whole(question.series, day, servers, db) }
      }
    }
    return (found, rows.leftOut)
  }

  fileprivate struct HourRows {
    struct Part {
      var hours: ClosedRange<Int64>
      /// `nil`: of all.
      var server: Int64?
    }

    private let servers: [Int64: String]
    private let hours: Hours
    private let pages: [SeriesID: Set<SeriesID>]
    private let list: String
    private(set) var leftOut: [HistoryDay: Set<String>] = [:]

    init(_ series: [SeriesID], _ servers: [Int64: String], _ hours: Hours) throws {
      self.servers = servers
      self.hours = hours
      pages = Dictionary(grouping: series) { $0 >> HistoryFiles.pageBits }.mapValues(Set.init)
      list = String(decoding: try CanonicalJSON.encode(pages.keys.sorted()), as: UTF8.self)
    }

    mutating func stored(
      of part: Part, _ day: HistoryDay, _ db: Database
    ) throws -> [Stored] {
      var found: [Stored] = []
      let rows = try rows(of: part, db)
      while let row = try rows.next() {
        let server = servers[try row.decode(atIndex: 0)] ?? ""
        let hour = try row.decode(Int64.self, atIndex: 3)
        guard !hours.isDirty(hour, of: server) else {
          leftOut[day, default: []].insert(server)
          continue
        }
        var stored = try Stored(row, bytes: 1, server: server, day: day)
        stored.hour = hour
        stored.wanted =
          pages[SeriesID(truncatingIfNeeded: try row.decode(Int64.self, atIndex: 2))] ?? []
        found.append(stored)
      }
      return found
    }

    private func rows(of part: Part, _ db: Database) throws -> RowCursor {
      guard let server = part.server else {
        let select = try db.cachedStatement(
          sql: """
            SELECT hours.server, hours.bytes, hours.page, hours.hour FROM json_each(?2) AS pages
              CROSS JOIN hours ON hours.hour = ?1 AND hours.page = pages.value
            """)
        return try Row.fetchCursor(select, arguments: [part.hours.lowerBound, list])
      }
      // The index tells which pages a server has of its hours.
      let select = try db.cachedStatement(
        sql: """
          WITH mine AS (
            SELECT hour, page, server FROM hours INDEXED BY hours_by_server
            WHERE server = ?1 AND hour BETWEEN ?2 AND ?3
              AND page IN (SELECT value FROM json_each(?4)))
          SELECT hours.server, hours.bytes, hours.page, hours.hour
          FROM mine CROSS JOIN hours USING (hour, page, server) ORDER BY hours.hour
          """)
      return try Row.fetchCursor(
        select, arguments: [server, part.hours.lowerBound, part.hours.upperBound, list])
    }
  }

  /// Of a day that is put together.
  private static func whole(
    _ series: [SeriesID], _ day: Day, _ servers: [Int64: String], _ db: Database
  ) throws -> [Stored] {
    let select = try db.cachedStatement(
      sql: "SELECT server, bytes FROM days WHERE day = ? AND series = ?")
    var found: [Stored] = []
    for id in series {
      let rows = try Row.fetchCursor(select, arguments: [day.day.number, Int64(id)])
      while let row = try rows.next() {
        let server = servers[try row.decode(atIndex: 0)] ?? ""
        guard day.awaits(server) else { continue }
        found.append(try Stored(row, bytes: 1, server: server, day: day.day))
      }
    }
    return found
  }

  static func servers(_ db: Database) throws -> [Int64: String] {
    try Row.fetchAll(db, sql: "SELECT id, server FROM servers").reduce(into: [:]) {
      $0[try $1.decode(forColumn: "id")] = try $1.decode(forColumn: "server")
    }
  }
}
