import Foundation
import GRDB
import ManagerCore
import Protocol

extension RollUpRows {
  /// A row as it lies there.
  struct Stored: Sendable {
    var server: String
    var day: HistoryDay
    var bytes: [UInt8]
    /// Of a page; `nil`: all that there is.
    var wanted: Set<SeriesID>?

    init(
      _ row: Row, bytes place: Int, server: String, day: HistoryDay, wanted: Set<SeriesID>? = nil
    )
      throws
    {
      self.server = server
      self.day = day
      self.wanted = wanted
      bytes = try row.withUnsafeData(atIndex: place) { $0.map { [UInt8]($0) } ?? [] }
    }

    func decode() throws(BlockError) -> [Found] {
      try RollUpCodec.decode(bytes.span, where: { wanted?.contains($0) ?? true }).map {
        Found($0.0, server: server, day: day, $0.1)
      }
    }
  }

  /// An object: it goes from list to list, and a roll-up has many arrays to hold.
  final class Found: Sendable {
    let series: SeriesID
    let server: String
    let day: HistoryDay
    let rollUp: RollUp

    init(_ series: SeriesID, server: String, day: HistoryDay, _ rollUp: RollUp) {
      self.series = series
      self.server = server
      self.day = day
      self.rollUp = rollUp
    }
  }

  /// Of hours that are not yet put together, without those that are read from samples. `damage` is told
  /// of what is left out.
  static func hours(
    _ series: [SeriesID], _ range: ClosedRange<Int64>, _ dirty: [ServerID: Set<Int64>],
    _ db: Database, _ damage: (any Error) -> Void
  ) throws -> [Stored] {
    let first = RollUpTier.hour.bucket(of: range.lowerBound)
    let last = RollUpTier.hour.bucket(of: range.upperBound)
    let following = try db.cachedStatement(sql: "SELECT min(hour) FROM hours WHERE hour >= ?")
    guard var hour = try Int64.fetchOne(following, arguments: [first]), hour <= last else {
      return []
    }
    let rows = try HourRows(series, dirty, db)
    var found: [Stored] = []
    while hour <= last {
      do {
        found += try rows.stored(of: hour)
      } catch  where HistoryFiles.isUnreadable(error) {
        damage(error)
      }
      guard let next = try Int64.fetchOne(following, arguments: [hour &+ 1]) else { break }
      hour = next
    }
    return found
  }

  private struct HourRows {
    private let servers: [Int64: (text: String, dirty: Set<Int64>)]
    private let pages: [SeriesID: Set<SeriesID>]
    private let list: String
    private let select: Statement

    init(
      _ series: [SeriesID], _ dirty: [ServerID: Set<Int64>], _ db: Database
    ) throws {
      servers = try RollUpRows.servers(db).mapValues { text in
        (text, ServerID(text).flatMap { dirty[$0] } ?? [])
      }
      pages = Dictionary(grouping: series) { $0 >> HistoryFiles.pageBits }.mapValues(Set.init)
      list = String(decoding: try CanonicalJSON.encode(pages.keys.sorted()), as: UTF8.self)
      select = try db.cachedStatement(
        sql: """
          SELECT hours.server, hours.bytes, hours.page FROM json_each(?2) AS pages
            CROSS JOIN hours ON hours.hour = ?1 AND hours.page = pages.value
          """)
    }

    func stored(of hour: Int64) throws -> [Stored] {
      var found: [Stored] = []
      let rows = try Row.fetchCursor(select, arguments: [hour, list])
      while let row = try rows.next() {
        let server = servers[row[0]]
        guard server?.dirty.contains(hour) != true else { continue }
        found.append(
          try Stored(
            row, bytes: 1, server: server?.text ?? "", day: HistoryDay(ofHour: hour),
            wanted: pages[SeriesID(truncatingIfNeeded: row[2] as Int64)] ?? []))
      }
      return found
    }
  }

  /// Of days that are put together.
  static func days(
    _ series: [SeriesID], _ days: ClosedRange<HistoryDay>, _ db: Database
  ) throws -> [Stored] {
    let servers = try servers(db)
    let select = try db.cachedStatement(
      sql: "SELECT server, bytes FROM days WHERE day = ? AND series = ?")
    var found: [Stored] = []
    for number in days.lowerBound.number...days.upperBound.number {
      for id in series {
        let rows = try Row.fetchCursor(select, arguments: [number, Int64(id)])
        while let row = try rows.next() {
          found.append(
            try Stored(
              row, bytes: 1, server: servers[row[0]] ?? "", day: HistoryDay(number: number)))
        }
      }
    }
    return found
  }

  static func servers(_ db: Database) throws -> [Int64: String] {
    try Row.fetchAll(db, sql: "SELECT id, server FROM servers").reduce(into: [:]) {
      $0[$1["id"]] = $1["server"]
    }
  }
}
