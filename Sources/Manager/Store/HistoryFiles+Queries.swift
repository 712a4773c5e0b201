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
    // An hour whose samples are removed once it is rolled up might be in none of the reads. That is so
    // rare that a third try is the last.
    for _ in 0..<2 {
      let before = rawDays
      let found = try await read(series, servers: servers, range, tier: tier)
      if rawDays == before { return found }
    }
    return try await read(series, servers: servers, range, tier: tier)
  }

  private func read(
    _ series: [SeriesID], servers: Set<ServerID>?, _ range: ClosedRange<Int64>, tier: RollUpTier
  ) async throws(DiagnosticError) -> HistoryMaterial {
    // Read once: what becomes dirty from now on was in memory before, and is known from there.
    let dirty = self.dirty.filter { servers?.contains($0.key) ?? true }
    do { try step("dirty hours are known") } catch {
      throw StoreFailure.diagnose(error, path: folder)
    }
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
    // What comes late for a day that is gone is not all there is of its hour.
    let dirty = withoutKept(dirty)
    // Of series and servers that still have hours of a day, these count.
    var known: Set<LooseDay> = []
    // The hours first: when they are gone, the day was put together before, in the wider tiers too. A
    // day that is taken apart keeps its wider buckets. What is of one file is read at one moment.
    for file in files.sorted(by: { $0.end < $1.end }) {
      guard case .rollUps(.minute, _) = file, file.begin <= range.upperBound,
        range.lowerBound < file.end
      else { continue }
      let days = tier == .minute ? days(of: file, in: range) : nil
      // Before the read: what is wrong with this file says nothing of one in its place.
      let turn = turn(of: file)
      let (hours, whole) = try await minutes(series, range, dirty, days, in: file, turn)
      let loose = await decoded(hours, in: file, turn)
      for item in loose {
        known.insert(LooseDay(series: item.series, server: item.server, day: item.day))
      }
      // Days are mostly older than hours: so they are in order.
      for item in await decoded(whole, in: file, turn)
      where !known.contains(LooseDay(series: item.series, server: item.server, day: item.day)) {
        rollUps[item.series, default: []].append(item.rollUp)
      }
      for item in loose { rollUps[item.series, default: []].append(item.rollUp) }
    }
    for file in files where tier != .minute {
      guard case .rollUps(tier, _) = file, let days = days(of: file, in: range) else { continue }
      let turn = turn(of: file)
      let found = try await readable(file) { db in try RollUpRows.days(series, days, db) }
      for item in await decoded(found ?? [], in: file, turn)
      where !known.contains(LooseDay(series: item.series, server: item.server, day: item.day)) {
        rollUps[item.series, default: []].append(item.rollUp)
      }
    }
    return rollUps
  }

  /// The days of a file that a range touches.
  private func days(
    of file: HistoryFile, in range: ClosedRange<Int64>
  ) -> ClosedRange<HistoryDay>? {
    let from = max(range.lowerBound, file.begin)
    let through = min(range.upperBound, file.end - 1)
    return from <= through ? HistoryDay.clamped(from...through) : nil
  }

  /// The hours that are not yet put together, and the days that are, of one moment. What is damaged of
  /// them is noted, and costs no more than itself.
  private func minutes(
    _ series: [SeriesID], _ range: ClosedRange<Int64>, _ dirty: [ServerID: Set<Int64>],
    _ days: ClosedRange<HistoryDay>?, in file: HistoryFile, _ turn: Int
  ) async throws(DiagnosticError) -> (hours: [RollUpRows.Stored], days: [RollUpRows.Stored]) {
    let path = path(file)
    let found = try await readable(file) { db in
      let damage: @Sendable (any Error) -> Void = {
        self.noteDamage(file, StoreFailure.diagnose($0, path: path), turn: turn)
      }
      let hours = try RollUpRows.hours(series, range, dirty, db, damage)
      do {
        return (hours, try days.map { try RollUpRows.days(series, $0, db) } ?? [])
      } catch  where Self.isUnreadable(error) {
        damage(error)
        return (hours, [])
      }
    }
    return found ?? ([], [])
  }

  /// On two cores, beside the database, which gives one row at a time.
  private func decoded(
    _ rows: [RollUpRows.Stored], in file: HistoryFile, _ turn: Int
  ) async -> [RollUpRows.Found] {
    let middle = rows.count / 2
    async let others = decoded(rows[middle...], in: file, turn)
    return decoded(rows[..<middle], in: file, turn) + (await others)
  }

  private func decoded(
    _ rows: ArraySlice<RollUpRows.Stored>, in file: HistoryFile, _ turn: Int
  ) -> [RollUpRows.Found] {
    rows.flatMap { row in
      do throws(BlockError) {
        return try row.decode()
      } catch {
        noteDamage(file, StoreFailure.unreadable(path(file), error), turn: turn)
        return []
      }
    }
  }

  private struct LooseDay: Hashable {
    var series: SeriesID
    var server: String
    var day: HistoryDay
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
    var columns: [SeriesID: [HistoryPoint]] = [:]
    let remembered = samplesRead.recall(series)
    var touched: [RawDay.BlockKey: RawDay.Samples] = [:]
    for day in rawDays where HistoryDay.clamped(range).contains(day) {
      let ofDay = dirty.mapValues { $0.filter { HistoryDay(ofHour: $0) == day } }
        .filter { !$0.value.isEmpty }
      guard !ofDay.isEmpty else { continue }
      let path = path(.raw(day))
      let found = try await readable(.raw(day)) { db in
        try RawDay.samples(series, ofDay, range, day, db, remembered, path: path)
      }
      for (server, key, samples) in found ?? [] {
        touched[key] = samples
        for (id, points) in samples {
          columns[id, default: []] += points.lazy.filter {
            range.contains($0.nanoseconds)
              && ofDay[server]?.contains(RollUpTier.hour.bucket(of: $0.nanoseconds)) == true
          }
        }
      }
    }
    samplesRead.keep(touched, of: series)
    return columns
  }
}
