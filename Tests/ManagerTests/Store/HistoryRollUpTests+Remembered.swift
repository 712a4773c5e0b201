import GRDB
import ManagerCore
import Protocol
import Testing

@testable import Manager

/// Roll-ups that were read once are not read again, until something is written to their day.
extension HistoryRollUpTests {
  private static let minutes = HistoryFile.rollUps(.minute, month: "2026-11")

  /// Takes all hours and days away, as nobody of us does.
  private func empty(_ file: HistoryFile, of store: StateStore) throws {
    let queue = try DatabaseQueue(path: store.history.path(file))
    try queue.write { try $0.execute(sql: "DELETE FROM hours; DELETE FROM days") }
    try queue.close()
  }

  @Test func roundsOfTheSameQuestionReadNoRollUpTwice() async throws {
    let directory = try TemporaryDirectory()
    let store = try await store(directory)
    let blocks = Self.blocks()
    try await append(blocks, to: store)
    // The middle of the second day: hours and a day that is put together.
    try await rollUp(store, now: Given.now + 36 * Self.hour)
    #expect(store.history.rollUpsRead.bytes == 0)
    let whole = try await answer(store, tier: .minute, blocks)
    #expect(store.history.rollUpsRead.bytes > 0)
    try empty(Self.minutes, of: store)
    #expect(try await answer(store, tier: .minute, blocks) == whole)
    // Another day's change is none of theirs, nor another server's.
    store.history.noteChange(of: HistoryDay(number: 1), of: Given.server(1), in: Self.minutes)
    store.history.noteChange(of: HistoryDay(of: Given.now), of: Given.server(2), in: Self.minutes)
    #expect(try await answer(store, tier: .minute, blocks) == whole)
    store.history.noteChange(of: HistoryDay(of: Given.now), of: Given.server(1), in: Self.minutes)
    let rest = try await answer(store, tier: .minute, blocks)
    #expect(rest != whole)
    #expect(rest.map(\.samples).reduce(0, +) > 0)
    store.history.close()
  }

  @Test func whatIsRememberedIsNothingOnceItsFileIsGone() async throws {
    let directory = try TemporaryDirectory()
    let store = try await store(directory)
    let blocks = Self.blocks()
    try await append(blocks, to: store)
    try await rollUp(store)
    let whole = try await answer(store, tier: .minute, blocks)
    let days = Set(blocks.map { HistoryDay(of: $0.fromNanoseconds) })
    try store.history.remove(Self.minutes)
    // One that is made anew under its name has only what is rolled up from now on.
    try await store.history.markGone(HistoryDay(number: days.map(\.number).min() ?? 0))
    #expect(store.history.files.contains(Self.minutes))
    #expect(try await answer(store, tier: .minute, blocks).isEmpty)
    #expect(!whole.isEmpty)
    store.history.close()
  }

  /// What who was asked before says is what somebody says who remembers nothing.
  private func compareAnew(_ store: StateStore, _ comment: String) async throws {
    let anew = try HistoryFiles(folder: store.history.folder)
    defer { anew.close() }
    let ids = (0..<SeriesID(Self.seriesCount)).map { $0 }
    for tier in RollUpTier.allCases {
      let told = try await store.history.material(ids, servers: nil, 0...Int64.max, tier: tier)
      let right = try await anew.material(ids, servers: nil, 0...Int64.max, tier: tier)
      for id in ids {
        #expect(
          Self.ordered(told.rollUps[id]) == Self.ordered(right.rollUps[id]),
          "series \(id), \(tier.name) \(comment)")
      }
      #expect(told.columns == right.columns, "\(tier.name) \(comment)")
    }
  }

  /// Of two servers that have a series, either may be read first.
  private static func ordered(_ rollUps: [RollUp]?) -> [RollUp] {
    (rollUps ?? []).sorted { $0.lastNanoseconds < $1.lastNanoseconds }
  }

  /// Two servers had each series, as a target has that moves between them; what comes late for one of
  /// them, and its day that is put together, is none of the other's.
  @Test func aChangeOfOneServersDayIsReadAndTheOthersIsRemembered() async throws {
    let directory = try TemporaryDirectory()
    let store = try await store(directory)
    let late = 5
    var blocks = [Self.blocks(1), Self.blocks(2)]
    let missing = blocks[1].remove(at: late)
    for blocks in blocks { try await append(blocks, to: store) }
    let now = Given.now + 36 * Self.hour
    let natures: HistoryFiles.Natures = { ids throws(DiagnosticError) in
      try await store.natures(of: ids)
    }
    for task in store.history.hoursToRollUp(now: now, patience: 0) {
      _ = try await store.history.rollUp(task, natures: natures)
      try await compareAnew(store, "\(task) is rolled up")
    }
    let days = store.history.daysToJoin(now: now, patience: 0)
    #expect(Set(days.map(\.server)).count == 2)
    for item in days {
      try await store.history.join(item.server, item.day, natures: natures)
      try await compareAnew(store, "\(item) is put together")
    }
    try await append([missing], to: store)
    try await compareAnew(store, "late")
    try await rollUp(store, now: now)
    try await compareAnew(store, "late and rolled up")
    store.history.close()
  }

  /// Each late block makes its hours dirty, and takes days apart.
  @Test func whatComesLateIsInTheNextAnswerWhateverWasRemembered() async throws {
    let directory = try TemporaryDirectory()
    let store = try await store(directory)
    let blocks = Self.blocks()
    let late = [3, 17, 30]
    try await append(
      blocks.indices.filter { !late.contains($0) }.map { blocks[$0] }, to: store)
    try await rollUp(store)
    try await compareAnew(store, "none")
    for place in late {
      try await append([blocks[place]], to: store)
      try await compareAnew(store, "\(place) is not rolled up")
      try await rollUp(store, now: Given.now + 36 * Self.hour)
      try await compareAnew(store, "\(place) is rolled up")
      try await compareAnew(store, "\(place) again")
    }
    try await rollUp(store)
    try await compareAnew(store, "all")
    try await compare(store, with: blocks)
    store.history.close()
  }

  /// An hour that is dirty is left out of what is read; it is no hour without roll-ups.
  @Test func anHourThatWasLeftOutIsReadWhenItCountsAgain() async throws {
    let directory = try TemporaryDirectory()
    let store = try await store(directory)
    let blocks = Self.blocks()
    try await append(blocks, to: store)
    try await rollUp(store, now: Given.now + 20 * Self.hour)
    let hours: Set<Int64> = [RollUpTier.hour.bucket(of: Given.now + 3 * Self.hour)]
    store.history.soil([Given.server(1): hours], newest: [:])
    try await compare(store, with: blocks, "dirty")
    store.history.clean(Given.server(1), hours)
    try await compare(store, with: blocks, "clean")
    store.history.close()
  }
}
