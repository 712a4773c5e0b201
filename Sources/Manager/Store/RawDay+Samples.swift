import Foundation
import GRDB
import ManagerCore
import Protocol

extension RawDay {
  typealias Samples = [(id: SeriesID, points: [HistoryPoint])]

  /// What tells a block from any other that ever was. Its number alone does not: a file may be put in
  /// another's place.
  struct BlockKey: Hashable, Sendable {
    var day: HistoryDay
    var id: Int64
    var stream: Int64
    var first: Int64
    var last: Int64
    var from: Int64
    var through: Int64
  }

  /// Of the blocks that have to do with some hours of servers: the samples of some series, out of what
  /// is remembered or from the block itself.
  static func samples(
    _ series: [SeriesID], _ hours: [ServerID: Set<Int64>], _ range: ClosedRange<Int64>,
    _ day: HistoryDay, _ db: Database, _ remembered: [BlockKey: Samples], path: String
  ) throws -> [(server: ServerID, key: BlockKey, samples: Samples)] {
    var wanted: Set<SeriesID>?
    let select = try db.cachedStatement(sql: "SELECT bytes FROM blocks WHERE id = ?")
    return try keys(hours, range, day, db).map { server, key in
      if let known = remembered[key] { return (server, key, known) }
      let series = wanted ?? Set(series)
      wanted = series
      let rows = try Row.fetchCursor(select, arguments: [key.id])
      guard let row = try rows.next() else { return (server, key, []) }
      do {
        let found = try row.withUnsafeData(atIndex: 0) { data throws in
          try (data ?? Data()).withUnsafeBytes { bytes in
            try BlockCodec.columns(for: series, in: bytes.bindMemory(to: UInt8.self).span)
          }
        }
        return (server, key, found.map { (id: $0.key, points: $0.value) })
      } catch {
        throw StoreFailure.unreadable(path, error)
      }
    }
  }

  /// All in one look at the index: each server by itself would take as long as all of them.
  private static func keys(
    _ hours: [ServerID: Set<Int64>], _ range: ClosedRange<Int64>, _ day: HistoryDay, _ db: Database
  ) throws -> [(ServerID, BlockKey)] {
    let span = RollUpTier.hour.nanoseconds
    let all = hours.values.joined()
    guard let first = all.min(), let last = all.max() else { return [] }
    let from = max(range.lowerBound, first &* span)
    let through = min(range.upperBound, (last &+ 1) &* span &- 1)
    guard from <= through else { return [] }
    let streams = try Row.fetchAll(db, sql: "SELECT id, server FROM streams").reduce(
      into: [Int64: ServerID]()
    ) {
      $0[try $1.decode(forColumn: "id")] = ServerID(try $1.decode(String.self, forColumn: "server"))
    }
    let rows = try Row.fetchCursor(
      db.cachedStatement(
        sql: """
          SELECT id, stream, first_order, last_order, from_ns, through_ns
          FROM blocks INDEXED BY blocks_by_order WHERE through_ns >= ? AND from_ns <= ?
          ORDER BY stream, first_order
          """), arguments: [from, through])
    var found: [(ServerID, BlockKey)] = []
    while let row = try rows.next() {
      guard let server = streams[try row.decode(atIndex: 1)], let hours = hours[server] else {
        continue
      }
      let (begin, end): (Int64, Int64) = (try row.decode(atIndex: 4), try row.decode(atIndex: 5))
      guard hours.contains(where: { begin < ($0 &+ 1) &* span && $0 &* span <= end })
      else { continue }
      found.append(
        (
          server,
          BlockKey(
            day: day, id: try row.decode(atIndex: 0), stream: try row.decode(atIndex: 1),
            first: try row.decode(atIndex: 2), last: try row.decode(atIndex: 3), from: begin,
            through: end)
        ))
    }
    return found
  }
}
