import Foundation
import GRDB
import Glibc
import ManagerCore
import Platform
import Protocol
import Synchronization

/// A file of history that can not be read, or not all of it.
struct DamagedHistory: Hashable, Sendable {
  var file: HistoryFile
  /// What it is called in the folder now.
  var name: String
  var detail: String
  /// The last nanosecond that can be in it.
  var through: Int64
  /// It was renamed, and another file holds what comes from now on.
  var isSetAside: Bool
  /// Of a raw day: roll-ups have all of it.
  var isRolledUp = false

  /// What is in it, in words.
  private var content: String {
    switch file {
    case .raw(let day): "the samples of \(day.text)"
    case .rollUps(let tier, let month): "the roll-ups of \(tier.name) of \(month)"
    }
  }

  var finding: Diagnostic {
    let rest = isRolledUp ? "; its roll-ups are there" : ""
    return Diagnostic(
      .databaseCorrupt, .error, subject: "history/\(name)",
      reason:
        "it is damaged (\(detail)): \(isSetAside ? "" : "some of ")\(content) can not be read, "
        + "and answers about that time say so\(rest)",
      remedy: "Check the disk. The file is kept: with the manager stopped, move it out of history/"
        + " with its -wal and -shm. A backup of history/\(file.name) may take its place only where there "
        + "is no file of that name: what came since is in it.")
  }
}

/// One damaged file costs what is in it, never the rest. A file that can not be opened, or not be
/// written any more, is renamed, so that nothing is written over it; in one that is damaged
/// somewhere in its middle all else is still read.
extension HistoryFiles {
  /// The file's name with this, and a number from the second on.
  private static let ending = ".damaged"

