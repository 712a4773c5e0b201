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
    private let state: RollUpChanges.State
    /// Of hours that are not yet put together.
    private(set) var loose: [Found] = []
    private(set) var whole: [Found] = []
    /// Whether it holds all that there is of these hours, also of those that do not count just now.
    private(set) var isAll = false
    /// About what it takes.
    private(set) var bytes = 0

    /// Empty.
    init(_ day: HistoryDay, _ hours: ClosedRange<Int64>, _ state: RollUpChanges.State) {
      self.day = day
      self.hours = hours
      self.state = state
    }

    /// Whether another one of that day can have nothing else.
    func holds(_ other: Day) -> Bool {
      state == other.state && hours.contains(other.hours.lowerBound)
        && hours.contains(other.hours.upperBound)
    }

    mutating func fill(_ found: ArraySlice<Found>, isAll: Bool) {
      loose = found.filter { $0.hour != nil }
      whole = found.filter { $0.hour == nil }
      self.isAll = isAll
      // With the entry of a table, and the arrays around it.
      bytes = found.reduce(256) { $0 + 96 + $1.rollUp.heldBytes }
    }

    /// Gives the rows of its hours.
    fileprivate func forEachHour(_ db: Database, _ body: (Int64) throws -> Void) throws {
      let following = try db.cachedStatement(sql: "SELECT min(hour) FROM hours WHERE hour >= ?")
      var begin = hours.lowerBound
      while let hour = try Int64.fetchOne(following, arguments: [begin]), hours.contains(hour) {
        try body(hour)
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

  /// The rows of some days, by day, without hours that do not count; `leftOut`: the days that have such.
  /// `damage` is told of what can not be read.
  static func stored(
    _ question: Question, _ days: [Day], _ hours: Hours, in file: HistoryFile, _ db: Database,
    _ damage: (any Error) -> Void
  ) throws -> (stored: [Stored], leftOut: Set<HistoryDay>) {
    var found: [Stored] = []
    func unlessDamaged(_ read: () throws -> Void) throws {
      do { try read() } catch  where HistoryFiles.isUnreadable(error) { damage(error) }
    }
    let servers = try servers(db)
    var rows = try HourRows(question.series, servers, hours)
    for day in days {
      if file.tier == .minute {
        try unlessDamaged {
          try day.forEachHour(db) { hour in
            try unlessDamaged { found += try rows.stored(of: hour, db) }
          }
        }
      }
      if file.tier == question.tier {
        try unlessDamaged { found += try whole(question.series, day.day, servers, db) }
      }
    }
    return (found, rows.leftOut)
  }

  private struct HourRows {
    private let servers: [Int64: String]
    private let hours: Hours
    private let pages: [SeriesID: Set<SeriesID>]
    private let list: String
    private(set) var leftOut: Set<HistoryDay> = []

    init(_ series: [SeriesID], _ servers: [Int64: String], _ hours: Hours) throws {
      self.servers = servers
      self.hours = hours
      pages = Dictionary(grouping: series) { $0 >> HistoryFiles.pageBits }.mapValues(Set.init)
      list = String(decoding: try CanonicalJSON.encode(pages.keys.sorted()), as: UTF8.self)
    }

    mutating func stored(of hour: Int64, _ db: Database) throws -> [Stored] {
      let day = HistoryDay(ofHour: hour)
      let select = try db.cachedStatement(
        sql: """
          SELECT hours.server, hours.bytes, hours.page FROM json_each(?2) AS pages
            CROSS JOIN hours ON hours.hour = ?1 AND hours.page = pages.value
          """)
      var found: [Stored] = []
      let rows = try Row.fetchCursor(select, arguments: [hour, list])
      while let row = try rows.next() {
        let server = servers[try row.decode(atIndex: 0)] ?? ""
        guard !hours.isDirty(hour, of: server) else {
          leftOut.insert(day)
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
  }

  /// Of a day that is put together.
  private static func whole(
    _ series: [SeriesID], _ day: HistoryDay, _ servers: [Int64: String], _ db: Database
  ) throws -> [Stored] {
    let select = try db.cachedStatement(
      sql: "SELECT server, bytes FROM days WHERE day = ? AND series = ?")
    var found: [Stored] = []
    for id in series {
      let rows = try Row.fetchCursor(select, arguments: [day.number, Int64(id)])
      while let row = try rows.next() {
        found.append(
          try Stored(row, bytes: 1, server: servers[try row.decode(atIndex: 0)] ?? "", day: day))
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
