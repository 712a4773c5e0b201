import Foundation
import GRDB
import ManagerCore
import Platform
import Protocol
import Synchronization

/// The files of days, opened when they are asked for.
extension JobStore {
  /// Each costs three descriptors.
  private static let openLimit = 16
  /// "IMLJ": tells our files from any other SQLite database.
  private static let applicationID: Int32 = 0x494D_4C4A

  func path(_ day: HistoryDay) -> String { "\(folder)/\(LostJobs.name(of: day))" }

  func makeFolder() throws(DiagnosticError) {
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o700])
    } catch {
      throw DiagnosticError(
        .stateDirectoryUnusable, subject: folder, reason: error.localizedDescription,
        remedy: "Move what is there away, or make it a folder that the manager may write.")
    }
  }

  /// Those of which there are files, ascending. What went meanwhile is noted.
  func days() throws(DiagnosticError) -> [HistoryDay] {
    lookForLost()
    do throws(FileError) {
      return try DurableFile.names(in: folder).compactMap(LostJobs.day(ofName:)).sorted()
    } catch {
      guard !error.isMissing else { return [] }
      throw DiagnosticError(
        .stateDirectoryUnusable, subject: folder, reason: "it can not be listed: \(error.text)",
        remedy: "See that it is a folder which the manager's user may read and write.")
    }
  }

  /// Runs something with a day's file: `nil` when there is none and none is to be made. Once more when the
  /// file was removed or set aside under it.
  func use<Value: Sendable>(
    _ day: HistoryDay, creating: Bool = false,
    _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws -> Value? {
    do {
      return try await run(day, creating, body)
    } catch let error as DatabaseError where error.resultCode == .SQLITE_MISUSE {
      guard !state.withLock({ $0.isClosed }) else { throw DiagnosticError(Site.stopping) }
      return try await run(day, creating, body)
    }
  }

  private func run<Value: Sendable>(
    _ day: HistoryDay, _ creating: Bool, _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws -> Value? {
    guard let queue = try open(day, creating: creating) else { return nil }
    if creating { return try await queue.write(body) }
    // Nobody else writes meanwhile; and a transaction in which a page could not be read ends in an error,
    // whatever was read.
    return try await queue.writeWithoutTransaction(body)
  }

  /// Does it once more with a new file where the one that is there is damaged.
  func settingAside(
    _ day: HistoryDay, _ work: () async throws -> Void
  ) async throws(DiagnosticError) {
    do {
      do {
        try await work()
      } catch  where StoreFailure.isDamage(error) {
        guard try await setAside(day, error) else { throw error }
        try await work()
      }
    } catch {
      throw diagnosed(error, day)
    }
  }

  func diagnosed(_ error: any Error, _ day: HistoryDay) -> DiagnosticError {
    var found = StoreFailure.diagnose(error, path: path(day)).diagnostic
    // For whoever asks for jobs: a day of them is what it costs, and no backup has it.
    if found.code == DiagnosticCode.databaseCorrupt.rawValue {
      found.code = DiagnosticCode.stateDirectoryUnusable.rawValue
      found.remedy =
        "Stop the manager, move the file away with its -wal and -shm, and start it again: the jobs in it"
        + " are lost, all others are served."
    }
    return DiagnosticError(found)
  }

  private func open(_ day: HistoryDay, creating: Bool) throws -> DatabaseQueue? {
    lookForLost([day])
    if creating { try StoreFailure.makeAgain(folder: folder) }
    return try state.withLock { state in
      guard !state.isClosed else { throw DiagnosticError(Site.stopping) }
      if let place = state.open.firstIndex(where: { $0.day == day }) {
        let known = state.open.remove(at: place)
        state.open.append(known)
        return known.queue
      }
      let path = path(day)
      guard !state.closing.contains(day) else {
        throw DiagnosticError(
          .managerBusy, subject: path, reason: "it is damaged and is being set aside",
          remedy: "Ask again in a moment.")
      }
      let isThere = FileStatus(path: path) != nil
      guard creating || isThere else { return nil }
      // The days before are over.
      if !isThere { for file in state.open { Self.emptyLog(file.queue) } }
      try StoreFailure.checkFiles(path)
      let queue = try Self.open(path)
      let isNew = state.known.insert(day).inserted
      if try isOlder(day, queue, &state) || isNew { writeList(state) }
      // Whoever is at work in one that is let go of keeps it open.
      if state.open.count >= Self.openLimit { state.open.removeFirst() }
      state.open.append(
        (
          day, FileStatus(path: path)?.inode ?? 0, FileStatus(path: path + "-wal")?.inode, queue
        ))
      return queue
    }
  }

  private static func open(_ path: String) throws -> DatabaseQueue {
    var configuration = Configuration()
    configuration.foreignKeysEnabled = true
    configuration.prepareDatabase { db in
      try db.execute(sql: "PRAGMA page_size = 16384")
      try db.execute(sql: "PRAGMA journal_mode = WAL")
      try db.execute(sql: "PRAGMA synchronous = FULL")
      try boundCache(db)
    }
    let queue = try DatabaseQueue(path: path, configuration: configuration)
    try queue.write { db in
      let id = try Int32.fetchOne(db, sql: "PRAGMA application_id") ?? 0
      guard id == 0 || id == Self.applicationID else {
        throw StoreFailure.corrupt(path, "it is another program's database")
      }
      try db.execute(sql: Self.schema)
    }
    return queue
  }

  /// Removes the files of days that ended before a time, and what is known of those that were lost.
  package func removeDays(endedBefore nanoseconds: Int64) throws(DiagnosticError) {
    let kept = HistoryDay(of: nanoseconds)
    let past = try days().filter { $0 < kept }
    let aside = ((try? DurableFile.names(in: folder)) ?? []).filter {
      LostJobs.day(ofNameSetAside: $0).map { $0 < kept } ?? false
    }
    state.withLock { state in
      state.open.removeAll { $0.day < kept }
      let before = (state.known.count, state.lost.count)
      state.known.subtract(past)
      for day in past {
        state.highest[day] = nil
        state.listed[day] = nil
      }
      state.lost = state.lost.filter { $0.key >= kept }
      if before != (state.known.count, state.lost.count) { writeList(state) }
    }
    for name in past.map(LostJobs.name(of:)) + aside { remove(name) }
  }

  private func remove(_ name: String) {
    for ending in ["-wal", "-shm", ""] {
      try? FileManager.default.removeItem(atPath: "\(folder)/\(name)\(ending)")
    }
  }

  /// Moves what the logs hold into the files, each then a whole one, and ends all connections. A reader that
  /// is still busy keeps its log alive.
  package func close() {
    state.withLock { state in
      for file in state.open {
        Self.emptyLog(file.queue)
        try? file.queue.close()
      }
      writeMarks(&state)
      state.open = []
      state.isClosed = true
    }
  }

  private static func emptyLog(_ queue: DatabaseQueue) {
    _ = try? queue.writeWithoutTransaction { db in try db.moveLog() }
  }

  private static let schema = """
    PRAGMA application_id = \(applicationID);
    CREATE TABLE IF NOT EXISTS streams (
      server TEXT NOT NULL, boot TEXT NOT NULL, incarnation TEXT NOT NULL,
      sequence INTEGER NOT NULL, PRIMARY KEY (server, boot, incarnation)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS names (
      id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE
    ) STRICT;
    CREATE TABLE IF NOT EXISTS spans (
      id INTEGER PRIMARY KEY,
      target INTEGER NOT NULL REFERENCES names (id),
      from_ns INTEGER NOT NULL, through_ns INTEGER NOT NULL, covered_ns INTEGER NOT NULL,
      jobs INTEGER NOT NULL, rest_jobs INTEGER NOT NULL, untracked INTEGER NOT NULL,
      body BLOB NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS spans_by_end ON spans (through_ns);
    """
}
