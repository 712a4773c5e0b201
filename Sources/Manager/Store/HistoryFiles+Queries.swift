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
    let question = RollUpRows.Question(series: series, tier: tier)
    // What comes late for a day that is gone is not all there is of its hour.
    let hours = RollUpRows.Hours(range, without: withoutKept(dirty))
    let remembered = rollUpsRead.recall(question)
    var touched: [RollUpRows.Place: RollUpRows.Day] = [:]
    var rollUps: [SeriesID: [RollUp]] = [:]
    // Of series and servers that still have hours of a day, these count.
    var known: Set<LooseDay> = []
    // The hours first: when they are gone, the day was put together before, in the wider tiers too. A
    // day that is taken apart keeps its wider buckets.
    let minutes = files.filter { $0.tier == .minute }.sorted { $0.end < $1.end }
    for file in minutes + (tier == .minute ? [] : files.filter { $0.tier == tier }) {
      for day in try await self.days(question, range, hours, in: file, remembered, &touched) {
        let loose = day.loose.filter(hours.counts)
        if tier != .minute || !day.whole.isEmpty { known.formUnion(loose.map(LooseDay.init)) }
        for item in day.whole where !known.contains(LooseDay(item)) {
          rollUps[item.series, default: []].append(item.rollUp)
        }
        for item in loose { rollUps[item.series, default: []].append(item.rollUp) }
      }
    }
    rollUpsRead.keep(touched, of: question)
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

  /// What a file has of each day, of one moment: remembered as long as nothing was written to it. What is
  /// damaged of it is noted, and costs no more than itself.
  private func days(
    _ question: RollUpRows.Question, _ range: ClosedRange<Int64>, _ hours: RollUpRows.Hours,
    in file: HistoryFile, _ remembered: [RollUpRows.Place: RollUpRows.Day],
    _ touched: inout [RollUpRows.Place: RollUpRows.Day]
  ) async throws(DiagnosticError) -> [RollUpRows.Day] {
    guard let days = days(of: file, in: range) else { return [] }
    // Before the read, and in this order: what is written meanwhile is not known to be in it, and what is
    // wrong with this file says nothing of one in its place.
    let changes = changes(of: file)
    let turn = turn(of: file)
    let isRemembered = !isDamaged(file)
    var found: [RollUpRows.Day] = []
    var missing: [RollUpRows.Day] = []
    for number in days.lowerBound.number...days.upperBound.number {
      var day = RollUpRows.Day(
        HistoryDay(number: number), hours.of(HistoryDay(number: number)), changes.state)
      if isRemembered, let known = remembered[RollUpRows.Place(file: file, day: day.day)],
        let kept = known.kept(for: day, changes)
      {
        day = kept
      }
      if day.isRead { found.append(day) } else { missing.append(day) }
    }
    if !missing.isEmpty { try await read(&missing, question, hours, in: file, turn) }
    found += missing
    if !isDamaged(file) {
      for day in found where day.isRead {
        touched[RollUpRows.Place(file: file, day: day.day)] = day
      }
    }
    return found.sorted { $0.day < $1.day }
  }

  private func read(
    _ days: inout [RollUpRows.Day], _ question: RollUpRows.Question, _ hours: RollUpRows.Hours,
    in file: HistoryFile, _ turn: Int
  ) async throws(DiagnosticError) {
    let path = path(file)
    let rows = try await readable(file) { [days] db in
      try RollUpRows.stored(question, days, hours, in: file, db) {
        self.noteDamage(file, StoreFailure.diagnose($0, path: path), turn: turn)
      }
    }
    guard let rows else { return }
    let found = await decoded(rows.stored, in: file, turn)
    var next = 0
    for place in days.indices {
      let begin = next
      while next < found.count, found[next].day == days[place].day { next += 1 }
      days[place].fill(found[begin..<next], without: rows.leftOut[days[place].day] ?? [])
    }
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

    init(_ found: RollUpRows.Found) {
      (series, server, day) = (found.series, found.server, found.day)
    }
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
        let hours = ofDay[server] ?? []
        // Mostly all of a block counts.
        let isWhole =
          key.from <= key.through && range.contains(key.from) && range.contains(key.through)
          && (RollUpTier.hour.bucket(of: key.from)...RollUpTier.hour.bucket(of: key.through))
            .allSatisfy(hours.contains)
        for (id, points) in samples {
          guard !isWhole else {
            columns[id, default: []] += points
            continue
          }
          columns[id, default: []] += points.lazy.filter {
            range.contains($0.nanoseconds)
              && hours.contains(RollUpTier.hour.bucket(of: $0.nanoseconds))
          }
        }
      }
    }
    samplesRead.keep(touched, of: series)
    return columns
  }
}
