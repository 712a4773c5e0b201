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
  /// Of a raw day: the servers of which roll-ups have all of it.
  var rolledUp: Set<ServerID> = []
  /// The same of all servers that have roll-ups at that time.
  var isRolledUp = false
  /// Bytes with its log, as of when it was found; of one that was set aside.
  var bytes: Int64 = 0
  /// A newer manager wrote in it what this one does not understand.
  var isNewer = false

  /// What is in it, in words.
  private var content: String {
    switch file {
    case .raw(let day): "the samples of \(day.text)"
    case .rollUps(let tier, let month): "the roll-ups of \(tier.name) of \(month)"
    }
  }

  var finding: Diagnostic {
    if isNewer {
      return Diagnostic(
        .databaseNewer, .error, subject: "history/\(name)",
        reason:
          "some of \(content) was written by a newer manager (\(detail)): it can not be read, and "
          + "answers about that time say so",
        remedy: "Install that version of the manager again.")
    }
    let rest = isRolledUp ? "; its roll-ups are there" : ""
    return Diagnostic(
      .databaseCorrupt, .error, subject: "history/\(name)",
      reason:
        "it is damaged (\(detail)): \(isSetAside ? "" : "some of ")\(content) can not be read, "
        + "and answers about that time say so\(rest)"
        + (isSetAside ? "; it takes \(bytes) bytes" : ""),
      remedy:
        "Check the disk. The file is kept as long as history is: with the manager stopped, move it"
        + " out of history/ with its -wal and -shm. A backup of history/\(file.name) may take its place only where there "
        + "is no file of that name: what came since is in it.")
  }
}

/// One damaged file costs what is in it, never the rest. A file that can not be opened, or not be
/// written any more, is renamed, so that nothing is written over it; in one that is damaged
/// somewhere in its middle all else is still read.
extension HistoryFiles {
  /// Not all of a file can be read, but the rest may be.
  static func isUnreadable(_ error: any Error) -> Bool {
    StoreFailure.isDamage(error) || isNewer(error)
  }

  static func isNewer(_ error: any Error) -> Bool {
    (error as? DiagnosticError)?.diagnostic.code == DiagnosticCode.databaseNewer.rawValue
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

  func wereSetAside(_ file: HistoryFile) -> Bool {
    damaged.contains { $0.isSetAside && $0.file == file }
  }

  /// How often a file of this name was set aside since the start.
  func turn(of file: HistoryFile) -> Int { state.withLock { $0.turns[file] ?? 0 } }

  /// A read of it failed. Nothing is done to it: the rest may be good.
  ///
  /// - Parameter turn: as of before the read; another one may be in its place by now.
  func noteDamage(_ file: HistoryFile, _ error: any Error, turn: Int? = nil) {
    state.withLock { state in
      guard state.damaged[file.name] == nil,
        turn ?? state.turns[file] ?? 0 == state.turns[file] ?? 0
      else { return }
      state.damaged[file.name] = DamagedHistory(
        file: file, name: file.name, detail: StoreFailure.detail(error), through: file.end - 1,
        isSetAside: false, isNewer: Self.isNewer(error))
    }
  }

  /// The times within a range of which an answer from this tier may lack something.
  ///
  /// - Parameter servers: whose series it is about; `nil` stands for any.
  func unreadable(
    _ range: ClosedRange<Int64>, tier: RollUpTier?, servers: Set<ServerID>? = nil
  ) -> [MetricAnswer.Gap] {
    damaged.compactMap { item in
      let counts =
        switch item.file {
        case .raw:
          tier == nil || !(servers.map { $0.isSubset(of: item.rolledUp) } ?? item.isRolledUp)
        // The hours of days that are not yet put together are in the minutes.
        case .rollUps(let ofFile, _):
          tier == ofFile || (tier != nil && ofFile == .minute && !item.isSetAside)
        }
      let from = max(range.lowerBound, item.file.begin)
      let through = min(range.upperBound, item.through)
      guard counts, from <= through else { return nil }
      return MetricAnswer.Gap(
        fromNanoseconds: from, throughNanoseconds: through, file: "history/\(item.name)",
        reason: (item.isNewer ? "a newer manager wrote it: " : "it is damaged: ") + item.detail)
    }
  }

  /// Runs what changes the roll-ups of a day: `nil` when one of its files is damaged, which must not
  /// keep other days from theirs. Roll-ups that can not be written are set aside and begun anew.
  func unlessDamaged<Value>(
    _ day: HistoryDay, _ work: () async throws(DiagnosticError) -> Value
  ) async throws(DiagnosticError) -> Value? {
    guard !isDamaged(.raw(day)) else { return nil }
    let ofDay = [.raw(day)] + RollUpTier.allCases.map { HistoryFile.rollUps($0, month: day.month) }
    let turns = ofDay.map(turn(of:))
    do throws(DiagnosticError) {
      return try await work()
    } catch {
      guard Self.isUnreadable(error) else { throw error }
      guard let place = ofDay.firstIndex(where: { path($0) == error.diagnostic.subject }) else {
        throw error
      }
      let file = ofDay[place]
      guard case .rollUps = file, StoreFailure.isDamage(error) else {
        noteDamage(file, error, turn: turns[place])
        return nil
      }
      do {
        if try await !settingAside(file, error) { noteDamage(file, error, turn: turns[place]) }
      } catch {
        throw StoreFailure.diagnose(error, path: path(file))
      }
      return nil
    }
  }
}
