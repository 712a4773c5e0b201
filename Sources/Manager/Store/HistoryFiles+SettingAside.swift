import Foundation
import GRDB
import Glibc
import ManagerCore
import Platform
import Protocol
import Synchronization

extension HistoryFile {
  /// A file's name with this, and a number from the second on.
  private static let ending = ".damaged"

  /// Of the name of one that was set aside.
  init?(setAside name: String) {
    guard let range = name.range(of: ".sqlite" + Self.ending),
      name[range.upperBound...].allSatisfy(\.isNumber)
    else { return nil }
    self.init(name: String(name[..<range.lowerBound]) + ".sqlite")
  }

  func nameSetAside(_ number: Int) -> String {
    name + Self.ending + (number > 1 ? String(number) : "")
  }
}

/// Renames a damaged file with its log, after what must hold without it was written down: so a
/// manager that is killed in between does all of it again. What was in it becomes a loss that is told.
extension HistoryFiles {
  /// Errors after which a file is looked at as a whole.
  static func isSuspicious(_ error: any Error) -> Bool {
    if StoreFailure.isDamage(error) { return true }
    let codes: [ResultCode] = [.SQLITE_IOERR_READ, .SQLITE_IOERR_SHORT_READ]
    return (error as? DatabaseError).map { codes.contains($0.extendedResultCode) } ?? false
  }

  /// Returns whether the file is not the damaged one any more; a file without a fault that lasts stays
  /// where it is.
  func setAside(_ file: HistoryFile, _ error: any Error) throws -> Bool {
    try asides.sync { try setAsideInTurn(file, error) }
  }

  /// The same for who must not hold up a thread: all of the file is read.
  func settingAside(_ file: HistoryFile, _ error: any Error) async throws -> Bool {
    try await inTurn { try self.setAsideInTurn(file, error) }
  }

