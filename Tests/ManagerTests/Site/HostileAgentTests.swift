import Foundation
import ManagerCore
import Protocol
import Testing

@testable import Manager

/// What one agent may do to others and to the manager's own word.
@Suite struct HostileAgentTests {
  @Test func anAgentMayNotSpeakUnderTheManagersNames() async throws {
    let directory = try TemporaryDirectory()
    let log = APIRecordedLog()
    let manager = try await FrameSite(directory.path, logger: log.logger)
    let stream = Given.stream(1)
    for order in UInt64(1)...3 {
      try await manager.send(
        ToldBatch(
          stream: stream, order: order,
          values: ["iml_manager_samples_ingested_total": 9, "iml_x": order, "a": order]))
    }
    await manager.site.flush(force: true)
    #expect(await manager.acknowledged(stream) == 3)
    let answer = try await manager.site.query(MetricRequest(metric: "a", by: ["server"]))
    #expect(answer.groups.map(\.samples) == [3])
    let refused = await refusal {
      _ = try await manager.site.query(MetricRequest(metric: "iml_x"))
    }
    #expect(refused?.code == "not-found")
    #expect(await manager.site.metricNames().map(\.name) == ["a"])
    #expect(await manager.site.exposition().contains("iml_manager_series_refused_total 6"))
    let lines = log.lines.filter { $0.contains("names that begin with iml_") }
    #expect(lines.count == 1, "once a session: \(lines)")
    #expect(lines.first?.contains("iml_x") == true)
  }

  @Test func aHelloOfManyLivesIsOneLineOfTheLog() async throws {
    let directory = try TemporaryDirectory()
    let log = APIRecordedLog()
    let manager = try await FrameSite(directory.path, logger: log.logger)
    let stamp = Stamp(bootNanoseconds: 1, wallNanoseconds: 1)
    let lives = (0..<1_024).map { number in
      HeldLife(
        boot: BootID("boot"), incarnation: "life\(number)", firstOrder: 5, lastOrder: 9,
        firstStamp: stamp, lastStamp: stamp,
        lost: [LostBatches(from: 6, through: 7, samples: 2)])
    }
    let hello = Hello(
      server: Given.server(1), boot: BootID("boot"), incarnation: "now", hostname: "oss01",
      agentVersion: "1", highestOrder: 0, lives: lives, readsTree: false)
    for session in 1...2 {
      try await manager.site.openLives(of: hello, sent: stamp)
      await manager.site.flush()
      let lines = log.lines.filter { $0.contains("lost") }
      #expect(lines.count == 1, "session \(session): \(lines.prefix(3))")
      #expect(lines.first?.contains("\"losses\": 2048") == true)
      #expect(lines.first?.contains("\"batches\": 6144") == true)
      #expect(lines.first?.contains("boot/life0: 2, boot/life0: 4, boot/life1: 2") == true)
    }
    #expect(try await manager.store.losses(of: Given.server(1), newest: 5_000).count == 2_048)
  }
}

extension Site {
  fileprivate func openLives(of hello: Hello, sent: Stamp) async throws {
    var chain: [LifeChain.Link] = []
    _ = try await openLives(hello, ClockModel(boot: hello.boot), sent, &chain)
  }
}
