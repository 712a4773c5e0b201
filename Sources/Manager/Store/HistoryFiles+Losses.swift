import Foundation
import GRDB
import ManagerCore
import Platform
import Protocol
import Synchronization

/// A file of history whose loss has to be told.
struct LostHistory: Hashable, Sendable {
  var file: HistoryFile
  /// What it was renamed to, because it is damaged; `nil`: it is gone or empty, by nobody of us.
  var keptAs: String?
  /// Tells the file that was renamed from one that was made anew under its name.
  var inode: UInt64 = 0

  init(_ file: HistoryFile, keptAs: String? = nil, inode: UInt64 = 0) {
    self.file = file
    self.keptAs = keptAs
    self.inode = inode
  }

  /// Its line in the list: `NAME >`, or `NAME > NAME.damaged INODE`.
  var line: String { "\(file.name) >" + (keptAs.map { " \($0) \(inode)" } ?? "") }

  init?(line: Substring) {
    let parts = line.split(separator: " ")
    guard parts.count == 2 || parts.count == 4, parts[1] == ">",
      let file = HistoryFile(name: String(parts[0]))
    else { return nil }
    self.init(file)
    guard parts.count == 4 else { return }
    guard let inode = UInt64(parts[3]), HistoryFile(setAside: String(parts[2])) == file else {
      return nil
    }
    self.keptAs = String(parts[2])
    self.inode = inode
  }
}

/// What was here and is not any more, as far as it has to be known after a stop.
extension HistoryFiles {
  /// Beside the folder, so that it does not go with it: the names of the files, a line each. A name is
  /// added after its file was made and taken out before it is removed, so one too many is never there.
  /// Then what is lost and not yet told.
  var listPath: String { folder + ".files" }

  var listed: [ListedHistory] { readList().compactMap(ListedHistory.init(line:)) }

  private func readList() -> [Substring] {
    let list = (try? DurableFile.readIfPresent(listPath)).flatMap { $0 } ?? []
    return String(decoding: list, as: UTF8.self).split(separator: "\n")
  }

  /// By their paths, the reasons.
  package var listTroubles: [String: String] { state.withLock { $0.listTroubles } }

  /// Whether it was written here and can be read, which nobody else would notice.
  ///
  /// - Parameter files: those that there are; the list is made after the first of them.
  func checkList(_ files: Set<HistoryFile>) -> String? {
    do throws(FileError) {
      guard try DurableFile.readIfPresent(listPath) != nil else {
        return files.count < 2 ? nil : "it is not there"
      }
    } catch {
      return "\(error)"
    }
    let strange = readList().first {
      ListedHistory(line: $0) == nil && LostHistory(line: $0) == nil
    }
    return strange.map {
      "it names \(String($0.prefix(80)).debugDescription), which is no file of history"
    }
  }

  /// Before anything is opened: a manager that was killed between the renames of one file left its log
  /// under the new name and the rest under the old one.
  func finishSettingAside() {
    let untold = Set(readList().compactMap(LostHistory.init(line:)))
    for item in untold {
      guard let name = item.keptAs else { continue }
      let isThere = FileStatus(path: path(item.file)).map { $0.inode == item.inode }
      // Another one was made in its place: that was done after the last rename.
      guard isThere != false else { continue }
      try? rename(item.file, to: name)
    }
    state.withLock { $0.missing = untold }
  }

  func findMissing() {
    let untold = Set(state.withLock { $0.missing }.map(\.file))
    let gone = listed.map(\.file).filter { file in
      !untold.contains(file) && isGone(file)
    }
    state.withLock { state in
      state.missing.formUnion(gone.map { LostHistory($0) })
      writeList(state)
    }
    // Nothing is left to make their roll-ups of.
    let days = gone.compactMap { if case .raw(let day) = $0 { day } else { nil } }
    try? noteGone(Dictionary(days.map { ($0, keptHours(of: $0)) }) { first, _ in first })
  }

  /// Files that were removed, emptied or replaced while this manager ran, and not by it.
  func noticeGone() async throws(DiagnosticError) {
    let gone = state.withLock { state in
      state.files.filter { !state.closing.contains($0) && !isTheSame($0, state) }
    }
    for file in gone {
      do { try await inTurn { try self.letGo(of: file) } } catch {
        throw StoreFailure.diagnose(error, path: path(file))
      }
    }
  }

  /// Whether what was in a file is gone, as far as can be seen.
  private func isGone(_ file: HistoryFile) -> Bool {
    let path = path(file)
    guard let status = FileStatus(path: path) else { return FileStatus.isMissing(path) }
    return status.size == 0 || DurableFile.isOther(path)
  }

  private func isTheSame(_ file: HistoryFile, _ state: State) -> Bool {
    guard !isGone(file) else { return false }
    guard let known = state.open.first(where: { $0.file == file }),
      let status = FileStatus(path: path(file))
    else { return true }
    return known.inode == status.inode
  }

