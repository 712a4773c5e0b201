import Foundation
import GRDB
import ManagerCore
import Protocol

/// What the store has of some series in a time.
struct HistoryMaterial: Sendable {
  var columns: [SeriesID: [HistoryPoint]] = [:]
  var rollUps: [SeriesID: [RollUp]] = [:]
}

/// Reading of roll-ups, and of the samples that are not yet in them.
extension HistoryFiles {
  /// - Parameter servers: whose series they are; `nil` stands for any.
  func material(
    _ series: [SeriesID], servers: Set<ServerID>?, _ range: ClosedRange<Int64>, tier: RollUpTier
  ) async throws(DiagnosticError) -> HistoryMaterial {
    // A day that is put together, or taken apart for what came late, between two of the reads might
    // be in none of them. That is so rare that a third try is the last.
    for _ in 0..<2 {
      let before = loose
      let found = try await read(series, servers: servers, range, tier: tier)
      if loose == before { return found }
    }
    return try await read(series, servers: servers, range, tier: tier)
  }

  private func read(
    _ series: [SeriesID], servers: Set<ServerID>?, _ range: ClosedRange<Int64>, tier: RollUpTier
  ) async throws(DiagnosticError) -> HistoryMaterial {
    // Read once: what becomes dirty from now on was in memory before, and is known from there.
    let dirty = self.dirty.filter { servers?.contains($0.key) ?? true }
    // Each takes about as long as the other.
    async let columns = sampled(series, dirty, range)
    var material = HistoryMaterial()
    material.rollUps = try await rolled(series, range, dirty, tier)
    material.columns = try await columns.get()
    return material
  }

  private func rolled(
    _ series: [SeriesID], _ range: ClosedRange<Int64>, _ dirty: [ServerID: Set<Int64>],
    _ tier: RollUpTier
  ) async throws(DiagnosticError) -> [SeriesID: [RollUp]] {
    var rollUps: [SeriesID: [RollUp]] = [:]
    let loose = self.loose
    let days = HistoryDay.clamped(range)
    // Of series and servers that still have hours of a day, these count.
    var known: Set<LooseDay> = []
    for file in files.sorted(by: { $0.end < $1.end }) {
      guard case .rollUps(.minute, let month) = file else { continue }
      let there = loose.filter { $0.key.month == month && days.contains($0.key) }.keys.sorted()
      for day in there {
        let found = try await hours(series, day, range, dirty, in: file)
        for item in found {
          rollUps[item.series, default: []].append(item.rollUp)
          known.insert(LooseDay(series: item.series, server: item.server, day: day))
        }
      }
    }
    for file in files {
      guard case .rollUps(tier, let month) = file else { continue }
      for item in try await wholeDays(series, range, month, in: file)
      where !known.contains(LooseDay(series: item.series, server: item.server, day: item.day)) {
        rollUps[item.series, default: []].append(item.rollUp)
      }
    }
    return rollUps
  }

  private struct LooseDay: Hashable {
    var series: SeriesID
    var server: String
    var day: HistoryDay
  }

  private struct Found: Sendable {
    var series: SeriesID
    var server: String
    var day: HistoryDay
    var rollUp: RollUp
  }

  private func sampled(
    _ series: [SeriesID], _ dirty: [ServerID: Set<Int64>], _ range: ClosedRange<Int64>
  ) async -> Result<[SeriesID: [HistoryPoint]], DiagnosticError> {
    do { return .success(try await samples(series, dirty, range)) } catch { return .failure(error) }
  }

  /// The samples of hours that have yet to be rolled up.
  private func samples(
    _ series: [SeriesID], _ dirty: [ServerID: Set<Int64>], _ range: ClosedRange<Int64>
  ) async throws(DiagnosticError) -> [SeriesID: [HistoryPoint]] {
    let wanted = Set(series)
    var columns: [SeriesID: [HistoryPoint]] = [:]
    for day in rawDays where HistoryDay.clamped(range).contains(day) {
      let ofDay = dirty.mapValues { $0.filter { HistoryDay(ofHour: $0) == day } }
        .filter { !$0.value.isEmpty }
      guard let first = ofDay.values.compactMap({ $0.min() }).min() else { continue }
      let from = max(range.lowerBound, first &* RollUpTier.hour.nanoseconds)
      guard from <= range.upperBound else { continue }
      let path = path(.raw(day))
      let found = try await readable(.raw(day)) { db in
        try RawDay.columns(wanted, ofDay, from...range.upperBound, db, path: path)
      }
      for (id, points) in found ?? [:] { columns[id, default: []] += points }
    }
    return columns
  }

