import Foundation
import GRDB
import ManagerCore
import Platform
import Protocol
import Synchronization
import Testing

@testable import Manager

/// The manager over damaged history: nothing stops, nothing is stored twice, and all of it is told.
@Suite struct HistoryDamageSiteTests {
  private static let stream = Given.stream(1)

  private func send(_ orders: ClosedRange<UInt64>, to manager: FrameSite) async throws {
    for order in orders {
      try await manager.send(ToldBatch(stream: Self.stream, order: order, values: ["a": order]))
    }
    await manager.site.flush(force: true)
  }

  private func rawName(_ directory: TemporaryDirectory) throws -> String {
    try #require(
      try FileManager.default.contentsOfDirectory(atPath: directory.path + "/history").first {
        $0.hasPrefix("raw-") && $0.hasSuffix(".sqlite")
      })
  }

  @Test func anErrorThatPassesStoresNothingTwiceAndStopsNothing() async throws {
    for errors in 0...1 {
      let directory = try TemporaryDirectory()
      do {
        let manager = try await FrameSite(directory.path)
        // Above a hole: nothing but the blocks knows that they are stored.
        try await send(3...4, to: manager)
        #expect(await manager.acknowledged(Self.stream) == 0)
        try manager.store.close()
      }
      let left = Mutex(errors)
      let manager = try await FrameSite(
        directory.path,
        historyStep: { point in
          let isNow =
            point == "read orders"
            && left.withLock { left in
              defer { left -= 1 }
              return left > 0
            }
          if isNow { throw DatabaseError(resultCode: .SQLITE_CORRUPT) }
        })
      try await send(1...5, to: manager)
      #expect(await manager.acknowledged(Self.stream) == 5)
      #expect(await manager.site.readiness().isEmpty)
      #expect(manager.store.history.damaged.isEmpty)
      let content = try await manager.content()
      #expect(content.map(\.order).sorted() == [1, 2, 3, 4, 5])
      #expect(await manager.site.counters.duplicateBatches == 2)
      try manager.store.close()
    }
  }

  @Test func whatIsSetAsideJustBeforeAStopIsToldToEachServerOnce() async throws {
    let directory = try TemporaryDirectory()
    let name: String
    do {
      let manager = try await FrameSite(directory.path)
      try await send(1...2, to: manager)
      name = try rawName(directory)
      manager.store.history.close()
      try directory.put("history/" + name, [UInt8](repeating: 0x5a, count: 40_000))
      try await send(3...4, to: manager)
      #expect(await manager.acknowledged(Self.stream) == 4)
      #expect(await manager.site.readiness().isEmpty)
      try manager.store.close()
    }
    for _ in 1...2 {
      let manager = try await FrameSite(directory.path)
      for server in [1, 2].map(Given.server) {
        let reasons = try await manager.store.losses(of: server).map(\.reason)
        #expect(reasons == ["history/\(name) is damaged, and kept as history/\(name).damaged"])
      }
      #expect(manager.store.history.missing.isEmpty)
      try manager.store.close()
    }
  }

  @Test func whatIsSetAsideCountsAndGoesBeforeAnythingGood() async throws {
    let directory = try TemporaryDirectory()
    do {
      let manager = try await FrameSite(directory.path)
      try await send(1...2, to: manager)
      try manager.store.close()
    }
    let name = try rawName(directory)
    try directory.put("history/" + name, [UInt8](repeating: 0x5a, count: 400_000))
    var keeping = HistoryRetention()
    keeping.bytes = 2_000_000
    for isTooMuch in [false, true] {
      if isTooMuch { keeping.bytes = 300_000 }
      let manager = try await FrameSite(directory.path, keeping: keeping)
      try await send(isTooMuch ? 5...6 : 3...4, to: manager)
      let finding = try #require(manager.store.history.damaged.first?.finding)
      #expect(finding.reason.contains("it takes 400000 bytes"))
      await manager.site.trim(isHourly: false)
      let isThere = FileManager.default.fileExists(
        atPath: directory.path + "/history/\(name).damaged")
      #expect(isThere != isTooMuch)
      #expect(manager.store.history.damaged.isEmpty == isTooMuch)
      #expect(await (manager.site.historyBytes > 400_000) != isTooMuch)
      #expect(await (manager.site.counters.historyRemovedBytes == 400_000) == isTooMuch)
      #expect(manager.store.history.rawDays.count == 1)
      try manager.store.close()
    }
  }
}
