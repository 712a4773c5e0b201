import Foundation
import GRDB
import ManagerCore
import Platform
import Protocol
import Synchronization

/// Jobs that were stored on a day and can not be read any more.
struct LostJobs: Hashable, Sendable {
  enum Cause: Hashable, Sendable {
    /// The file was removed, replaced or emptied, by nobody of us.
    case gone
    /// Its newest part is: the file is an earlier one, or its log was taken away.
    case older
    /// It was renamed because it could not be written any more.
    case setAside(as: String, detail: String)
    /// Some of it can not be read; all of it where `isAll`.
    case unreadable(detail: String, isAll: Bool)
  }

  var day: HistoryDay
  var cause: Cause

  var keptAs: String? { if case .setAside(let name, _) = cause { name } else { nil } }

  static func name(of day: HistoryDay) -> String { "jobs-\(day.text).sqlite" }

  static func day(ofName name: some StringProtocol) -> HistoryDay? {
    guard name.hasPrefix("jobs-"), name.hasSuffix(".sqlite") else { return nil }
    return HistoryDay(Substring(name.dropFirst(5).dropLast(7)))
  }

  /// A file's name with this, and a number from the second on.
  static let aside = ".damaged"

  static func day(ofNameSetAside name: String) -> HistoryDay? {
    guard let range = name.range(of: aside), name[range.upperBound...].allSatisfy(\.isNumber)
    else { return nil }
    return day(ofName: name[..<range.lowerBound])
  }

  /// Below the manager's state directory.
  var file: String { "jobs/\(keptAs ?? Self.name(of: day))" }

  var reason: String {
    switch cause {
    case .gone: "it was removed, replaced or emptied, and not by the manager"
    case .older: "it has less in it than it had: an earlier copy took its place, or its log is gone"
    case .setAside(let name, let detail): "it was damaged (\(detail)), and is kept as jobs/\(name)"
    case .unreadable(let detail, _): "it is damaged: \(detail)"
    }
  }

  var finding: Diagnostic {
    let name = "jobs/" + Self.name(of: day)
    let told = ", and answers about that time say so"
    switch cause {
    case .gone, .older:
      return Diagnostic(
        .samplesLost, .error, subject: name,
        reason:
          "\(reason): \(cause == .older ? "the newest of the" : "the") jobs that were stored on \(day.text) until then are lost"
          + told,
        remedy:
          "With the manager stopped, a backup of it may take its place where there is no file of that name."
          + " Otherwise this is told as long as raw history is kept.")
    case .setAside:
      return Diagnostic(
        .databaseCorrupt, .error, subject: name,
        reason: "\(reason): the jobs that were stored on \(day.text) until then can not be read"
          + told,
        remedy: "Check the disk. The file is removed when raw history of that day is.")
    case .unreadable(_, let isAll):
      return Diagnostic(
        .databaseCorrupt, .error, subject: name,
        reason:
          "\(reason): \(isAll ? "" : "some of ")the jobs that were stored on \(day.text) can not be read"
          + told,
        remedy: "Check the disk. With the manager stopped, a backup of the file may take its place."
      )
    }
  }
}

/// What was here and is not any more. One lost file costs what was in it, never the rest.
extension JobStore {
  /// Beside the folder, so that it does not go with it: the names of the files, a line each, with the highest
  /// number of a span in it as of the last minute at least (`NAME 1234`); then those of which something is
  /// lost, `NAME >`, or `NAME <` where it is the newest part. A name is added after its file was made and taken out before it is
  /// removed, so one too many is never there.
  private var listPath: String { folder + ".files" }

  /// Without the list a file that goes while no manager runs is not missed; that is no reason to stop.
  func writeList(_ state: State) {
    let lines =
      state.known.map { day in
        LostJobs.name(of: day) + (state.listed[day].map { " \($0)" } ?? "")
      }
      + state.lost.values.filter(\.isListed).map {
        LostJobs.name(of: $0.day) + ($0.cause == .older ? " <" : " >")
      }
    let text = lines.sorted().map { $0 + "\n" }.joined()
    try? DurableFile.write(Array(text.utf8), to: listPath)
  }

  /// Why the list is of no use, with its path.
  package var listTrouble: (path: String, reason: String)? {
    state.withLock { $0.listTrouble }.map { (listPath, $0) }
  }

