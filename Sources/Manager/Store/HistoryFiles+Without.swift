import Foundation
import GRDB
import ManagerCore
import Protocol
import Synchronization

/// What must hold of the history once a file of it is set aside: of which days there are no samples any
/// more, and which are rolled up again from theirs.
extension HistoryFiles {
  func prepareWithout(_ file: HistoryFile) throws {
    switch file {
    case .raw(let day):
      try noteGone([day: keptHours(of: day)])
    case .rollUps(_, let month):
      try noteGone(daysWithoutSamples(of: month, through: lastNanosecond(of: file, file.name)))
      // Of days that are gone there may be samples that came late: they are not all.
      for day in readableDays(of: month) where !isGone(day) {
        do { try soilAll(of: day) } catch  where StoreFailure.isDamage(error) {
          noteDamage(.raw(day), error)
        }
      }
    }
  }

  /// Of servers whose day is not put together: which hours are rolled up.
  func keptHours(of day: HistoryDay) -> [ServerID: HourSet] {
    var kept: [ServerID: HourSet] = [:]
    for (server, hours) in dirty where hours.contains(where: { HistoryDay(ofHour: $0) == day }) {
      kept[server] = HourSet()
    }
    let rows = try? pool(.rollUps(.minute, month: day.month))?.read { db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT DISTINCT servers.server, hours.hour
          FROM hours JOIN servers ON servers.id = hours.server WHERE hours.hour BETWEEN ? AND ?
          """, arguments: [day.hours.lowerBound, day.hours.upperBound]
      ).map {
        (
          server: try $0.decode(String.self, forColumn: "server"),
          hour: try $0.hour()
        )
      }
    }
    for row in rows.flatMap({ $0 }) ?? [] {
      guard let server = ServerID(row.server) else { continue }
      kept[server, default: HourSet()].insert(row.hour)
    }
    return kept
  }

  private func readableDays(of month: String) -> [HistoryDay] {
    rawDays.filter { $0.month == month && !isDamaged(.raw($0)) }
  }

  func days(of month: String) -> [HistoryDay] {
    guard let first = HistoryDay("\(month)-01"), let after = HistoryDay.after(month: month) else {
      return []
    }
    return (first.number..<after.number).map(HistoryDay.init(number:))
  }

  /// Those that are not marked as gone. A day's first samples may come a while after its begin.
  func daysWithoutSamples(
    of month: String, through last: Int64
  ) -> [HistoryDay: [ServerID: HourSet]] {
    let end = min(last, clock() - HistoryDay.nanoseconds)
    let files = self.files
    let days = days(of: month).filter {
      $0.end <= end && !files.contains(.raw($0)) && !isGone($0)
    }
    return Dictionary(uniqueKeysWithValues: days.map { ($0, [:]) })
  }

  private func soilAll(of day: HistoryDay) throws {
    let stamp = Int64(bitPattern: UInt64.random(in: 0...UInt64.max))
    let span = RollUpTier.hour.nanoseconds
    try pool(.raw(day))?.write { db in
      let rows = try Row.fetchAll(
        db,
        sql: """
          SELECT DISTINCT streams.server, blocks.from_ns / ?1 AS first, blocks.through_ns / ?1 AS last
          FROM blocks JOIN streams ON streams.id = blocks.stream
          """, arguments: [span])
      var hours: [ServerID: Set<Int64>] = [:]
      for row in rows {
        let (first, last): (Int64, Int64) = (
          try row.decode(forColumn: "first"), try row.decode(forColumn: "last")
        )
        guard let server = ServerID(try row.decode(String.self, forColumn: "server")), first <= last
        else { continue }
        hours[server, default: []].formUnion(first...last)
      }
      try RawDay.soil(hours, stamp: stamp, db)
      self.soil(hours, newest: [:])
    }
  }

  /// The month's minutes without those that were set aside, with the days that are gone: so that it
  /// never looks as if they had been removed for their age. Without it `gone` is known nevertheless.
  func beginAnew(_ month: String) {
    let days = state.withLock { $0.gone.keys.filter { $0.month == month } }
    _ = try? pool(.rollUps(.minute, month: month), creating: true)?.write { db in
      for day in days {
        try db.execute(sql: "INSERT OR IGNORE INTO gone (day) VALUES (?)", arguments: [day.number])
      }
    }
  }
}
