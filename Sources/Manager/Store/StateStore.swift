import Foundation
import GRDB
import Platform
import Protocol
import Synchronization

/// The manager's durable state: one SQLite file (WAL, `synchronous=FULL`, foreign keys), one
/// writer, many readers. A method that returns has its change on disk.
package final class StateStore: Sendable {
  package let path: String
  let pool: DatabasePool
  /// The database's file, and its log's.
  private let inode: UInt64?
  let log: UInt64?
  private let damageFound = Mutex<Damage?>(nil)
  /// Held as long as the store lives, so that no second manager opens the same file.
  private let directory: StateDirectory
  /// Samples and their roll-ups.
  package let history: HistoryFiles
  package let seriesMark: SeriesMark

  /// Opens or makes `state.sqlite` in the directory and brings its schema up to date. A database
  /// that is newer, damaged, not ours, locked or unwritable is refused in one sentence.
  package convenience init(
    directory: StateDirectory, clock: @escaping @Sendable () -> Int64 = Clock.wall
  ) throws(DiagnosticError) {
    // A backup tool may hold the file for a moment; more than two seconds is somebody else's lock.
    try self.init(
      directory: directory, steps: StateMigrations.all, patienceSeconds: 2, clock: clock)
  }

  init(
    directory: StateDirectory, steps: [StateMigration], patienceSeconds: Double,
    clock: @escaping @Sendable () -> Int64 = Clock.wall,
    step: @escaping @Sendable (String) throws -> Void = { _ in }
  ) throws(DiagnosticError) {
    self.directory = directory
    path = directory.path + "/state.sqlite"
    let file = try Self.historyFile(in: directory.path)
    let size = FileStatus(path: path)?.size
    if let file, size ?? 0 == 0 {
      throw Self.isHistoryAlone(
        directory.path, path, "it is \(size == nil ? "not there" : "empty")", file)
    }
    let hasSeries: Bool
    do {
      try StoreFailure.checkFiles(path)
      pool = try Self.open(path, steps, patienceSeconds)
      hasSeries = try pool.read { db in
        guard try db.tableExists("series") else { return true }
        return try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM series)") ?? false
      }
    } catch {
      throw StoreFailure.diagnose(error, path: path)
    }
    inode = FileStatus(path: path)?.inode
    log = FileStatus(path: path + "-wal")?.inode
    // Its log is gone, or what lay there was no more than the begin of it. A series is stored before any
    // sample of it, and kept for ever.
    if let file, !hasSeries {
      throw Self.isHistoryAlone(directory.path, path, "it knows of no series", file)
    }
    seriesMark = SeriesMark(path: directory.path + "/history.series")
    history = try HistoryFiles(
      folder: directory.path + "/history", series: seriesMark, clock: clock, step: step)
  }

  /// A manager whose database is gone would begin anew and refuse all its agents, and history would
  /// have no meaning any more. The database is made before any file of history is.
  private static func isHistoryAlone(
    _ folder: String, _ path: String, _ finding: String, _ file: String
  ) -> DiagnosticError {
    // The newest of them.
    let names = ["state.sqlite.rescued"] + (2...9).map { "state.sqlite.rescued\($0)" }
    let copy = names.last { FileStatus(path: "\(folder)/\($0)") != nil }
    return DiagnosticError(
      .stateDirectoryUnusable, subject: path,
      reason: "\(finding), but history of it is there (history/\(file))",
      remedy: (copy.map {
        "The manager kept all of it as \($0): rename that to state.sqlite. Else: "
      }
        ?? "")
        + "Restore state.sqlite from a backup; or move everything in \(folder) away to begin anew,"
        + " and enrol all agents again.")
  }

  private static func historyFile(in folder: String) throws(DiagnosticError) -> String? {
    do throws(FileError) {
      return try DurableFile.names(in: folder + "/history").filter { HistoryFile(name: $0) != nil }
        .min()
    } catch {
      if error.isMissing { return nil }
      throw DiagnosticError(.stateDirectoryUnusable, subject: folder, reason: "\(error)")
    }
  }

  /// Ends all connections; later calls fail. What the log holds is moved into the database first,
  /// so that after a clean stop the one file is a whole backup.
  package func close() throws(DiagnosticError) {
    history.close()
    do {
      // A reader that is still busy keeps the log alive; the next start reads it.
      _ = try? pool.writeWithoutTransaction { db in try db.moveLog() }
      try pool.close()
    } catch {
      throw StoreFailure.diagnose(error, path: path)
    }
  }

  /// One transaction that changes state. All of it happens or nothing.
  package func write<Value: Sendable>(
    _ change: @escaping @Sendable (Database) throws -> Value
  ) async throws(DiagnosticError) -> Value {
    if let gone = noticeGone() { throw DiagnosticError(gone) }
    do {
      return try await pool.write(change)
    } catch {
      throw noted(error)
    }
  }

  /// Whether the database was removed, or another put in its place, while it is open: what would be written
  /// from then on would be in no file that anybody finds. Nothing is, and so a copy of it is whole.
  func noticeGone() -> Diagnostic? {
    // It stays so, whatever is put there: what came since is nowhere.
    if let known = damageFound.withLock({ $0?.kind == .gone ? $0?.finding : nil }) { return known }
    guard FileStatus.isMissing(path) || FileStatus(path: path).map({ $0.inode != inode }) == true
    else { return nil }
    let copies = [path + ".rescued"] + (2...9).map { "\(path).rescued\($0)" }
    let copy = copies.first { FileStatus(path: $0) == nil } ?? copies[0]
    var found = Diagnostic(
      .stateDirectoryUnusable, subject: path,
      reason:
        "it was removed or replaced while the manager runs: nothing is stored, and nothing can be changed, until a start",
      remedy: "Stop the manager, restore state.sqlite from a backup, and start it again.")
    let isFirst = damageFound.withLock { [found] known in
      guard known?.kind != .gone else { return false }
      known = Damage(kind: .gone, finding: found)
      return true
    }
    guard isFirst else { return damage }
    if rescue(to: copy) {
      found.remedy =
        "All of it is kept as \(copy): stop the manager, move what there is of state.sqlite, state.sqlite-wal"
        + " and state.sqlite-shm away, rename the copy to state.sqlite, and start the manager again."
      damageFound.withLock { [found] in $0 = Damage(kind: .gone, finding: found) }
    }
    return found
  }

  /// - Returns: whether a whole copy is there.
  private func rescue(to copy: String) -> Bool {
    guard FileStatus(path: copy) == nil else { return false }
    do {
      let database = try DatabaseQueue(path: copy)
      try pool.backup(to: database)
      try database.close()
      return true
    } catch {
      unlink(copy)
      return false
    }
  }

  /// One consistent view of the state.
  package func read<Value: Sendable>(
    _ query: @escaping @Sendable (Database) throws -> Value
  ) async throws(DiagnosticError) -> Value {
    do {
      return try await pool.read(query)
    } catch {
      throw noted(error)
    }
  }

  /// The first thing that was found damaged in the database while it was open: it stands until a start with
  /// another one, also when what else was asked for could be read.
  package var damage: Diagnostic? { damageFound.withLock { $0?.finding } }

  private struct Damage {
    enum Kind { case unreadable, gone }
    var kind: Kind
    var finding: Diagnostic
  }

  private func noted(_ error: any Error) -> DiagnosticError {
    let failure = StoreFailure.diagnose(error, path: path)
    let code = failure.diagnostic.code
    if code == DiagnosticCode.databaseCorrupt.rawValue, failure.diagnostic.subject == path {
      damageFound.withLock { $0 = $0 ?? Damage(kind: .unreadable, finding: failure.diagnostic) }
    }
    return failure
  }

  private static func open(
    _ path: String, _ steps: [StateMigration], _ patienceSeconds: Double
  ) throws -> DatabasePool {
    var configuration = Configuration()
    configuration.foreignKeysEnabled = true
    configuration.busyMode = .timeout(patienceSeconds)
    // Readers serve the API; a handful saturates the disk of a small host.
    configuration.maximumReaderCount = 4
    configuration.prepareDatabase { db in
      // History's blobs fill pages of 16 KiB best; it takes effect in a new file only.
      if !db.configuration.readonly { try db.execute(sql: "PRAGMA page_size = 16384") }
      try boundCache(db)
    }
    let pool = try DatabasePool(path: path, configuration: configuration)
    // GRDB chooses NORMAL with WAL, which may lose acknowledged transactions at a power loss.
    try pool.writeWithoutTransaction { db in try db.execute(sql: "PRAGMA synchronous = FULL") }
    try pool.read { db in try refuseForeignOrNewer(db, steps, path: path) }
    try StateMigrations.migrator(steps).migrate(pool)
    try pool.read { db in try refuseDamaged(db, path: path) }
    return pool
  }

  private static func refuseForeignOrNewer(
    _ db: Database, _ steps: [StateMigration], path: String
  ) throws {
    let tables = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
    guard tables > 0 else { return }
    let application = try Int32.fetchOne(db, sql: "PRAGMA application_id")
    let hasRecord = try db.tableExists("grdb_migrations")
    let applied =
      hasRecord ? try String.fetchAll(db, sql: "SELECT identifier FROM grdb_migrations") : []
    // A crash in the very first start leaves the list of steps, empty.
    guard application == StateMigrations.applicationID || (hasRecord && applied.isEmpty) else {
      throw StoreFailure.corrupt(path, "it is no database of this manager")
    }
    let known = Set(steps.map(\.name))
    let unknown = applied.filter { !known.contains($0) }
    guard unknown.isEmpty else { throw StoreFailure.newer(path, unknown.sorted()) }
  }

  private static func refuseDamaged(_ db: Database, path: String) throws {
    for table in StateMigrations.checkedTables where try db.tableExists(table) {
      let answer = try String.fetchOne(db, sql: "PRAGMA quick_check('\(table)')")
      guard answer == "ok" else {
        throw StoreFailure.corrupt(path, "\(table): \(answer ?? "no answer")")
      }
    }
  }
}
