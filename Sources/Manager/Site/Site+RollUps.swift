import Logging
import ManagerCore
import Platform
import Protocol

/// History at rest: rolled up while it comes in, put together when a day is over. All of it runs beside
/// the actor, which goes on taking samples.
extension Site {
  /// What an agent may need to send the end of an hour: until then it is read from the samples.
  private static let patience: Int64 = 900_000_000_000

  /// One round of it. A failure is told once, and tried again in the next round.
  package nonisolated func rollUp() async {
    if let gone = store.noticeGone() { await storeGone(gone) }
    await logsTaken(await store.rescueLogs() + (await jobStore.rescueLogs()))
    do throws(DiagnosticError) {
      try await store.history.noticeGone()
      try await rollUpNow()
      await rolledUp(failure: nil)
    } catch {
      // Cancelled half-way, it is done again at the next start.
      if !Task.isCancelled { await rolledUp(failure: error.diagnostic) }
    }
    await tellMissingHistory()
  }

  private nonisolated func rollUpNow() async throws(DiagnosticError) {
    let store = self.store
    // Of a database from before the days' files.
    var moved = 0
    while !Task.isCancelled {
      let count = try await store.moveEarlierBlocks()
      if count == 0 { break }
      moved += count
    }
    if moved > 0 {
      try await store.shrink()
      logger.notice(
        "earlier history was moved to a file a day", metadata: ["blocks": "\(moved)"])
    }
    let natures: HistoryFiles.Natures = { ids throws(DiagnosticError) in
      try await store.natures(of: ids)
    }
    let now = Clock.wall()
    for task in store.history.hoursToRollUp(now: now, patience: Self.patience) {
      if Task.isCancelled { return }
      let late = try await store.history.unlessDamaged(task.day) { () throws(DiagnosticError) in
        try await store.history.rollUp(task, natures: natures)
      }
      tellLate(task, hours: late ?? 0)
    }
    for item in store.history.daysToJoin(now: now, patience: Self.patience) {
      if Task.isCancelled { return }
      _ = try await store.history.unlessDamaged(item.day) { () throws(DiagnosticError) in
        try await store.history.join(item.server, item.day, natures: natures)
      }
    }
  }

  nonisolated func tellLate(_ task: HistoryFiles.HoursToRollUp, hours: Int) {
    guard hours > 0 else { return }
    logger.warning(
      "samples came after the rest of their time was removed, and are in no roll-up",
      metadata: [
        "server": "\(task.server)", "day": "\(task.day.text)", "hours": "\(hours)",
      ])
  }

  private func storeGone(_ gone: Diagnostic) {
    guard !isStoreGone else { return }
    isStoreGone = true
    logger.critical(
      "the database is gone",
      metadata: ["file": "\(gone.subject)", "reason": "\(gone.reason)", "remedy": "\(gone.remedy)"])
  }

  private func logsTaken(_ paths: [String]) {
    for path in paths where !takenLogs.contains(path) {
      logger.error("the log of an open database was taken away", metadata: ["file": "\(path)"])
    }
    takenLogs = paths
  }

  func takenLogFindings() -> [Diagnostic] {
    takenLogs.map { path in
      Diagnostic(
        .stateDirectoryUnusable, .warning, subject: path,
        reason:
          "it was taken away, or replaced, while its database is open: what should be in it is moved to the"
          + " database every ten seconds, and what came since is lost if the manager is killed",
        remedy:
          "Find out what does that to the manager's state directory; then stop the manager, remove what"
          + " stands in its place, and start it again."
      )
    }
  }

  private func rolledUp(failure: Diagnostic?) {
    if let failure, rollUpFailure == nil {
      logger.error(
        "history can not be rolled up: queries go on reading its samples",
        metadata: ["file": "\(failure.subject)", "reason": "\(failure.reason)"])
    }
    if failure == nil, rollUpFailure != nil { logger.notice("history can be rolled up again") }
    rollUpFailure = failure
  }
}