  /// At the start: compares what there is with what there was.
  func findLost() throws(DiagnosticError) {
    let names: [String]
    do throws(FileError) { names = try DurableFile.names(in: folder) } catch {
      throw DiagnosticError(
        .stateDirectoryUnusable, subject: folder, reason: "\(error)",
        remedy: "See that it is a folder which the manager's user may read and write.")
    }
    let there = Set(names.compactMap(LostJobs.day(ofName:)))
    var listed: [Substring]?
    var trouble: String?
    do throws(FileError) {
      listed = try DurableFile.readIfPresent(listPath).map {
        String(decoding: $0, as: UTF8.self).split(separator: "\n")
      }
      if listed == nil, there.count > 1 { trouble = "it is not there" }
    } catch {
      trouble = "\(error)"
    }
    var known: Set<HistoryDay> = []
    var gone: Set<HistoryDay> = []
    var marks: [HistoryDay: Int64] = [:]
    var older: Set<HistoryDay> = []
    for line in listed ?? [] {
      let parts = line.split(separator: " ")
      guard let day = parts.first.flatMap({ LostJobs.day(ofName: $0) }), parts.count <= 2 else {
        trouble =
          "it names \(String(line.prefix(80)).debugDescription), which is no file of jobs"
        continue
      }
      switch parts.last {
      case ">": gone.insert(day)
      case "<": older.insert(day)
      case let last:
        known.insert(day)
        guard parts.count == 2 else { continue }
        marks[day] = last.flatMap { UInt32($0) }.map(Int64.init)
        if marks[day] == nil {
          trouble = "it has no number with \(LostJobs.name(of: day))"
        }
      }
    }
    // Of an earlier loss a backup was put in its place; had we made one, we would know it.
    gone = gone.filter { known.contains($0) || !there.contains($0) }
    gone.formUnion(known.filter(isGone))
    // A manager that was killed as it made a file left it without a byte, and not in the list.
    let empty = there.filter(isGone)
    if listed == nil, there.count > 1 {
      gone.formUnion(empty.subtracting([there.max()].compactMap(\.self)))
    }
    state.withLock { state in
      state.listTrouble = trouble
      state.known = there.subtracting(empty)
      state.listed = marks.filter { state.known.contains($0.key) }
      for day in older { state.lost[day] = LostJobs(day: day, cause: .older) }
      for day in gone { state.lost[day] = LostJobs(day: day, cause: .gone) }
      for name in names.sorted() {
        guard let day = LostJobs.day(ofNameSetAside: name) else { continue }
        state.lost[day] = LostJobs(
          day: day, cause: .setAside(as: name, detail: "an earlier start found it so"))
      }
      writeList(state)
    }
  }

  /// Whether what was in a file is gone, as far as can be seen.
  private func isGone(_ day: HistoryDay) -> Bool {
    let path = path(day)
    guard let status = FileStatus(path: path) else { return FileStatus.isMissing(path) }
    return status.size == 0 || DurableFile.isOther(path)
  }

  /// While it runs.
  ///
  /// - Parameter days: `nil` stands for all.
  func lookForLost(_ days: [HistoryDay]? = nil) {
    state.withLock { state in
      guard !state.isClosed else { return }
      var isNew = false
      for day in days ?? state.known.sorted()
      where state.known.contains(day) && !state.closing.contains(day) {
        let isGone = self.isGone(day)
        let place = state.open.firstIndex { $0.day == day }
        let isReplaced = place.map { place in
          FileStatus(path: path(day)).map { $0.inode != state.open[place].inode } ?? false
        }
        guard isGone || isReplaced == true else { continue }
        if let place { try? state.open.remove(at: place).queue.close() }
        // Its log may have filled an emptied one again, or some of it.
        if self.isGone(day) { state.known.remove(day) }
        state.listed[day] = nil
        state.lost[day] = LostJobs(day: day, cause: .gone)
        isNew = true
      }
      // We made none in its place: somebody put it back.
      for (day, lost) in state.lost
      where lost.cause == .gone && !state.known.contains(day) && FileStatus(path: path(day)) != nil
        && !isGone(day)
      {
        state.lost[day] = nil
        state.known.insert(day)
        isNew = true
      }
      if isNew { writeList(state) }
    }
  }

  // MARK: Marks

  /// A file that was just opened and has less in it than the list tells.
  func isOlder(_ day: HistoryDay, _ queue: DatabaseQueue, _ state: inout State) throws -> Bool {
    guard let mark = state.listed[day] else { return false }
    let highest = try queue.writeWithoutTransaction { db in try Self.highest(db) }
    state.highest[day] = highest
    guard highest < mark else { return false }
    state.listed[day] = highest
    switch state.lost[day]?.cause {
    case .gone, .setAside: break
    default: state.lost[day] = LostJobs(day: day, cause: .older)
    }
    return true
  }

