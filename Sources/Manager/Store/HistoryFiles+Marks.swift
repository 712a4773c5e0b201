import Foundation
import GRDB
import ManagerCore
import Platform
import Synchronization

/// A file in the list, and by what a later start knows whether it is still that file. Only files of roll-ups
/// have a mark: what a day's file of samples lacks, its streams tell (`StateStore.newlyMissing`).
struct ListedHistory: Hashable, Sendable {
  enum Mark: Hashable, Sendable {
    /// It was written to: its log is there until an orderly end.
    case open
    /// It was closed, and says this number itself.
    case sealed(stamp: Int64)
  }

  var file: HistoryFile
  var mark: Mark?

  /// Its line: `NAME`, `NAME open`, or `NAME STAMP`.
  var line: String {
    switch mark {
    case nil: file.name
    case .open: "\(file.name) open"
    case .sealed(let stamp): "\(file.name) \(stamp)"
    }
  }

  init(_ file: HistoryFile, _ mark: Mark?) {
    self.file = file
    self.mark = mark
  }

  init?(line: Substring) {
    let parts = line.split(separator: " ")
    guard let name = parts.first, let file = HistoryFile(name: String(name)) else { return nil }
    self.file = file
    switch parts.count {
    case 1: mark = nil
    case 2 where parts[1] == "open": mark = .open
    case 2:
      guard let stamp = Int64(parts[1]) else { return nil }
      mark = .sealed(stamp: stamp)
    default: return nil
    }
  }
}

extension HistoryFiles {
  /// Those whose logs were taken away. Before anything is opened.
  func findCutRollUps(_ listed: [ListedHistory]) -> Set<HistoryFile> {
    state.withLock { state in
      for item in listed where state.files.contains(item.file) {
        state.marks[item.file] = item.mark
      }
      return Set(
        state.marks.filter { file, mark in
          mark == .open && (FileStatus(path: path(file) + "-wal")?.size ?? 0) == 0
        }.keys)
    }
  }

  /// Those in whose place there is another copy.
  func findOtherRollUps() -> Set<HistoryFile> {
    Set(
      state.withLock { $0.marks }.compactMap { file, mark in
        guard case .sealed(let stamp) = mark else { return nil }
        let found = try? pool(file)?.read { db -> Int64 in
          // A copy of before the first seal has none.
          guard try db.tableExists("seal") else { return -1 }
          return try Int64.fetchOne(db, sql: "SELECT stamp FROM seal") ?? -1
        }
        // One that can not be read is told of as such.
        guard let found else { return nil }
        return found == stamp ? nil : file
      })
  }

  /// What can be made again of samples is: of all that are there, for nobody knows what a file lacks.
  func makeAgain(_ cut: Set<HistoryFile>) {
    for file in cut {
      do { try prepareWithout(file) } catch {
        state.withLock {
          $0.listTroubles[path(file)] = "its roll-ups can not be made again: \(error)"
        }
      }
    }
    for file in cut {
      // It is what there is from now on.
      guard let pool = try? pool(file, creating: true) else { continue }
      state.withLock { seal(file, pool, &$0) }
    }
    state.withLock { $0.cutRollUps = cut.map(\.name).sorted() }
  }

  /// Of which time something is lost with a file that is gone; `nil`: all of it is made again of samples.
  func lostTime(of item: LostHistory) -> (from: Int64, before: Int64)? {
    let file = item.file
    guard case .rollUps(let tier, let month) = file, item.keptAs == nil else {
      return (file.begin, file.end)
    }
    let first = rawDays.first { $0.month == month }
    let end = min(first?.begin ?? file.end, file.end)
    guard end > file.begin else { return nil }
    // Whether there was anything before the first samples the other widths tell, if they are left.
    let others = state.withLock { state in
      RollUpTier.allCases.map { HistoryFile.rollUps($0, month: month) }.filter { other in
        other.tier != tier && state.files.contains(other)
          && !state.missing.contains { $0.file == other }
      }
    }
    let day = HistoryDay(of: end).number
    let has = others.map { other in
      try? pool(other)?.read { db in
        if try Bool.fetchOne(
          db, sql: "SELECT EXISTS (SELECT 1 FROM days WHERE day < ?)", arguments: [day]) == true
        {
          return true
        }
        return try other.tier == .minute
          && Bool.fetchOne(
            db, sql: "SELECT EXISTS (SELECT 1 FROM hours WHERE hour < ?)", arguments: [day * 24])
            == true
      }
    }
    let isNothing = !has.isEmpty && has.allSatisfy { $0 == false }
    return isNothing ? nil : (file.begin, end)
  }

  /// The names of files of roll-ups that were not what they had been, as of the start.
  package var cutRollUps: [String] { state.withLock { $0.cutRollUps } }

  /// Before something is written to it.
  func markOpen(_ file: HistoryFile, _ state: inout State) {
    guard file.tier != nil, state.marks[file] != .open else { return }
    state.marks[file] = .open
    writeList(state)
  }

  /// One that nobody writes to for now gets a stamp, by which it is known again.
  func seal(_ file: HistoryFile, _ pool: DatabasePool, _ state: inout State) {
    guard state.marks[file] == .open else { return }
    let stamp = Int64.random(in: 0...Int64.max)
    do {
      try pool.write { db in
        try db.execute(sql: "CREATE TABLE IF NOT EXISTS seal (stamp INTEGER NOT NULL) STRICT")
        try db.execute(sql: "DELETE FROM seal")
        try db.execute(sql: "INSERT INTO seal (stamp) VALUES (?)", arguments: [stamp])
      }
    } catch {
      return
    }
    // A log that somebody still reads in goes with the stamp.
    _ = try? pool.writeWithoutTransaction { db in try db.moveLog() }
    state.marks[file] = .sealed(stamp: stamp)
    writeList(state)
  }
}
