import Foundation
import GRDB
import Platform
import Synchronization

/// Logs of databases that somebody removes while they are open. SQLite goes on writing to the file that has
/// no name any more, and whoever opens the database next finds nothing of it.
extension Database {
  /// Moves all of the log into the database. GRDB's own call does not bear a database that was closed.
  func moveLog() throws {
    let row = try Row.fetchOne(self, sql: "PRAGMA wal_checkpoint(TRUNCATE)")
    guard row?[0] == 0 else {
      throw DatabaseError(resultCode: .SQLITE_BUSY, message: "somebody reads in the log")
    }
  }
}

extension DatabaseWriter {
  /// Moves what such a log holds into the database.
  ///
  /// - Parameter log: what the log's file was when the database was opened.
  /// - Returns: whether the log was taken away, or another one put in its place.
  func rescueLog(of path: String, _ log: UInt64?) -> Bool {
    guard FileStatus(path: path) != nil, FileStatus(path: path + "-wal")?.inode != log else {
      return false
    }
    // With a reader that is busy some of it stays where it is until the next time.
    _ = try? writeWithoutTransaction { db in try db.moveLog() }
    return true
  }
}

extension HistoryFiles {
  /// - Returns: the names of the files whose logs were taken away.
  func rescueLogs() async throws -> [String] {
    try await inTurn {
      let open = self.state.withLock { $0.open }
      let taken = open.filter { $0.pool.rescueLog(of: self.path($0.file), $0.log) }.map(\.file)
      // Not of those that were removed meanwhile.
      return self.state.withLock { state in
        taken.filter { file in state.open.contains { $0.file == file } }.map(\.name)
      }
    }
  }
}

extension StateStore {
  /// To be called every few seconds: no more than what came since is lost then by a kill.
  ///
  /// - Returns: the logs that were taken away, by their paths from the state directory, sorted.
  package func rescueLogs() async -> [String] {
    let days = (try? await history.rescueLogs()) ?? []
    let isTaken =
      (try? await history.inTurn { [pool, path, log] in pool.rescueLog(of: path, log) }) ?? false
    return days.sorted().map { "history/\($0)-wal" } + (isTaken ? ["state.sqlite-wal"] : [])
  }
}

extension JobStore {
  /// The same.
  func rescueLogs() async -> [String] {
    let folder = (self.folder as NSString).lastPathComponent
    return await withCheckedContinuation { continuation in
      asides.async {
        let open = self.state.withLock { $0.open }
        let taken = open.filter { $0.queue.rescueLog(of: self.path($0.day), $0.log) }.map(\.day)
        let names = self.state.withLock { state in
          taken.filter { day in state.open.contains { $0.day == day } }.map {
            "\(folder)/\(LostJobs.name(of: $0))-wal"
          }
        }
        continuation.resume(returning: names.sorted())
      }
    }
  }
}