  /// After whatever is being set aside.
  func inTurn<Value: Sendable>(
    _ work: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      asides.async { continuation.resume(with: Result(catching: work)) }
    }
  }

  /// Runs something with a file; once more when the file was set aside under it.
  func use<Value: Sendable>(
    _ file: HistoryFile, creating: Bool = false, _ work: (DatabasePool) async throws -> Value
  ) async throws -> Value? {
    do {
      guard let pool = try pool(file, creating: creating) else { return nil }
      return try await work(pool)
    } catch  where Self.isClosed(error) {
      try await inTurn {}
      guard let pool = try pool(file, creating: creating) else { return nil }
      return try await work(pool)
    }
  }

  private static func isClosed(_ error: any Error) -> Bool {
    (error as? DatabaseError)?.resultCode == .SQLITE_MISUSE || error is BeingSetAside
  }

  private func setAsideInTurn(_ file: HistoryFile, _ error: any Error) throws -> Bool {
    // Another error of it was first.
    guard files.contains(file) else { return true }
    // Whatever else is wrong with it, its own manager may read it.
    if let newer = newerVersion(of: file) { throw newer }
    guard let name = try renameIfDamaged(file) else { return false }
    if case .rollUps(.minute, let month) = file { beginAnew(month) }
    remember(file, as: name, detail: StoreFailure.detail(error))
    return true
  }

  /// Gives the new name; `nil` when there is no fault that lasts.
  private func renameIfDamaged(_ file: HistoryFile) throws -> String? {
    let pool = state.withLock { state -> DatabasePool? in
      state.closing.insert(file)
      return state.open.first { $0.file == file }?.pool
    }
    defer { state.withLock { _ = $0.closing.remove(file) } }
    // Before it is renamed: a connection that ends later would remove the log of the next file.
    try pool?.close()
    state.withLock { $0.open.removeAll { $0.file == file } }
    guard try isDamagedForCertain(file) else { return nil }
    try prepareWithout(file)
    let name = freeName(file)
    let loss = LostHistory(
      file, keptAs: name, inode: FileStatus(path: path(file))?.inode ?? 0)
    state.withLock { state in
      state.missing.insert(loss)
      writeList(state)
    }
    do {
      try rename(file, to: name)
    } catch {
      told([loss])
      throw error
    }
    state.withLock { state in
      state.files.remove(file)
      state.marks[file] = nil
      state.damaged[file.name] = nil
      state.noteReplaced(file)
      forget(file, &state)
      writeList(state)
    }
    return name
  }

  /// What was to be done with what was in it.
  func forget(_ file: HistoryFile, _ state: inout State) {
    switch file {
    case .raw(let day):
      for server in state.dirty.keys {
        state.dirty[server] = state.dirty[server]?.filter { HistoryDay(ofHour: $0) != day }
      }
    case .rollUps(.minute, let month):
      state.loose = state.loose.filter { $0.key.month != month }
      state.joining = state.joining.filter { $0.key.month != month }
    case .rollUps: break
    }
  }

  /// SQLite calls damaged also what a disk did not give back for a moment. So the disk has to give all
  /// of the file, and SQLite to find the same fault again. Nobody else has the file open.
  private func isDamagedForCertain(_ file: HistoryFile) throws -> Bool {
    guard try isGiven(file) else { return true }
    return try StoreFailure.isDamagedForCertain(path(file))
  }

  /// Whether the disk gives all of a file. That it does not is thrown, until that has lasted.
  private func isGiven(_ file: HistoryFile) throws -> Bool {
    do {
      try step("read through")
      for ending in ["", "-wal"] { try DurableFile.readThrough(path(file) + ending) }
      state.withLock { _ = $0.unreadSince.removeValue(forKey: file) }
      return true
    } catch let error as FileError where error.errorNumber == EIO {
      let now = Clock.monotonic()
      let hasLasted = state.withLock { state in
        guard let since = state.unreadSince[file] else {
          state.unreadSince[file] = now
          return false
        }
        return now - since >= state.patience
      }
      guard hasLasted else { throw error }
      state.withLock { _ = $0.unreadSince.removeValue(forKey: file) }
      return false
    }
  }

  private func freeName(_ file: HistoryFile) -> String {
    var number = 1
    // Also not beside a log of which somebody took the file away.
    while ["", "-wal", "-shm"].contains(where: {
      FileStatus(path: "\(folder)/\(file.nameSetAside(number))\($0)") != nil
    }) {
      number += 1
    }
    return file.nameSetAside(number)
  }

  /// The log first: a file that lost its log would pass for a whole one. What is renamed already stays
  /// so; what failed half-way is undone.
  func rename(_ file: HistoryFile, to name: String) throws {
    var done: [String] = []
    for ending in ["-wal", "-shm", ""] {
      let from = path(file) + ending
      let target = "\(folder)/\(name)\(ending)"
      do {
        try step("rename \(ending)")
        guard FileStatus(path: from) != nil, FileStatus(path: target) == nil else { continue }
        try DurableFile.rename(from, to: target)
        done.append(ending)
      } catch {
        for ending in done {
          try? DurableFile.rename("\(folder)/\(name)\(ending)", to: path(file) + ending)
        }
        throw error
      }
    }
    try? DurableFile.syncFolder(of: path(file))
  }

  // MARK: What is known of it

  /// Those of earlier starts.
  func findSetAside(_ names: [String]) {
    for name in names {
      guard let file = HistoryFile(setAside: name) else { continue }
      if case .rollUps(let tier, let month) = file {
        try? noteGone(daysWithoutSamples(of: month, through: lastNanosecond(of: file, name)))
        if tier == .minute, !files.contains(file) { beginAnew(month) }
      }
      remember(file, as: name, detail: "an earlier start found it so")
    }
  }

  /// What was in it was told when it was set aside.
  func removeSetAside(_ name: String) throws(DiagnosticError) {
    for ending in ["-wal", "-shm", ""] {
      let path = "\(folder)/\(name)\(ending)"
      do throws(FileError) {
        try DurableFile.remove(path)
      } catch {
        guard !error.isMissing else { continue }
        throw DiagnosticError(
          .stateDirectoryUnusable, subject: path, reason: "it can not be removed: \(error)")
      }
    }
    state.withLock { _ = $0.damaged.removeValue(forKey: name) }
  }

  private func remember(_ file: HistoryFile, as name: String, detail: String) {
    let last = lastNanosecond(of: file, name)
    var item = DamagedHistory(
      file: file, name: name, detail: detail, through: last, isSetAside: true)
    item.bytes = bytes(ofName: name)
    switch file {
    case .raw(let day):
      let servers = rolledUp(day)
      item.rolledUp = servers.joined
      item.isRolledUp = !servers.joined.isEmpty && servers.joined.isSuperset(of: servers.all)
    case .rollUps(_, let month):
      // The others are made again of their samples.
      let lost = days(of: month).last {
        $0.begin <= last && isGone($0) && !hasRollUps(of: $0, file)
      }
      item.through = min(last, (lost?.end ?? file.begin) - 1)
    }
    state.withLock { [item] state in
      state.damaged[name] = item
      state.toldDamage.remove(name)
    }
  }

  /// Nothing in a file is newer than its last change.
  func lastNanosecond(of file: HistoryFile, _ name: String) -> Int64 {
    let changes = ["", "-wal"].compactMap { FileStatus(path: "\(folder)/\(name)\($0)")?.changed }
    return min(file.end - 1, changes.max() ?? .max)
  }

  /// Whether what was made anew has something of a day.
  private func hasRollUps(of day: HistoryDay, _ file: HistoryFile) -> Bool {
    let found = try? pool(file)?.read { db in
      let isThere = try Bool.fetchOne(
        db, sql: "SELECT EXISTS (SELECT 1 FROM days WHERE day = ?)", arguments: [day.number])
      guard isThere != true, case .rollUps(.minute, _) = file else { return isThere }
      return try Bool.fetchOne(
        db, sql: "SELECT EXISTS (SELECT 1 FROM hours WHERE hour BETWEEN ? AND ?)",
        arguments: [day.hours.lowerBound, day.hours.upperBound])
    }
    return found.flatMap { $0 } ?? false
  }

  /// The servers whose day was put together before its samples were lost, and all of which there is
  /// something in that month.
  private func rolledUp(_ day: HistoryDay) -> (joined: Set<ServerID>, all: Set<ServerID>) {
    let found = try? pool(.rollUps(.minute, month: day.month))?.read { db in
      (
        try String.fetchAll(
          db,
          sql: """
            SELECT server FROM servers WHERE id IN (SELECT server FROM joined WHERE day = ?1)
              AND id NOT IN (SELECT server FROM hours WHERE hour BETWEEN ?2 AND ?3)
            """, arguments: [day.number, day.hours.lowerBound, day.hours.upperBound]),
        try String.fetchAll(db, sql: "SELECT server FROM servers")
      )
    }
    guard let (joined, all) = found.flatMap({ $0 }) else { return ([], []) }
    // Of some there were hours that had yet to be rolled up, or put together.
    let partial = state.withLock { Set(($0.gone[day] ?? [:]).keys) }
    return (
      Set(joined.compactMap { ServerID($0) }).subtracting(partial),
      Set(all.compactMap { ServerID($0) }).union(partial)
    )
  }
}

/// The file can be opened again in a moment.
struct BeingSetAside: Error, CustomStringConvertible {
  var path: String
  var description: String { "\(path) is damaged and is being set aside" }
}
