import Foundation
import GRDB
import ManagerCore
import Protocol
import Synchronization

/// What the store has of some series in a time.
struct HistoryMaterial: Sendable {
  var columns: [SeriesID: [HistoryPoint]] = [:]
  var rollUps: [SeriesID: [RollUp]] = [:]
}

/// Reading of roll-ups, and of the samples that are not yet in them.
extension HistoryFiles {
  /// - Parameters:
  ///   - servers: whose series they are; `nil` stands for any.
  ///   - held: hours of which more is known than what is here: their samples are read.
  func material(
    _ series: [SeriesID], servers: Set<ServerID>?, _ range: ClosedRange<Int64>, tier: RollUpTier,
    held: [ServerID: Set<Int64>] = [:]
  ) async throws(DiagnosticError) -> HistoryMaterial {
    // An hour whose samples are removed once it is rolled up might be in none of the reads, nor the hours
    // of a day that is put together meanwhile. That is so rare that a third try is the last.
    var tries = 0
    while true {
      // Read once: what becomes dirty from now on was in memory before, and is known from there.
      let sources = sources(servers: servers, held: held)
      let before = rawDays
      let found = try await read(series, sources, range, tier: tier)
      tries += 1
      if tries == 3 || rawDays == before && areThere(sources) { return found }
    }
  }

  /// What is read from samples, and of which days what is put together does not count: it is not all, and
  /// there is no telling one hour of it from another.
  private struct Sources {
    var dirty: [ServerID: Set<Int64>]
    /// Their other hours are read as such.
    var loose: [HistoryDay: Set<ServerID>] = [:]
    /// Their samples are all read.
    var whole: [HistoryDay: Set<ServerID>] = [:]
  }

  private func sources(servers: Set<ServerID>?, held: [ServerID: Set<Int64>]) -> Sources {
    state.withLock { state in
      var sources = Sources(
        dirty: state.dirty.merging(held) { $0.union($1) }.filter {
          servers?.contains($0.key) ?? true
        })
      for (server, hours) in sources.dirty {
        // Of a day that is gone what is put together may be all there is.
        for day in Set(hours.map(HistoryDay.init(ofHour:))) where state.gone[day] == nil {
          if state.isLoose(server, day) {
            sources.loose[day, default: []].insert(server)
          } else {
            sources.whole[day, default: []].insert(server)
            sources.dirty[server]?.formUnion(day.hours)
          }
        }
      }
      return sources
    }
  }

  private func areThere(_ sources: Sources) -> Bool {
    state.withLock { state in
      sources.loose.allSatisfy { day, servers in
        servers.allSatisfy { state.isLoose($0, day) }
      }
    }
  }

  private func read(
    _ series: [SeriesID], _ sources: Sources, _ range: ClosedRange<Int64>, tier: RollUpTier
  ) async throws(DiagnosticError) -> HistoryMaterial {
    let dirty = sources.dirty
    do { try step("dirty hours are known") } catch {
      throw StoreFailure.diagnose(error, path: folder)
    }
    // Each takes about as long as the other.
    async let columns = sampled(series, dirty, range)
    var material = HistoryMaterial()
    material.rollUps = try await rolled(series, range, sources, tier)
    material.columns = try await columns.get()
    return material
  }

  private func rolled(
    _ series: [SeriesID], _ range: ClosedRange<Int64>, _ sources: Sources, _ tier: RollUpTier
  ) async throws(DiagnosticError) -> [SeriesID: [RollUp]] {
    let question = RollUpRows.Question(series: series, tier: tier)
    // What comes late for a day that is gone is not all there is of its hour.
    let hours = RollUpRows.Hours(range, without: withoutKept(sources.dirty))
    let replaced = sources.loose.merging(sources.whole) { $0.union($1) }.mapValues {
      Set($0.map(\.text))
    }
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
        let without = replaced[day.day] ?? []
        for item in day.whole
        where !known.contains(LooseDay(item)) && !without.contains(item.server) {
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
