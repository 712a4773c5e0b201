import Protocol
import Testing

@testable import ManagerCore

@Suite struct FindingTests {
  @Test func everyRuleHasACodeOfItsOwnAndRaisesNothingElse() throws {
    #expect(Set(AlertRules.all.map(\.code)).count == AlertRules.all.count)
    #expect(AlertRules.all.count == 24)
    var stage = try Stage.pair()
    #expect(stage.site.status(at: stage.now).findings.isEmpty)
    stage.mount("fs1-OST0000", on: "oss02")
    stage.servers["oss02"]?.cycles["lnet"] = .failed("EIO")
    try stage.run(3)
    stage.cut("oss01")
    try stage.run(3)
    let snapshot = SiteSnapshot(stage.site, at: stage.now)
    for rule in AlertRules.all {
      #expect(rule.evaluate(snapshot).allSatisfy { $0.diagnostic.code == rule.code.rawValue })
    }
    #expect(Set(AlertRules.findings(in: snapshot).map(\.diagnostic.code)).count >= 3)
  }

  @Test func everyFindingSaysWhyAndWhatToTypeNext() throws {
    var stage = try Stage.pair()
    stage.mount("fs1-OST0000", on: "oss02")
    try stage.run(2)
    stage.cut("oss01")
    stage.cut("mds01")
    try stage.run(10)
    for finding in stage.site.status(at: stage.now).findings {
      #expect(!finding.diagnostic.reason.isEmpty)
      #expect(finding.diagnostic.remedy.contains("iml "))
      #expect(finding.ageSeconds > 0)
    }
  }

