import Foundation
import ManagerCore
import Testing

@testable import Manager

/// Files of roll-ups that lost their end, while all samples are there.
extension HistoryRollUpTests {
  enum Cut: CaseIterable { case none, noneAfterAKill, logs, copies, copiesAfterAKill }

  private static func isRollUps(_ name: String) -> Bool {
    name.hasPrefix("1") && name.contains(".sqlite")
  }

  @Test(arguments: Cut.allCases) func whatIsCutIsMadeAgainOfSamples(_ cut: Cut) async throws {
    let directory = try TemporaryDirectory()
    let older = directory.path + "/older"
    let blocks = Self.blocks()
    var now = directory
    do {
      var store = try await self.store(directory)
      try await append(Array(blocks.prefix(20)), to: store)
      try await rollUp(store, now: Given.now + 28 * Self.hour)
      try store.close()
      try FileManager.default.copyItem(atPath: directory.path + "/history", toPath: older)
      now = try TemporaryDirectory()
      for name in ["state.sqlite", "history", "history.files"] {
        try FileManager.default.copyItem(
          atPath: directory.path + "/" + name, toPath: now.path + "/" + name)
      }
      store = try await self.store(now)
      #expect(store.history.cutRollUps.isEmpty)
      try await append(Array(blocks.dropFirst(20)), to: store)
      try await rollUp(store, now: Given.now + 100 * Self.hour)
      try await compare(store, with: blocks)
      if cut == .none || cut == .copies { try store.close() }
      if cut == .none {
        let next = try HistoryFiles(folder: now.path + "/history")
        #expect(next.cutRollUps.isEmpty)
        next.close()
      }
      let last = try TemporaryDirectory()
      for name in try FileManager.default.contentsOfDirectory(atPath: now.path)
      where name != "lock" {
        try FileManager.default.copyItem(
          atPath: now.path + "/" + name, toPath: last.path + "/" + name)
      }
      now = last
    }
    let folder = now.path + "/history/"
    var names = Set(try FileManager.default.contentsOfDirectory(atPath: folder))
    names = names.filter { Self.isRollUps($0) && $0.hasSuffix(".sqlite") }
    #expect(names.count == 3)
    for name in names where cut == .logs || cut == .copiesAfterAKill {
      for ending in ["-wal", "-shm"] {
        try? FileManager.default.removeItem(atPath: folder + name + ending)
      }
    }
    for name in try FileManager.default.contentsOfDirectory(atPath: older)
    where Self.isRollUps(name) && (cut == .copies || cut == .copiesAfterAKill) {
      try? FileManager.default.removeItem(atPath: folder + name)
      try FileManager.default.copyItem(atPath: older + "/" + name, toPath: folder + name)
    }
    let store = try await self.store(now)
    switch cut {
    case .none, .noneAfterAKill: #expect(store.history.cutRollUps.isEmpty)
    case .logs, .copies, .copiesAfterAKill: #expect(Set(store.history.cutRollUps) == names)
    }
    try await rollUp(store, now: Given.now + 100 * Self.hour)
    try await compare(store, with: blocks, "\(cut)")
    try store.close()
  }

  /// What is made again of samples is no loss.
  @Test func aFileThatGoesCostsWhatHasNoSamples() async throws {
    let directory = try TemporaryDirectory()
    let store = try await self.store(directory)
    try await append(Self.blocks(), to: store)
    try await rollUp(store, now: Given.now + 100 * Self.hour)
    let history = store.history
    let hours = HistoryFile.rollUps(.hour, month: "2026-11")
    #expect(history.lostTime(of: LostHistory(hours)) == nil)
    let days = history.rawDays
    try await history.markGone(days[0])
    try history.remove(.raw(days[0]))
    let lost = try #require(history.lostTime(of: LostHistory(hours)))
    #expect(lost.from == hours.begin && lost.before == days[1].begin)
    for tier in [RollUpTier.minute, .tenMinutes] {
      try history.remove(.rollUps(tier, month: "2026-11"))
    }
    // Nobody can tell any more.
    #expect(history.lostTime(of: LostHistory(hours))?.before == days[1].begin)
    #expect(history.lostTime(of: LostHistory(.raw(days[1])))?.before == days[1].end)
    try store.close()
  }
}
