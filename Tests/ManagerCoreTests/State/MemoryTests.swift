import Protocol
import Testing

@testable import ManagerCore

/// What is known of a server that never comes back survives the manager, and counts for nothing.
@Suite struct MemoryTests {
  /// A site that ran for a while, was written down as it went, and whose manager was killed.
  private func killed(after seconds: Int) throws -> (Stage, Written) {
    var stage = try Stage.pair()
    var section = try #require(stage.servers["oss01"]?.targets["fs1-OST0000"])
    section.device = "/dev/mapper/ost0"
    section.mountPoint = "/mnt/ost0"
    stage.servers["oss01"]?.targets["fs1-OST0000"] = section
    var written = Written()
    let oss01 = try #require(stage.servers["oss01"]?.id)
    for second in 0..<seconds {
      try stage.run()
      stage.site.valueArrived(
        server: oss01,
        subject: .target(TargetReference(label: "fs1-OST0000", mgs: ["10.0.0.1@tcp"])),
        metric: CapacityMetric.bytesTotal, bits: SampleBits(1_000 + second), at: stage.now)
      written.take(&stage)
    }
    return (stage, written)
  }

  @Test func factsCapacityAndVersionsSurviveWithTheirAge() throws {
    let (stage, written) = try killed(after: 400)
    let next = written.restarted(stage, after: 3_600)
    let target = try next.site.targetDetail("fs1-OST0000", at: next.now)
    #expect(target.device == "/dev/mapper/ost0")
    #expect(target.mountPoint == "/mnt/ost0")
    #expect(target.summary.backend == "ldiskfs")
    #expect((target.summary.bytesTotal ?? 0) >= 1_000)
    #expect(target.summary.state == .unknown)
    #expect(target.claims.allSatisfy { !$0.isCurrent })
    let age = try #require(target.summary.evidenceSecondsAgo)
    #expect((3_600...3_901).contains(age), "\(age)")
    let server = try next.site.serverDetail("oss01", at: next.now)
    #expect(server.summary.contact == .lost)
    #expect(server.summary.health == .unknown)
    #expect(server.summary.lustreVersion == "2.15.4")
    #expect(server.agentVersion == "1.0")
    #expect(server.sections.allSatisfy { !$0.isCurrent && $0.evidenceSecondsAgo >= 3_600 })
  }

  @Test func aKilledManagerHasWhatWasSaidTenSecondsBefore() throws {
    let (stage, written) = try killed(after: 15)
    let next = written.restarted(stage, after: 60)
    #expect(try next.site.targetDetail("fs1-OST0000", at: next.now).device == "/dev/mapper/ost0")
  }

  @Test func aSiteThatSaysNothingNewWritesNothingNew() throws {
    var (stage, written) = try killed(after: 20)
    let before = written.memoriesWritten
    for _ in 0..<700 {
      try stage.run()
      written.take(&stage)
    }
    #expect(written.memoriesWritten == before)
  }

  @Test func whatWasRememberedIsConfirmedOrGoneWithTheFirstWord() throws {
    let (stage, written) = try killed(after: 20)
    var same = written.restarted(stage, after: 5)
    for name in ["mds01", "oss01", "oss02"] { same.connect(name) }
    #expect(same.target("fs1-OST0000")?.state == .unknown)
    try same.run(2)
    #expect(same.target("fs1-OST0000")?.state == .mounted)
    var moved = written.restarted(stage, after: 5)
    moved.unmount("fs1-OST0000", on: "oss01")
    for name in ["mds01", "oss01", "oss02"] { moved.connect(name) }
    try moved.run(2)
    #expect(moved.target("fs1-OST0000")?.state == .unmounted)
    #expect(try moved.site.targetDetail("fs1-OST0000", at: moved.now).device == nil)
    var rebooted = written.restarted(stage, after: 5)
    rebooted.servers["oss01"]?.boot = "boot-2"
    rebooted.connect("oss01")
    #expect(try rebooted.site.serverDetail("oss01", at: rebooted.now).sections.isEmpty)
  }