  /// What was in it is lost, and what is done with its days is done without it.
  private func letGo(of file: HistoryFile) throws {
    let pool = state.withLock { state -> DatabasePool?? in
      guard state.files.contains(file), !isTheSame(file, state) else { return nil }
      state.closing.insert(file)
      return .some(state.open.first { $0.file == file }?.pool)
    }
    guard let pool else { return }
    defer { state.withLock { _ = $0.closing.remove(file) } }
    try StoreFailure.makeAgain(folder: folder)
    try? pool?.close()
    let isThere = !isGone(file)
    if !isThere { try prepareWithout(file) }
    state.withLock { state in
      state.open.removeAll { $0.file == file }
      if !isThere { state.files.remove(file) }
      state.marks[file] = nil
      state.missing.insert(LostHistory(file))
      state.damaged[file.name] = nil
      state.noteReplaced(file)
      forget(file, &state)
      writeList(state)
      state.closing.remove(file)
    }
    if isThere {
      try learn(from: file)
    } else if case .rollUps(.minute, let month) = file {
      beginAnew(month)
    }
  }

  /// What has to be told, until `told`.
  var missing: [LostHistory] { state.withLock { $0.missing }.sorted { $0.line < $1.line } }

  enum DayStanding { case there, told, gone }

  /// Whether the file of a day's samples is there, or a loss of it waits to be told.
  func standing(of day: HistoryDay) -> DayStanding {
    let file = HistoryFile.raw(day)
    return state.withLock { state in
      if state.missing.contains(where: { $0.file == file }) { return .told }
      return state.files.contains(file) ? .there : .gone
    }
  }

  /// More may have been lost since these were given out.
  func told(_ losses: [LostHistory]) {
    state.withLock { state in
      state.missing.subtract(losses)
      writeList(state)
    }
  }

  /// Without the list a file that goes is not missed; that is no reason to stop. Answers whether it was
  /// written.
  @discardableResult
  func writeList(_ state: State) -> Bool {
    let files = state.files.map { ListedHistory($0, state.marks[$0]).line }
    let lines = files + state.missing.map(\.line)
    let text = lines.sorted().map { $0 + "\n" }.joined()
    return (try? DurableFile.write(Array(text.utf8), to: listPath)) != nil
  }

  // MARK: Days that are gone

  /// Beside the folder: the roll-ups, which tell it too, may be lost themselves.
  private var gonePath: String { folder + ".gone" }

  /// A day a line, then of some servers the hours that are kept: `2026-01-31 UUID:00ff10`.
  func readGone() {
    var bytes: [UInt8] = []
    do throws(FileError) { bytes = try DurableFile.readIfPresent(gonePath) ?? [] } catch {
      state.withLock { $0.listTroubles[gonePath] = "\(error)" }
    }
    var gone: [HistoryDay: [ServerID: HourSet]] = [:]
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      let parts = line.split(separator: " ")
      guard let day = parts.first.flatMap({ HistoryDay($0) }) else { continue }
      gone[day] = [:]
      for part in parts.dropFirst() {
        let pair = part.split(separator: ":")
        guard pair.count == 2, let server = ServerID(String(pair[0])),
          let bits = UInt32(pair[1], radix: 16)
        else { continue }
        gone[day]?[server] = HourSet(bits: bits)
      }
    }
    state.withLock { $0.gone = gone }
  }

  func isGone(_ day: HistoryDay) -> Bool { state.withLock { $0.gone[day] != nil } }

  /// The hours of a gone day that were kept of this server; `nil`: all that there are.
  func kept(_ server: ServerID, _ day: HistoryDay) -> Set<Int64>? {
    state.withLock { $0.gone[day]?[server] }.map { hours in Set(day.hours.filter(hours.contains)) }
  }

  /// The hours whose roll-ups are made of all that there is of them.
  func withoutKept(_ hours: [ServerID: Set<Int64>]) -> [ServerID: Set<Int64>] {
    let gone = state.withLock { $0.gone }
    guard !gone.isEmpty else { return hours }
    var left: [ServerID: Set<Int64>] = [:]
    for (server, hours) in hours {
      left[server] = hours.filter { hour in
        guard let marks = gone[HistoryDay(ofHour: hour)] else { return true }
        return marks[server].map { !$0.contains(hour) } ?? false
      }
    }
    return left
  }

  /// On disk when it returns.
  func noteGone(_ days: [HistoryDay: [ServerID: HourSet]]) throws {
    guard !days.isEmpty else { return }
    try state.withLock { state in
      // Of months that nothing is left of there is nothing to be kept.
      let gone = state.gone.merging(days) { $1 }.filter { day, _ in
        days[day] != nil
          || RollUpTier.allCases.contains {
            state.files.contains(.rollUps($0, month: day.month))
          }
      }
      let text = gone.sorted { $0.key < $1.key }.map { day, servers in
        let hours = servers.sorted { $0.key < $1.key }.map {
          " \($0.key.text):\(String($0.value.bits, radix: 16))"
        }
        return day.text + hours.joined() + "\n"
      }
      try DurableFile.write(Array(text.joined().utf8), to: gonePath)
      state.gone = gone
    }
  }
}

/// Hours of one day.
struct HourSet: Hashable, Sendable {
  /// Bit 0 is the first hour.
  private(set) var bits: UInt32

  init(bits: UInt32 = 0) { self.bits = bits }

  /// - Parameter hour: counted from the epoch, as in `contains`.
  mutating func insert(_ hour: Int64) { bits |= Self.bit(hour) }
  func contains(_ hour: Int64) -> Bool { bits & Self.bit(hour) != 0 }

  private static func bit(_ hour: Int64) -> UInt32 {
    1 << UInt32(hour - floorDivide(hour, 24) * 24)
  }
}