  @Test func aLostServerIsAnErrorSinceItWasLastHeard() throws {
    var stage = try Stage.pair()
    stage.cut("oss01")
    stage.pass(2)
    #expect(stage.findings(.serverSuspect).map(\.diagnostic.severity).contains(.warning))
    stage.pass(40)
    let finding = try #require(
      stage.findings(.serverLost).first { $0.diagnostic.subject == "oss01" })
    #expect(finding.diagnostic.severity == .error)
    #expect(finding.ageSeconds == 42)
    #expect(finding.diagnostic.reason == "oss01 has not been heard for 42 s")
    #expect(finding.diagnostic.remedy == "iml server show oss01")
  }

  @Test func ofARevokedServerItsRevocationIsTheReason() throws {
    var stage = try Stage.pair()
    let id = try #require(stage.servers["oss01"]?.id)
    stage.cut("oss01")
    stage.pass(40)
    stage.site.revocationsKnown([id])
    let finding = try #require(
      stage.findings(.serverLost).first { $0.diagnostic.subject == "oss01" })
    #expect(
      finding.diagnostic.reason
        == "oss01 has not been heard for 40 s; its certificate is revoked, so its agent is not let in"
    )
    #expect(finding.diagnostic.remedy.contains("iml server token create"))
    #expect(finding.diagnostic.remedy.hasSuffix("iml server forget oss01"))
    stage.site.revocationsKnown([])
    let reasons = stage.findings(.serverLost).map(\.diagnostic.reason)
    #expect(reasons.contains("oss01 has not been heard for 40 s"))
  }

  @Test func aServerThatWasNeverHeardIsSaidToBe() throws {
    var stage = Stage()
    stage.enrol("oss01")
    stage.pass(30)
    let finding = try #require(stage.findings(.serverLost).first)
    #expect(finding.diagnostic.severity == .warning)
    #expect(finding.diagnostic.reason == "oss01 has never been heard")
    #expect(finding.ageSeconds == 30)
  }

  @Test func whatHealthCheckSaysIsToldWithItsDevices() throws {
    var stage = try Stage.pair()
    stage.servers["oss01"]?.health = .unhealthy
    stage.servers["oss01"]?.unhealthyDevices = ["fs1-OST0000"]
    try stage.run(5)
    let finding = try #require(stage.findings(.serverUnhealthy).first)
    #expect(finding.diagnostic.reason == "health_check says unhealthy: fs1-OST0000")
    #expect(finding.ageSeconds == 4)
    #expect(stage.server("oss01")?.health == .unhealthy)
    #expect(stage.site.status(at: stage.now).health == .unhealthy)
    stage.servers["oss01"]?.cycles["lustre"] = .stalled
    try stage.run()
    #expect(stage.findings(.serverUnhealthy).isEmpty)
    #expect(stage.server("oss01")?.health == .unknown)
  }

  @Test(arguments: [nil, LustreHealth.unrecognised])
  func aHealthThatIsNotToldIsAFinding(_ told: LustreHealth?) throws {
    var stage = try Stage.pair()
    stage.servers["oss01"]?.health = told
    try stage.run(5)
    let finding = try #require(stage.findings(.healthNotTold).first)
    #expect(finding.diagnostic.subject == "oss01")
    #expect(finding.diagnostic.severity == .warning)
    #expect(finding.diagnostic.reason.hasPrefix("health_check "))
    #expect(finding.diagnostic.reason.hasSuffix(": whether Lustre is well there is not known"))
    #expect(finding.ageSeconds == 4)
    #expect(stage.server("oss01")?.health == .unknown)
    stage.servers["oss01"]?.health = .healthy
    try stage.run(2)
    #expect(stage.findings(.healthNotTold).isEmpty)
  }

  @Test func anInterfaceOfLNetThatIsDownIsAWarning() throws {
    var stage = try Stage.pair()
    stage.servers["oss01"]?.downNIDs = ["10.0.0.2@tcp"]
    try stage.run(3)
    let finding = try #require(stage.findings(.lnetInterfaceDown).first)
    #expect(finding.diagnostic.severity == .warning)
    #expect(
      finding.diagnostic.reason == "LNet is down at 10.0.0.2@tcp: no peer reaches oss01 by it")
    #expect(stage.site.status(at: stage.now).health == .degraded)
    stage.servers["oss01"]?.cycles["lnet"] = .stalled
    try stage.run()
    #expect(stage.findings(.lnetInterfaceDown).isEmpty, "only what is known now")
  }

  @Test func aConnectionThatIsCutIsAWarningWhereItsTargetIsMounted() throws {
    var stage = try Stage.pair()
    stage.importing(
      "fs1-OST0000", on: "mds01", failover: ["10.0.0.2@tcp", "10.0.0.3@tcp"], state: "DISCONN")
    try stage.run(3)
    let finding = try #require(stage.findings(.importDisconnected).first)
    #expect(finding.diagnostic.severity == .warning)
    #expect(finding.diagnostic.subject == "mds01")
    #expect(
      finding.diagnostic.reason
        == "connection fs1-OST0000-osc DISCONN: mds01 does not reach what is mounted there")
    #expect(stage.site.status(at: stage.now).health == .degraded)
    for (label, count) in [("fs1-OST0000", 1), ("fs1-OST0001", 0)] {
      #expect(try stage.site.targetDetail(label, at: stage.now).findings.count == count)
    }
    stage.unmount("fs1-OST0000", on: "oss01")
    try stage.run(2)
    #expect(stage.findings(.importDisconnected).map(\.diagnostic.severity) == [.info])
  }

  @Test func aConnectionThatAnOperatorDeactivatedIsToldOnce() throws {
    var stage = try Stage.pair()
    stage.importing("fs1-OST0000", on: "mds01", failover: ["10.0.0.2@tcp"], state: "DISCONN")
    stage.servers["mds01"]?.devices = [
      .init(status: "UP", type: "mgs", name: "MGS"),
      .init(status: "UP", type: "mdt", name: "fs1-MDT0000"),
      .init(status: "IN", type: "osp", name: "fs1-OST0000-osc"),
    ]
    try stage.run(2)
    #expect(stage.findings(.deviceNotUp).count == 1)
    #expect(stage.findings(.importDisconnected).isEmpty)
  }

  @Test func collectorsThatFailHangOrFallSilentAreThreeThings() throws {
    var stage = try Stage.pair()
    stage.servers["mds01"]?.cycles["lnet"] = .failed("EACCES")
    stage.servers["oss01"]?.cycles["lnet"] = .stalled
    stage.servers["oss02"]?.cycles["lnet"] = .silent
    try stage.run(4)
    #expect(stage.findings(.collectorFailed).map(\.diagnostic.subject) == ["mds01"])
    #expect(stage.findings(.collectorStalled).map(\.diagnostic.subject) == ["oss01"])
    #expect(stage.findings(.evidenceStale).map(\.diagnostic.subject) == ["oss02"])
    #expect(stage.findings(.collectorFailed).first?.ageSeconds == 3)
    for name in ["mds01", "oss01", "oss02"] { #expect(stage.server(name)?.health == .degraded) }
    #expect(stage.site.status(at: stage.now).health == .degraded)
  }

  @Test func aReadThatFailsWithinAWorkingCollectorIsAFindingOfItsTarget() throws {
    var stage = try Stage.pair()
    #expect(stage.site.status(at: stage.now).health == .healthy)
    stage.servers["oss01"]?.fates = [
      .init(
        name: "ost/fs1-OST0000", outcome: .sampled, reason: nil, leftovers: [],
        failures: ["obdfilter.fs1-OST0000.stats: EIO"]),
      .init(
        name: "lustre", outcome: .sampled, reason: nil, leftovers: [], failures: ["devices: EPERM"]),
    ]
    try stage.run(2)
    let finding = try #require(stage.findings(.readsFailing).first)
    #expect(finding.diagnostic.severity == .warning)
    #expect(
      finding.diagnostic.reason
        == "on oss01 2 reads fail: obdfilter.fs1-OST0000.stats: EIO; devices: EPERM")
    #expect(stage.server("oss01")?.health == .degraded)
    #expect(stage.site.status(at: stage.now).health == .degraded)
    let detail = try stage.site.targetDetail("fs1-OST0000", at: stage.now)
    #expect(detail.findings.map(\.diagnostic.code) == ["reads-failing"])
    #expect(try stage.site.targetDetail("fs1-OST0001", at: stage.now).findings.isEmpty)
    stage.servers["oss01"]?.fates = []
    try stage.run(2)
    #expect(stage.findings(.readsFailing).isEmpty)
  }

  @Test func whatIsNotUnderstoodIsAWordAndNoFault() throws {
    var stage = try Stage.pair()
    stage.servers["oss01"]?.fates = [
      .init(
        name: "ost/fs1-OST0000", outcome: .sampled, reason: nil,
        leftovers: ["obdfilter.fs1-OST0000.stats"], failures: [])
    ]
    try stage.run(2)
    let finding = try #require(stage.findings(.parametersNotUnderstood).first)
    #expect(finding.diagnostic.severity == .info)
    #expect(finding.diagnostic.reason.contains("obdfilter.fs1-OST0000.stats"))
    #expect(stage.site.status(at: stage.now).health == .healthy)
  }

  @Test(arguments: [("2.10.8", 0), ("2.12.0", 1), ("2.17.0", 1), (nil, 1)])
  func aServerThatHidesDebugfsIsNotHealthy(_ release: String?, _ expected: Int) throws {
    var stage = try Stage.pair()
    stage.servers["oss01"]?.release = release
    stage.servers["oss01"]?.debugfs = false
    try stage.run(2)
    #expect(stage.findings(.debugfsUnreadable).count == expected)
    #expect(stage.server("oss01")?.health == (expected == 0 ? .healthy : .degraded))
  }

  @Test func anAgentThatConnectsAndSaysNothingIsStaleNotHealthy() throws {
    var stage = Stage()
    stage.enrol("oss01")
    stage.connect("oss01")
    for collector in StagedServer.collectors { stage.servers["oss01"]?.cycles[collector] = .silent }
    try stage.run(2)
    #expect(stage.server("oss01")?.health == .unknown)
    try stage.run(2)
    #expect(stage.findings(.evidenceStale).count == 1)
  }

  @Test func aCollectorWithAPeriodOfItsOwnIsNotStaleBetweenItsCycles() throws {
    var stage = try Stage.pair()
    let id = try #require(stage.servers["oss01"]?.id)
    let end = CycleEnd(
      collector: "slow", outcome: .sampled, reason: nil,
      began: Stamp(bootNanoseconds: 0, wallNanoseconds: 0), periodMilliseconds: 10_000)
    stage.site.cycleEnded(id, end, evidenceNanoseconds: stage.now.wallNanoseconds, at: stage.now)
    try stage.run(29)
    #expect(stage.findings(.evidenceStale).isEmpty)
    try stage.run(1)
    #expect(stage.findings(.evidenceStale).count == 1)
  }

  @Test func aReadOnlyTargetIsAnErrorAndItsFileSystemDegraded() throws {
    var stage = try Stage.pair()
    stage.servers["oss01"]?.targets["fs1-OST0000"]?.readOnly = true
    try stage.run()
    let finding = try #require(stage.findings(.targetReadOnly).first)
    #expect(finding.diagnostic.severity == .error)
    #expect(stage.fileSystem?.state == .degraded)
    #expect(stage.fileSystem?.reason.hasPrefix("fs1-OST0000 is read-only") == true)
  }

  @Test(arguments: [6.0, -6.0])
  func aClockThatIsOffByMoreThanFiveSecondsIsSaid(seconds: Double) throws {
    var stage = try Stage.pair()
    let id = try #require(stage.servers["oss01"]?.id)
    stage.site.clockMeasured(id, offsetNanoseconds: 5 * Stage.second, at: stage.now)
    #expect(stage.findings(.clockSkewed).isEmpty)
    stage.site.clockMeasured(id, offsetNanoseconds: Int64(seconds * 1e9), at: stage.now)
    try stage.run(3)
    stage.site.clockMeasured(id, offsetNanoseconds: Int64(seconds * 1e9), at: stage.now)
    let finding = try #require(stage.findings(.clockSkewed).first)
    #expect(finding.ageSeconds == 3)
    #expect(
      finding.diagnostic.reason
        == "its clock is 6 s \(seconds > 0 ? "behind" : "ahead of") the manager's")
    #expect(stage.target("fs1-OST0000")?.state == .mounted)
  }

  @Test func lostSamplesAreSaidForAnHour() throws {
    var stage = try Stage.pair()
    let id = try #require(stage.servers["oss01"]?.id)
    stage.site.lossFound(
      id,
      SampleLoss(
        afterNanoseconds: nil, beforeNanoseconds: 5, batches: 12, samples: 100,
        reason: "the buffer was full"), at: stage.now)
    #expect(
      stage.findings(.samplesLost).first?.diagnostic.reason
        == "12 batches of samples are lost: the buffer was full")
    stage.pass(3_600)
    #expect(stage.findings(.samplesLost).isEmpty)
    #expect(try stage.site.serverDetail("oss01", at: stage.now).losses.count == 1)
  }

  @Test func aStoppedFileSystemsTargetsAreOnlyMentioned() throws {
    var stage = try Stage.pair()
    for (label, name) in [
      ("fs1-MDT0000", "mds01"), ("fs1-OST0000", "oss01"), ("fs1-OST0001", "oss02"),
    ] { stage.unmount(label, on: name) }
    try stage.run()
    #expect(stage.fileSystem?.state == .stopped)
    #expect(stage.findings(.targetAway).map(\.diagnostic.severity) == [.info, .info, .info])
    stage.mount("fs1-MDT0000", on: "mds01")
    try stage.run()
    #expect(stage.fileSystem?.state == .degraded)
    #expect(stage.findings(.targetAway).map(\.diagnostic.severity) == [.warning, .warning])
  }

  @Test func worstComesFirst() throws {
    var stage = try Stage.pair()
    stage.mount("fs1-OST0000", on: "oss02")
    try stage.run(3)
    stage.cut("mds01")
    try stage.run(5)
    let weights = stage.site.status(at: stage.now).findings.map(\.diagnostic.severity.weight)
    #expect(weights == weights.sorted(by: >))
    #expect(weights.first == Severity.emergency.weight)
  }

  @Test func detailsShowTheFindingsThatConcernThem() throws {
    var stage = try Stage.pair()
    stage.mount("fs1-OST0000", on: "oss02")
    try stage.run(2)
    let code = "target-on-two-servers"
    let now = stage.now
    #expect(try stage.site.serverDetail("oss01", at: now).findings.first?.diagnostic.code == code)
    #expect(try stage.site.serverDetail("mds01", at: now).findings.isEmpty)
    #expect(
      try stage.site.targetDetail("fs1-OST0000", at: now).findings.map(\.diagnostic.code) == [code])
    #expect(try stage.site.targetDetail("fs1-OST0001", at: now).findings.isEmpty)
    #expect(try stage.site.fileSystemDetail("fs1", at: now).findings.first?.diagnostic.code == code)
  }
}
