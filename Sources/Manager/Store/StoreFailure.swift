import GRDB
import Glibc
import ManagerCore
import Platform
import Protocol

/// SQLite's errors in the words of this product.
enum StoreFailure {
  /// One sentence for any error of the store; a diagnostic passes through unchanged.
  static func diagnose(_ error: any Error, path: String) -> DiagnosticError {
    if let known = error as? DiagnosticError { return known }
    if let failure = error as? FileError {
      return DiagnosticError(
        .stateDirectoryUnusable, subject: path, reason: "\(failure)",
        remedy: "Check the disk of the manager's state directory.")
    }
    // SQLite reads what a damaged row says, of whatever type; a column's type is not checked then.
    if let failure = error as? RowDecodingError {
      return corrupt(path, String("\(failure)".prefix(longestReason)))
    }
    guard let failure = error as? DatabaseError else {
      return DiagnosticError(
        .internalError, subject: path, reason: String("\(error)".prefix(longestReason)),
        remedy: restart)
    }
    let detail = String((failure.message ?? "\(failure.resultCode)").prefix(longestReason))
    switch failure.resultCode {
    case _ where isDamage(failure): return corrupt(path, detail)
    case .SQLITE_BUSY, .SQLITE_LOCKED:
      return DiagnosticError(
        .databaseLocked, subject: path, reason: "another program holds the database: \(detail)",
        remedy: "End the program that has the database open.")
    case .SQLITE_FULL:
      return DiagnosticError(
        .stateDirectoryUnusable, subject: path,
        reason: "the disk under \(path) is full: nothing was changed",
        remedy: "Make room there (df \(path)), then do it again.")
    case .SQLITE_READONLY, .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_IOERR:
      return DiagnosticError(
        .stateDirectoryUnusable, subject: path,
        reason: "the database \(path) can not be read and written: \(detail)",
        remedy: "See that the manager's user may write the directory and that the disk has room.")
    case .SQLITE_CONSTRAINT:
      return DiagnosticError(.conflict, subject: path, reason: detail)
    default:
      return DiagnosticError(.internalError, subject: path, reason: detail, remedy: restart)
    }
  }

  /// An error's own words may hold what an agent sent.
  private static let longestReason = 500
  private static let restart =
    "Restart the manager (systemctl restart iml); what agents keep is sent again. If it comes again, report it."

  static func corrupt(_ path: String, _ detail: String) -> DiagnosticError {
    let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    // History has no meaning without it, so it is refused alone.
    let anew =
      path.hasSuffix("/state.sqlite")
      ? "move everything in \(folder) away to begin anew, and enrol all agents again."
      : "move it away."
    return DiagnosticError(
      .databaseCorrupt, subject: path, reason: "the database is damaged: \(detail)",
      remedy: "With the manager stopped, restore it from a backup; or \(anew)")
  }

  /// Of a file of history, at a start. A path to a disk may be away for a while, so it is
  /// for the operator to say that the file is lost.
  static func diskFails(_ path: String, _ error: any Error) -> DiagnosticError {
    let detail = (error as? DatabaseError)?.message ?? "\(error)"
    return DiagnosticError(
      .stateDirectoryUnusable, subject: path,
      reason: "the disk fails at this file: \(detail)",
      remedy:
        "Check the disk, then start the manager again. If the file stays unreadable, move it with"
        + " its -wal and -shm elsewhere: what was in it is then told as lost, and all else is served."
    )
  }

  /// A folder, a pipe or a device in a database's place.
  static func noFile(_ path: String) -> DiagnosticError {
    DiagnosticError(
      .stateDirectoryUnusable, subject: path, reason: "it is no regular file",
      remedy: "Move what is there away; if the database lies elsewhere, put it back.")
  }

  /// Makes a folder that somebody removed. Not where the state directory itself is gone: what is made in
  /// there would be in nobody's way but the next start's.
  static func makeAgain(folder path: String) throws(DiagnosticError) {
    guard FileStatus.isMissing(path), mkdir(path, 0o700) != 0, errno != EEXIST else { return }
    throw DiagnosticError(
      .stateDirectoryUnusable, subject: path,
      reason: "it is not there, and can not be made: \(String(cString: strerror(errno)))",
      remedy: "See that the manager's state directory is there, and stop and start the manager.")
  }

  /// - Throws: where something stands in the place of a database or of its log that is none. SQLite's own
  ///   words would not name it.
  static func checkFiles(_ path: String) throws(DiagnosticError) {
    guard !DurableFile.isOther(path) else { throw noFile(path) }
    for ending in ["-wal", "-shm"] where FileStatus(path: path + ending)?.isRegular == false {
      throw noFile(path + ending)
    }
  }

  /// Of bytes within a file.
  static func unreadable(_ path: String, _ error: any Error) -> DiagnosticError {
    guard let error = error as? BlockError, error.isNewer else { return corrupt(path, "\(error)") }
    return newer(path, [error.reason])
  }

  static func newer(_ path: String, _ steps: [String]) -> DiagnosticError {
    DiagnosticError(
      .databaseNewer, subject: path,
      reason: "the database was written by a newer manager (\(steps.joined(separator: ", ")))",
      remedy: "Install that version of the manager again, or restore an older backup.")
  }

  // MARK: Damage

  static func isDamage(_ error: any Error) -> Bool {
    if let known = error as? DiagnosticError {
      return known.diagnostic.code == DiagnosticCode.databaseCorrupt.rawValue
    }
    if error is RowDecodingError { return true }
    guard let failure = error as? DatabaseError else { return false }
    if failure.resultCode == .SQLITE_ERROR {
      // No statement of ours is wrong: a file that was emptied under us has no tables.
      return failure.message?.hasPrefix("no such ") == true
    }
    return [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(failure.resultCode)
  }

  /// What is wrong with a damaged file, without the words that say that it is damaged.
  static func detail(_ error: any Error) -> String {
    let reason =
      (error as? DiagnosticError)?.diagnostic.reason ?? (error as? DatabaseError)?.message
      ?? "\(error)"
    let known = "the database is damaged: "
    return reason.hasPrefix(known) ? String(reason.dropFirst(known.count)) : reason
  }

  /// Whether SQLite finds a fault in a file that nobody has open, and that the disk gives all of.
  static func isDamagedForCertain(_ path: String) throws -> Bool {
    var configuration = Configuration()
    // A writer would put the log into the file when it ends.
    configuration.readonly = true
    do {
      let queue = try DatabaseQueue(path: path, configuration: configuration)
      defer { try? queue.close() }
      return try queue.read { db in
        // Not the quick one, which does not compare an index with its table: queries hang on it.
        try String.fetchOne(db, sql: "PRAGMA integrity_check(1)") != "ok"
      }
    } catch  where isDamage(error) {
      return true
    }
  }
}