  /// What was written down by a clock that was ahead is no younger with each restart.
  @Test func agesOfASilentServerGoOnAfterTheClockWasSetBack() throws {
    var (stage, written) = try killed(after: 20)
    stage.cut("oss01")
    try stage.run(5)
    let step = -600 * Stage.second
    stage.now.wallNanoseconds += step
    stage.site.wallClockSet(by: step, at: stage.now)
    written.take(&stage)
    for restart in 1...3 {
      var next = written.restarted(stage, after: Double(restart * 10))
      let heard = try #require(next.server("oss01")?.heardSecondsAgo)
      #expect((5 + restart * 10...7 + restart * 10).contains(Int(heard)), "\(restart): \(heard)")
      let seen = try next.site.targetDetail("fs1-OST0000", at: next.now).summary.evidenceSecondsAgo
      #expect(try #require(seen) >= Double(5 + restart * 10))
      written.take(&next)
    }
  }

  /// The clock was put right while no manager ran; one that lives was heard until then.
  @Test func agesOfASilentServerGoOnWhereTheClockWasSetBackUnseen() throws {
    let (begun, _) = try killed(after: 20)
    var (stage, written) = (begun, Written())
    stage.cut("oss01")
    try stage.run(30)
    for id in stage.servers.values.map(\.id) { stage.site.persist(id, at: stage.now) }
    written.take(&stage)
    let next = written.restarted(stage, after: -600)
    #expect(next.server("oss02")?.heardSecondsAgo == 0)
    let heard = try #require(next.server("oss01")?.heardSecondsAgo)
    let seen = try next.site.targetDetail("fs1-OST0000", at: next.now).summary.evidenceSecondsAgo
    #expect((29...32).contains(Int(heard)))
    #expect(try (heard...heard + 2).contains(#require(seen)), "\(seen ?? -1) after \(heard)")
  }

  @Test func aMoveToAnotherServerAfterTheRestartIsNoDoubleClaim() throws {
    let (stage, written) = try killed(after: 20)
    var next = written.restarted(stage, after: 30)
    next.mount("fs1-OST0000", on: "oss02")
    next.connect("oss02")
    next.connect("mds01")
    try next.run(3)
    #expect(next.target("fs1-OST0000")?.state == .mounted)
    #expect(next.target("fs1-OST0000")?.activeOn == "oss02")
    #expect(next.findings(.targetOnTwoServers).isEmpty)
  }

  @Test func whatWaitsForAStoreThatFailsIsOneOfEachRecord() throws {
    var stage = try Stage.pair()
    var waiting: [StateEffect] = []
    let id = try #require(stage.servers["oss01"]?.id)
    for _ in 0..<50 {
      try stage.run()
      stage.site.persist(id, at: stage.now)
      waiting = StateEffect.coalesced(waiting + stage.site.takeEffects())
    }
    #expect(waiting.count < 20)
    guard
      case .persistServer(let record)? = waiting.last(where: {
        if case .persistServer(let record) = $0 { record.id == id } else { false }
      })
    else {
      Issue.record("no record of the server waits")
      return
    }
    #expect(record.lastHeardNanoseconds == stage.now.wallNanoseconds, "the newest of them")
    // A removal keeps its place: what comes back is written after it.
    let back: [StateEffect] = [.persistServer(record), .removeServer(id), .persistServer(record)]
    #expect(StateEffect.coalesced(back) == [.removeServer(id), .persistServer(record)])
  }

  @Test func theFrameLogTellsToTheSecondWhenATargetWasSeen() throws {
    let (stage, written) = try killed(after: 200)
    var next = written.restarted(stage, after: 40)
    let target = try #require(next.target("fs1-OST0000")?.id)
    let before = try #require(next.target("fs1-OST0000")?.evidenceSecondsAgo)
    #expect(before > 100)
    let oss01 = try #require(next.servers["oss01"]?.id)
    let seen = next.now.wallNanoseconds - 41 * Stage.second
    next.site.valueReplayed(
      target,
      ReplayedValue(
        server: oss01, metric: CapacityMetric.bytesTotal, bits: 77, nanoseconds: seen),
      at: next.now)
    #expect(next.target("fs1-OST0000")?.evidenceSecondsAgo == 41)
    #expect(next.target("fs1-OST0000")?.bytesTotal == 77)
    #expect(next.target("fs1-OST0000")?.state == .unknown)
  }
}
