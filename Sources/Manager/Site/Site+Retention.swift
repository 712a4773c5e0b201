import Glibc
import Logging
import ManagerCore
import Platform
import Protocol

/// What is old goes, and what is too much.
extension Site {
  /// Below this the disk counts as full: a day's file is opened and its log written with less.
  private static let leastFree: UInt64 = 64 << 20

  /// A clock that is wrong for a moment must not take history away: after a jump it is as old as it was for
  /// an hour, in which somebody may set the clock right.
  private static let jumpPatience: Int64 = 3_600_000_000_000

  func noteJump(_ step: Int64, _ now: Moment) {
    let known = jump.flatMap { now.monotonicNanoseconds < $0.until ? $0 : nil }
    let (sum, isTooFar) = (known?.nanoseconds ?? 0).addingReportingOverflow(step)
    let ahead = isTooFar ? (step < 0 ? 0 : Int64.max) : sum
    guard ahead > Self.jumpPatience else {
      jump = nil
      return
    }
    let until = now.monotonicNanoseconds + Self.jumpPatience
    jump = (min(ahead, max(0, now.wallNanoseconds)), step > 0 ? until : known?.until ?? until)
  }

  /// The wall clock's time by which things are too old.
  func agingNow() -> Int64 {
    noteOwnStep()
    let now = self.now
    guard let jump, now.monotonicNanoseconds < jump.until else { return now.wallNanoseconds }
    return now.wallNanoseconds.subtractingReportingOverflow(jump.nanoseconds).partialValue
  }

  /// Removes files of history that are past their time, or that are too much. In turn with `rollUp`:
  /// what is removed was rolled up before. Once an hour old last values and streams are let go of too.
  package nonisolated func trim(isHourly: Bool) async {
    if isHourly { await prune() }
    let history = store.history
    // Those that are set aside count too: they are kept for who may still get something out of them, but
    // not for ever.
    let files =
      history.files.map { file in
        HistoryRetention.File(
          name: file.name, tier: file.tier, end: file.end, bytes: history.bytes(of: file))
      }
      + history.damaged.filter(\.isSetAside).map { item in
        HistoryRetention.File(
          name: item.name, tier: item.file.tier, end: item.file.end,
          bytes: history.bytes(ofName: item.name), isSetAside: true)
      }
    let keeping = settings.keeping
    var surplus = keeping.surplus(
      of: files, raw: settings.retention.wholeNanoseconds, now: await agingNow())
    let isFull = await isDiskFull()
    if isFull, surplus.isEmpty {
      // Rather what answers nothing, and then the oldest, than the newest.
      let oldest = files.sorted { $0.end < $1.end }
      let days = oldest.filter { $0.tier == nil && !$0.isSetAside }.dropLast()
      surplus = (oldest.filter(\.isSetAside) + days).prefix(1).map { ($0, .size) }
    }
    for (file, reason) in surplus {
      do throws(DiagnosticError) {
        if try await remove(file, evenUnmarked: isFull) { await removed(file, reason) }
      } catch {
        logger.error(
          "history can not be trimmed",
          metadata: ["file": "\(file.name)", "reason": "\(error.diagnostic.reason)"])
        guard StoreFailure.isDamage(error), let known = HistoryFile(name: file.name),
          history.path(known) == error.diagnostic.subject
        else { break }
        // Told once; others go nevertheless.
        history.noteDamage(known, error)
      }
    }
    let names = history.files.map(\.name) + history.damaged.filter(\.isSetAside).map(\.name)
    await measured(names.reduce(Int64(0)) { $0 + history.bytes(ofName: $1) })
    guard isHourly else { return }
    let before = await agingNow() - settings.retention.wholeNanoseconds
    try? await store.forgetStreams(before: before)
  }

  /// Answers whether it was: a day whose roll-ups can not be written just now waits for the next round.
  private nonisolated func remove(
    _ file: HistoryRetention.File, evenUnmarked: Bool
  ) async throws(DiagnosticError) -> Bool {
    guard !file.isSetAside else {
      try store.history.removeSetAside(file.name)
      return true
    }
    guard let known = HistoryFile(name: file.name) else { return false }
    guard case .raw(let day) = known else {
      try store.history.remove(known)
      return true
    }
    do throws(DiagnosticError) {
      for task in store.history.hoursToRollUp(of: day) {
        let late = try await store.history.unlessDamaged(day) { () throws(DiagnosticError) in
          try await store.history.rollUp(task) { [store] ids throws(DiagnosticError) in
            try await store.natures(of: ids)
          }
        }
        // One that is damaged would never go otherwise; that it is was told.
        guard late != nil || store.history.isDamaged(known) else { return false }
        tellLate(task, hours: late ?? 0)
      }
      try await store.history.markGone(day)
      // What comes late may make a file of this day again, without what was in this one.
      try await store.forgetEnds(of: [day])
    } catch {
      // A full disk takes no roll-up; the newest samples are worth more than the oldest.
      guard evenUnmarked else { throw error }
    }
    try store.history.remove(known)
    if evenUnmarked { try await store.history.markGone(day) }
    // Again: a block may have come to it meanwhile.
    try await store.forgetEnds(of: [day])
    return true
  }

  private nonisolated func isDiskFull() async -> Bool {
    guard await storeFailure != nil, let free = settings.freeBytes(store.history.folder) else {
      return false
    }
    return free < Self.leastFree
  }

  /// What may still be written below a path; `nil` when nobody can tell.
  package static func freeBytes(below path: String) -> UInt64? {
    var figures = statvfs()
    guard statvfs(path, &figures) == 0 else { return nil }
    let (bytes, isMore) = UInt64(figures.f_bavail)
      .multipliedReportingOverflow(by: UInt64(figures.f_frsize))
    return isMore ? .max : bytes
  }

  private func prune() { latest.prune(now: now) }

  private func measured(_ bytes: Int64) { historyBytes = bytes }

  private func removed(_ file: HistoryRetention.File, _ reason: HistoryRetention.Reason) {
    counters.historyRemovedBytes += UInt64(max(0, file.bytes))
    logger.notice(
      "history was removed",
      metadata: [
        "file": "\(file.name)", "bytes": "\(file.bytes)", "because": "\(reason.rawValue)",
      ])
  }
}

extension Duration {
  /// Saturates after 292 years.
  var wholeNanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? (seconds < 0 ? .min : .max) : product + attoseconds / 1_000_000_000
  }
}