  static func isDamage(_ error: any Error) -> Bool {
    if let known = error as? DiagnosticError {
      return known.diagnostic.code == DiagnosticCode.databaseCorrupt.rawValue
    }
    guard let failure = error as? DatabaseError else { return false }
    return [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(failure.resultCode)
  }

  private static func detail(_ error: any Error) -> String {
    let reason =
      (error as? DiagnosticError)?.diagnostic.reason ?? (error as? DatabaseError)?.message
      ?? "\(error)"
    let known = "the database is damaged: "
    return reason.hasPrefix(known) ? String(reason.dropFirst(known.count)) : reason
  }

  // MARK: What is known

  /// By name.
  var damaged: [DamagedHistory] {
    state.withLock { $0.damaged.values.sorted { $0.name < $1.name } }
  }

  /// Those that were not given out before.
  func takeNewDamage() -> [DamagedHistory] {
    state.withLock { state in
      let new = state.damaged.values.filter { !state.toldDamage.contains($0.name) }
      state.toldDamage.formUnion(new.map(\.name))
      return new.sorted { $0.name < $1.name }
    }
  }

  /// Whether this file, as it lies there, is known to be damaged.
  func isDamaged(_ file: HistoryFile) -> Bool {
    state.withLock { $0.damaged[file.name] != nil }
  }

  /// Minutes of the day were in a file that was set aside, and could not be made again.
  func hasLostRollUps(of day: HistoryDay) -> Bool {
    damaged.contains {
      $0.isSetAside && $0.file == .rollUps(.minute, month: day.month) && day.begin <= $0.through
    }
  }

  func wereSetAside(_ file: HistoryFile) -> Bool {
    damaged.contains { $0.isSetAside && $0.file == file }
  }

  /// A read of it failed. Nothing is done to it: the rest may be good.
  func noteDamage(_ file: HistoryFile, _ error: any Error) {
    state.withLock { state in
      guard state.damaged[file.name] == nil else { return }
      state.damaged[file.name] = DamagedHistory(
        file: file, name: file.name, detail: Self.detail(error), through: file.end - 1,
        isSetAside: false)
    }
  }

  /// The times within a range of which an answer from this tier may lack something.
  func unreadable(_ range: ClosedRange<Int64>, tier: RollUpTier?) -> [MetricAnswer.Gap] {
    damaged.compactMap { item in
      let counts =
        switch item.file {
        case .raw: tier == nil || !item.isRolledUp
        // The hours of days that are not yet put together are in the minutes.
        case .rollUps(let ofFile, _):
          tier == ofFile || (tier != nil && ofFile == .minute && !item.isSetAside)
        }
      let from = max(range.lowerBound, item.file.begin)
      let through = min(range.upperBound, item.through)
      guard counts, from <= through else { return nil }
      return MetricAnswer.Gap(
        fromNanoseconds: from, throughNanoseconds: through, file: "history/\(item.name)",
        reason: "it is damaged: \(item.detail)")
    }
  }

  // MARK: Setting aside

  /// Those of earlier starts.
  func findSetAside(_ names: [String]) {
    for name in names {
      guard let range = name.range(of: ".sqlite" + Self.ending),
        name[range.upperBound...].allSatisfy(\.isNumber),
        let file = HistoryFile(name: String(name[..<range.lowerBound]) + ".sqlite")
      else { continue }
      remember(file, as: name, detail: "an earlier start found it so")
    }
  }

  private func remember(_ file: HistoryFile, as name: String, detail: String) {
    var item = DamagedHistory(
      file: file, name: name, detail: detail, through: lastNanosecond(of: file, name: name),
      isSetAside: true)
    if case .raw(let day) = file { item.isRolledUp = isRolledUp(day) }
    if case .rollUps = file, let first = firstDay(in: file) {
      item.through = min(item.through, first.begin - 1)
    }
    state.withLock { $0.damaged[name] = item }
  }

  /// Nothing in a file is newer than its last change.
  private func lastNanosecond(of file: HistoryFile, name: String) -> Int64 {
    let changes = ["", "-wal"].compactMap { FileStatus(path: "\(folder)/\(name)\($0)")?.changed }
    return min(file.end - 1, changes.max() ?? .max)
  }

  /// Of what was made anew after the file was set aside.
  private func firstDay(in file: HistoryFile) -> HistoryDay? {
    let number = try? pool(file)?.read { db in
      let day = try Int64.fetchOne(db, sql: "SELECT min(day) FROM days")
      guard case .rollUps(.minute, _) = file else { return day }
      let hour = try Int64.fetchOne(db, sql: "SELECT min(hour) FROM hours")
      return [day, hour.map { HistoryDay(ofHour: $0).number }].compactMap { $0 }.min()
    }
    return number.flatMap { $0 }.map(HistoryDay.init(number:))
  }

  /// Whether the day is put together, and no server has hours of it left.
  private func isRolledUp(_ day: HistoryDay) -> Bool {
    let found = try? pool(.rollUps(.minute, month: day.month))?.read { db in
      try Bool.fetchOne(
        db,
        sql: """
          SELECT EXISTS (SELECT 1 FROM joined WHERE day = ?1)
            AND NOT EXISTS (SELECT 1 FROM hours WHERE hour BETWEEN ?2 AND ?3)
          """, arguments: [day.number, day.hours.lowerBound, day.hours.upperBound])
    }
    return found.flatMap { $0 } ?? false
  }

  /// Renames a damaged file with its log, after what must hold without it was written down: so a
  /// manager that is killed in between does all of it again. What was in it becomes a loss that is
  /// told.
  ///
  /// - Returns: whether it was; a file without a fault that lasts stays where it is.
  func setAside(_ file: HistoryFile, _ error: any Error) throws -> Bool {
    let pool = state.withLock { state -> DatabasePool? in
      state.closing.insert(file)
      guard let place = state.open.firstIndex(where: { $0.file == file }) else { return nil }
      return state.open[place].pool
    }
    defer { state.withLock { _ = $0.closing.remove(file) } }
    // Before it is renamed: a connection that ends later would remove the log of the next file.
    try pool?.close()
    state.withLock { $0.open.removeAll { $0.file == file } }
    guard try isDamagedForCertain(file) else { return false }
    try prepareWithout(file)
    let name = try rename(file)
    state.withLock { state in
      state.files.remove(file)
      state.damaged[file.name] = nil
      state.missing.insert(file)
      writeList(state)
    }
    remember(file, as: name, detail: Self.detail(error))
    // Roll-ups of days whose samples are there are made again.
    if case .rollUps(_, let month) = file, let first = readableDays(of: month).first {
      state.withLock { state in
        let known = state.damaged[name]?.through ?? .max
        state.damaged[name]?.through = min(known, first.begin - 1)
      }
    }
    return true
  }

  /// SQLite calls damaged also what a disk did not give back for a moment. So the disk has to give all
  /// of the file, and SQLite to find the same fault again. Nobody else has the file open.
  private func isDamagedForCertain(_ file: HistoryFile) throws -> Bool {
    for ending in ["", "-wal"] { try DurableFile.readThrough(path(file) + ending) }
    var configuration = Configuration()
    // A writer would put the log into the file when it ends.
    configuration.readonly = true
    do {
      let queue = try DatabaseQueue(path: path(file), configuration: configuration)
      return try queue.read { db in
        try String.fetchOne(db, sql: "PRAGMA quick_check(1)") != "ok"
      }
    } catch  where Self.isDamage(error) {
      return true
    }
  }

  /// Runs what changes the roll-ups of a day: `nil` when one of its files is damaged, which must not
  /// keep other days from theirs. Roll-ups that can not be written are set aside and begun anew.
  func unlessDamaged<Value>(
    _ day: HistoryDay, _ work: () async throws(DiagnosticError) -> Value
  ) async throws(DiagnosticError) -> Value? {
    guard !isDamaged(.raw(day)) else { return nil }
    do throws(DiagnosticError) {
      return try await work()
    } catch {
      guard Self.isDamage(error) else { throw error }
      let ofDay =
        [.raw(day)] + RollUpTier.allCases.map { HistoryFile.rollUps($0, month: day.month) }
      guard let file = ofDay.first(where: { path($0) == error.diagnostic.subject }) else {
        throw error
      }
      guard case .rollUps = file else {
        noteDamage(file, error)
        return nil
      }
      do {
        if try !setAside(file, error) { noteDamage(file, error) }
      } catch {
        throw StoreFailure.diagnose(error, path: path(file))
      }
      return nil
    }
  }

  private func rename(_ file: HistoryFile) throws -> String {
    var name = file.name + Self.ending
    var number = 2
    while FileManager.default.fileExists(atPath: "\(folder)/\(name)") {
      name = file.name + Self.ending + String(number)
      number += 1
    }
    // The log first: with it and without its file the next start finds one that is gone, and says so.
    for ending in ["-wal", "-shm", ""] {
      let from = path(file) + ending
      guard FileManager.default.fileExists(atPath: from) else { continue }
      guard Glibc.rename(from, "\(folder)/\(name)\(ending)") == 0 else {
        throw FileError(path: from, operation: "rename", errorNumber: errno)
      }
    }
    return name
  }

  private func readableDays(of month: String) -> [HistoryDay] {
    rawDays.filter { $0.month == month && !isDamaged(.raw($0)) }
  }

  /// A day without its raw blocks is gone: what comes late must not take the place of its roll-ups.
  /// Of roll-ups those are due again of which there are samples, and the others are gone.
  private func prepareWithout(_ file: HistoryFile) throws {
    switch file {
    case .raw(let day):
      try pool(.rollUps(.minute, month: day.month), creating: true)?.write { db in
        try db.execute(sql: "INSERT OR IGNORE INTO gone (day) VALUES (?)", arguments: [day.number])
      }
      state.withLock { state in
        for server in state.dirty.keys {
          state.dirty[server] = state.dirty[server]?.filter { HistoryDay(ofHour: $0) != day }
        }
      }
    case .rollUps(let tier, let month):
      for day in readableDays(of: month) {
        do { try soilAll(of: day) } catch  where Self.isDamage(error) {
          noteDamage(.raw(day), error)
        }
      }
      guard tier == .minute else { return }
      state.withLock { state in state.loose = state.loose.filter { $0.key.month != month } }
    }
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
        let (first, last): (Int64, Int64) = (row["first"], row["last"])
        guard let server = ServerID(row["server"] as String), first <= last else { continue }
        hours[server, default: []].formUnion(first...last)
      }
      try RawDay.soil(hours, stamp: stamp, db)
      self.soil(hours, newest: [:])
    }
  }
}
