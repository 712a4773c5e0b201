import Foundation
import ManagerCore
import Platform
import Protocol
import Synchronization
import Testing

@testable import Manager

/// A disk that is full loses the oldest samples, and what is rolled up of them answers on.
@Suite struct HistoryTrimTests {
  private static let days = 4
  private static let perDay: UInt64 = 144

  /// The first of the days, of which the last is that of now.
  private static func first(_ now: Int64) -> HistoryDay {
    HistoryDay(number: HistoryDay(of: now).number - Int64(days) + 1)
  }

  /// A batch each ten minutes of the days before today, and one of today.
  private func fill(_ directory: String, _ now: Int64) async throws -> [HistoryFile] {
    let store = try StateStore(directory: StateDirectory(path: directory))
    var write = HistoryWrite()
    write.series = [(7, Given.series("m"))]
    let first = Self.first(now)
    for day in 0..<UInt64(Self.days - 1) {
      let begin = first.begin + Int64(day) * Given.day
      write.blocks.append(
        HistoryBlock(
          of: (1...Self.perDay).map { number in
            StoredBatch(
              order: day * Self.perDay + number,
              nanoseconds: begin + Int64(number - 1) * 600 * Given.second,
              samples: [StoredSample(series: 7, source: 1, bits: number)])
          }, in: Given.stream(1)))
    }
    write.blocks.append(
      HistoryBlock(
        of: [
          StoredBatch(
            order: 10_000, nanoseconds: HistoryDay(of: now).begin,
            samples: [StoredSample(series: 7, source: 1, bits: 1)])
        ], in: Given.stream(1)))
    try await store.append(write, nanoseconds: now)
    let files = store.history.rawDays.map(HistoryFile.raw)
    try store.close()
    return files
  }

  private func samples(_ manager: FrameSite) async throws -> Int {
    let answer = try await manager.site.query(
      MetricRequest(metric: "m", seconds: Int64(Self.days) * 86_400))
    #expect(answer.groups.count == 1)
    return answer.groups.first?.samples ?? 0
  }

  @Test func aFullDiskLosesTheOldestSamplesFirstAndKeepsTheirRollUps() async throws {
    let directory = try TemporaryDirectory()
    let now = Clock.wall()
    let files = try await fill(directory.path, now)
    #expect(files.count == Self.days)
    let all = Int(Self.perDay) * (Self.days - 1) + 1
    do {
      let isFull = Mutex(true)
      let manager = try await FrameSite(
        directory.path, retention: .seconds(30 * 86_400),
        step: { point throws(DiagnosticError) in
          guard point == "store series and losses", isFull.withLock({ $0 }) else { return }
          throw DiagnosticError(.stateDirectoryUnusable, subject: "state", reason: "disk full")
        },
        freeBytes: { _ in isFull.withLock { $0 } ? 1 << 20 : 1 << 40 })
      #expect(try await samples(manager) == all)
      // Full alone is no reason; that something could not be stored is.
      await manager.site.trim(isHourly: false)
      #expect(manager.store.history.rawDays.count == Self.days)
      try await manager.send(
        ToldBatch(stream: Given.stream(2), order: 1, values: ["new": 1]))
      await manager.site.flush(force: true)
      #expect(await !manager.site.readiness().isEmpty)
      for round in 1..<Self.days + 2 {
        await manager.site.trim(isHourly: false)
        let left = max(1, Self.days - round)
        #expect(manager.store.history.rawDays.map(HistoryFile.raw) == Array(files.suffix(left)))
        #expect(try await samples(manager) == all, "round \(round)")
      }
      #expect(await manager.site.counters.historyRemovedBytes > 0)
      isFull.withLock { $0 = false }
      await manager.site.flush(force: true)
      #expect(await manager.site.readiness().isEmpty)
      try manager.store.close()
    }
    // What went was not lost without anybody's doing.
    let next = try await FrameSite(directory.path, retention: .seconds(30 * 86_400))
    #expect(next.store.history.missing.isEmpty)
    #expect(try await next.store.losses(of: Given.server(1)).isEmpty)
    #expect(try await samples(next) == all)
    try next.store.close()
  }

  /// Not even a roll-up can be written: the newest samples are worth more than the oldest.
  @Test func aDiskThatTakesNoRollUpGivesUpTheOldestDayNevertheless() async throws {
    let directory = try TemporaryDirectory()
    let files = try await fill(directory.path, Clock.wall())
    let isFull = Mutex(true)
    let manager = try await FrameSite(
      directory.path, retention: .seconds(30 * 86_400),
      step: { point throws(DiagnosticError) in
        guard point == "store series and losses", isFull.withLock({ $0 }) else { return }
        throw DiagnosticError(.stateDirectoryUnusable, subject: "state", reason: "disk full")
      },
      freeBytes: { _ in isFull.withLock { $0 } ? 1 << 20 : 1 << 40 },
      historyStep: { point in
        guard point == "store roll-ups", isFull.withLock({ $0 }) else { return }
        throw DiagnosticError(.stateDirectoryUnusable, subject: "history", reason: "disk full")
      })
    try await manager.send(ToldBatch(stream: Given.stream(2), order: 1, values: ["new": 1]))
    await manager.site.flush(force: true)
    await manager.site.trim(isHourly: false)
    #expect(manager.store.history.rawDays.map(HistoryFile.raw) == Array(files.dropFirst()))
    isFull.withLock { $0 = false }
    await manager.site.flush(force: true)
    await manager.site.rollUp()
    await manager.site.trim(isHourly: false)
    #expect(manager.store.history.rawDays.map(HistoryFile.raw) == Array(files.dropFirst()))
    #expect(try await samples(manager) == Int(Self.perDay) * (Self.days - 2) + 1)
    try manager.store.close()
  }
}