  private func hours(
    _ series: [SeriesID], _ day: HistoryDay, _ range: ClosedRange<Int64>,
    _ dirty: [ServerID: Set<Int64>], in file: HistoryFile
  ) async throws(DiagnosticError) -> [Found] {
    let hour = RollUpTier.hour
    let hours = day.hours.clamped(
      to: hour.bucket(of: range.lowerBound)...hour.bucket(of: range.upperBound))
    let pages = Dictionary(grouping: series) { $0 >> Self.pageBits }.mapValues(Set.init)
      .sorted { $0.key < $1.key }
    let path = path(file)
    return try await readable(file) { db in
      let servers = try RollUpRows.servers(db)
      let select = try db.cachedStatement(
        sql: "SELECT server, bytes FROM hours WHERE hour = ? AND page = ?")
      var found: [Found] = []
      for hour in hours {
        for (page, wanted) in pages {
          let rows = try Row.fetchCursor(select, arguments: [hour, Int64(page)])
          while let row = try rows.next() {
            let server = servers[row[0]] ?? ""
            if let id = ServerID(server), dirty[id]?.contains(hour) == true { continue }
            for (id, rollUp) in try RollUpRows.decode(row, path, where: wanted.contains) {
              found.append(Found(series: id, server: server, day: day, rollUp: rollUp))
            }
          }
        }
      }
      return found
    } ?? []
  }

  private func wholeDays(
    _ series: [SeriesID], _ range: ClosedRange<Int64>, _ month: String, in file: HistoryFile
  ) async throws(DiagnosticError) -> [Found] {
    guard let first = HistoryDay("\(month)-01"), let after = HistoryDay.after(month: month) else {
      return []
    }
    let days = HistoryDay.clamped(range)
    let from = max(first, days.lowerBound)
    let through = min(HistoryDay(number: after.number - 1), days.upperBound)
    guard from <= through else { return [] }
    let path = path(file)
    return try await readable(file) { db in
      let servers = try RollUpRows.servers(db)
      let select = try db.cachedStatement(
        sql: "SELECT server, bytes FROM days WHERE day = ? AND series = ?")
      var found: [Found] = []
      for number in from.number...through.number {
        for id in series {
          let rows = try Row.fetchCursor(select, arguments: [number, Int64(id)])
          while let row = try rows.next() {
            for (id, rollUp) in try RollUpRows.decode(row, path, where: { _ in true }) {
              found.append(
                Found(
                  series: id, server: servers[row[0]] ?? "", day: HistoryDay(number: number),
                  rollUp: rollUp))
            }
          }
        }
      }
      return found
    } ?? []
  }
}

extension RawDay {
  /// The samples of some series within the hours of each server.
  static func columns(
    _ wanted: Set<SeriesID>, _ hours: [ServerID: Set<Int64>], _ range: ClosedRange<Int64>,
    _ db: Database, path: String
  ) throws -> [SeriesID: [HistoryPoint]] {
    var columns: [SeriesID: [HistoryPoint]] = [:]
    let select = try db.cachedStatement(sql: "SELECT bytes FROM blocks WHERE id = ?")
    for (server, hours) in hours {
      guard let first = hours.min(), let last = hours.max() else { continue }
      let span = RollUpTier.hour.nanoseconds
      let from = max(range.lowerBound, first &* span)
      let through = min(range.upperBound, (last &+ 1) &* span &- 1)
      guard from <= through else { continue }
      for id in try ids(from...through, [server], db) {
        let rows = try Row.fetchCursor(select, arguments: [id])
        guard let row = try rows.next() else { continue }
        let found: [SeriesID: [HistoryPoint]]
        do {
          found = try row.withUnsafeData(atIndex: 0) { data throws -> [SeriesID: [HistoryPoint]] in
            try (data ?? Data()).withUnsafeBytes { bytes in
              try BlockCodec.columns(
                for: wanted, in: bytes.bindMemory(to: UInt8.self).span, range: from...through)
            }
          }
        } catch {
          throw StoreFailure.corrupt(path, "\(error)")
        }
        for (id, points) in found {
          columns[id, default: []] += points.filter {
            hours.contains(RollUpTier.hour.bucket(of: $0.nanoseconds))
          }
        }
      }
    }
    return columns
  }
}

extension RollUpRows {
  static func servers(_ db: Database) throws -> [Int64: String] {
    try Row.fetchAll(db, sql: "SELECT id, server FROM servers").reduce(into: [:]) {
      $0[$1["id"]] = $1["server"]
    }
  }

  /// Of a row whose second column are the bytes.
  static func decode(
    _ row: Row, _ path: String, where wanted: (SeriesID) -> Bool
  ) throws -> [(SeriesID, RollUp)] {
    do {
      return try row.withUnsafeData(atIndex: 1) { data throws -> [(SeriesID, RollUp)] in
        try (data ?? Data()).withUnsafeBytes { bytes in
          try RollUpCodec.decode(bytes.bindMemory(to: UInt8.self).span, where: wanted)
        }
      }
    } catch {
      throw StoreFailure.corrupt(path, "\(error)")
    }
  }
}