  /// Spans up to this number are in a day's file. The list is written each minute at most: what is lost of
  /// less time than that, by a log that somebody takes away, is not missed.
  func note(_ highest: Int64, of day: HistoryDay) {
    state.withLock { state in
      state.highest[day] = highest
      guard Clock.monotonic() - state.markedAt >= JobBook.minute else { return }
      writeMarks(&state)
    }
  }

  func writeMarks(_ state: inout State) {
    state.markedAt = Clock.monotonic()
    let marks = state.highest.filter { state.known.contains($0.key) }
    guard marks.contains(where: { state.listed[$0.key] != $0.value }) else { return }
    state.listed.merge(marks) { $1 }
    writeList(state)
  }

  func noteDamage(_ day: HistoryDay, _ error: any Error, isAll: Bool) {
    state.withLock { state in
      switch state.lost[day]?.cause {
      case .gone, .setAside, .unreadable(_, isAll: true): return
      case .unreadable, .older, nil:
        state.lost[day] = LostJobs(
          day: day, cause: .unreadable(detail: StoreFailure.detail(error), isAll: isAll))
      }
    }
  }

  func isUnreadable(_ day: HistoryDay) -> Bool {
    if case .unreadable(_, isAll: true) = state.withLock({ $0.lost[day]?.cause }) { return true }
    return false
  }

  /// The times within a range of which an answer may lack something.
  func gaps(_ range: ClosedRange<Int64>) -> [MetricAnswer.Gap] {
    state.withLock { $0.lost.values.sorted { $0.day < $1.day } }.compactMap { lost in
      let from = max(range.lowerBound, lost.day.begin)
      let through = min(range.upperBound, lost.day.end - 1)
      guard from <= through else { return nil }
      return MetricAnswer.Gap(
        fromNanoseconds: from, throughNanoseconds: through, file: lost.file, reason: lost.reason)
    }
  }

  /// As of now.
  func findings() -> [Diagnostic] {
    lookForLost()
    return state.withLock { $0.lost.values.sorted { $0.day < $1.day } }.map(\.finding)
  }

  /// Those that were not given out before.
  func takeNewLosses() -> [LostJobs] {
    state.withLock { state in
      let new = state.lost.values.filter { !state.toldLost.contains($0) }
      state.toldLost.formUnion(new)
      return new.sorted { $0.day < $1.day }
    }
  }

  // MARK: Setting aside

  /// Renames a damaged file with its log. Answers whether it did: not where the fault is gone when it is
  /// looked at again, and not where it is no file of ours. All of it is read, beside everything else.
  func setAside(_ day: HistoryDay, _ error: any Error) async throws -> Bool {
    let queue = state.withLock { state -> DatabaseQueue? in
      state.closing.insert(day)
      let place = state.open.firstIndex { $0.day == day }
      return place.map { state.open.remove(at: $0).queue }
    }
    defer { state.withLock { _ = $0.closing.remove(day) } }
    // Before it is renamed: a connection that ends later would remove the log of the next file.
    try? queue?.close()
    let renamed = try await withCheckedThrowingContinuation { continuation in
      asides.async { continuation.resume(with: Result { try self.renameIfDamaged(day) }) }
    }
    guard let renamed else { return false }
    state.withLock { state in
      state.known.remove(day)
      state.listed[day] = nil
      state.highest[day] = nil
      state.lost[day] = LostJobs(
        day: day, cause: .setAside(as: renamed, detail: StoreFailure.detail(error)))
      writeList(state)
    }
    return true
  }

  /// Gives the new name; `nil` when there is no fault that lasts.
  private func renameIfDamaged(_ day: HistoryDay) throws -> String? {
    let path = path(day)
    for ending in ["", "-wal"] { try DurableFile.readThrough(path + ending) }
    guard try StoreFailure.isDamagedForCertain(path) else { return nil }
    var number = 1
    func name() -> String {
      LostJobs.name(of: day) + LostJobs.aside + (number > 1 ? "\(number)" : "")
    }
    while ["", "-wal", "-shm"].contains(where: {
      FileStatus(path: "\(folder)/\(name())\($0)") != nil
    }) {
      number += 1
    }
    // The log first: a file that lost its log would pass for a whole one.
    for ending in ["-wal", "-shm", ""] where FileStatus(path: path + ending) != nil {
      try DurableFile.rename(path + ending, to: "\(folder)/\(name())\(ending)")
    }
    try? DurableFile.syncFolder(of: path)
    return name()
  }
}

extension LostJobs {
  /// What is damaged is found again where it lies.
  fileprivate var isListed: Bool {
    if case .unreadable = cause { false } else { true }
  }
}
