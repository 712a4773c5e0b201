import Protocol
import Testing

@testable import ManagerCore

@Suite struct TargetStateTests {
  @Test(arguments: [RecoveryStatus?.none, .unrecognised])
  func aTargetWhoseRecoveryIsNotKnownIsUnknownAndNotMounted(_ recovery: RecoveryStatus?) throws {
    var stage = try Stage.pair()
    stage.mount("fs1-OST0000", on: "oss01", recovery: .recovering)
    try stage.run(2)
    #expect(stage.target("fs1-OST0000")?.state == .recovering)
    stage.mount("fs1-OST0000", on: "oss01", recovery: recovery)
    try stage.run(2)
    let target = try #require(stage.target("fs1-OST0000"))
    #expect(target.state == .unknown)
    #expect(target.activeOn == "oss01")
    #expect(target.reason.hasPrefix("active on oss01, seen"))
    #expect(target.reason.contains("recovery_status"))
    #expect(stage.findings(.targetUnknown).count == 1)
    #expect(stage.site.status(at: stage.now).health != .healthy)
    #expect(stage.fileSystem?.targetsActive == 3)
  }

  @Test func aTargetIsMountedByACurrentReport() throws {
    let stage = try Stage.pair()
    let target = try #require(stage.target("fs1-OST0000"))
    #expect(target.state == .mounted)
    #expect(target.activeOn == "oss01")
    #expect(target.failoverServers == ["oss02"])
    #expect(target.reason == "active on oss01, seen 0 s ago")
    #expect(stage.fileSystem?.state == .available)
    #expect(stage.site.status(at: stage.now).health == .healthy)
  }

  @Test func aSectionIsNoEvidenceUntilItsCycleHasEnded() throws {
    var stage = Stage()
    stage.enrol("oss01")
    stage.mount("fs1-OST0000", on: "oss01")
    stage.connect("oss01")
    let id = try #require(stage.servers["oss01"]?.id)
    for section in try #require(stage.servers["oss01"]).sections(of: "ost") {
      stage.site.sectionArrived(id, section, at: stage.now)
    }
    #expect(stage.target("fs1-OST0000")?.state == .unknown)
    try stage.run()
    #expect(stage.target("fs1-OST0000")?.state == .mounted)
  }

  @Test func silenceMakesATargetUnknownAndSaysSinceWhen() throws {
    var stage = try Stage.pair()
    stage.cut("oss01")
    try stage.run(42)
    let target = try #require(stage.target("fs1-OST0000"))
    #expect(target.state == .unknown)
    #expect(
      target.reason == "oss01 has not been heard for 42 s; last seen active there 42 s ago")
    #expect(target.activeOn == nil)
    #expect(target.lastActiveOn == "oss01")
    let age = try #require(target.evidenceSecondsAgo)
    #expect(abs(age - 42.1) < 0.001)
    #expect(stage.fileSystem?.state == .degraded)
  }

  @Test func aCollectorThatFallsSilentMakesItsTargetsUnknown() throws {
    var stage = try Stage.pair()
    stage.servers["oss01"]?.cycles["ost"] = .silent
    try stage.run(2)
    #expect(stage.target("fs1-OST0000")?.state == .mounted)
    try stage.run(1)
    let target = try #require(stage.target("fs1-OST0000"))
    #expect(target.state == .unknown)
    #expect(target.reason.contains("on oss01 the last report of the collector ost is 3 s old"))
  }

  @Test(arguments: [
    (StagedServer.Cycle.failed("EIO"), "on oss01 the collector ost fails (EIO)"),
    (.stalled, "on oss01 a read of the collector ost has not come back yet"),
  ])
  func aFailedOrHangingCollectorIsNoEvidence(cycle: StagedServer.Cycle, words: String) throws {
    var stage = try Stage.pair()
    stage.servers["oss01"]?.cycles["ost"] = cycle
    try stage.run()
    let target = try #require(stage.target("fs1-OST0000"))
    #expect(target.state == .unknown)
    #expect(target.reason.hasPrefix(words))
    stage.servers["oss01"]?.cycles["ost"] = .sampled
    try stage.run()
    #expect(stage.target("fs1-OST0000")?.state == .mounted)
  }

  @Test func readsThatHungForMinutesAreNoEvidenceOfNow() throws {
    var stage = try Stage.pair()
    stage.servers["oss01"]?.cycles["ost"] = .silent
    try stage.run(120)
    stage.servers["oss01"]?.cycles["ost"] = .sampled
    stage.pass(1)
    try stage.cycle("oss01", began: 119, only: ["ost"])
    #expect(stage.target("fs1-OST0000")?.state == .unknown)
  }

  @Test func unmountedNeedsTheWordOfEveryServerThatMayServeIt() throws {
    var stage = try Stage.pair()
    stage.unmount("fs1-OST0000", on: "oss01")
    try stage.run()
    #expect(stage.target("fs1-OST0000")?.state == .unmounted)
    #expect(
      stage.target("fs1-OST0000")?.reason
        == "not active on oss01, oss02; last seen active on oss01 1 s ago")
    stage.cut("oss02")
    try stage.run(4)
    let target = try #require(stage.target("fs1-OST0000"))
    #expect(target.state == .unknown)
    #expect(
      target.reason
        == "oss02 has not been heard for 4 s; last seen active on oss01 5 s ago")
  }

  @Test func aNIDWithoutAnAgentKeepsATargetUnknown() throws {
    var stage = try Stage.pair()
    stage.importing("fs1-OST0000", on: "mds01", failover: ["10.0.0.2@tcp", "10.0.0.77@tcp"])
    stage.unmount("fs1-OST0000", on: "oss01")
    try stage.run()
    let target = try #require(stage.target("fs1-OST0000"))
    #expect(target.state == .unknown)
    #expect(target.reason.contains("10.0.0.77@tcp may serve it, and no enrolled server has"))
    #expect(target.failoverServers == ["10.0.0.77@tcp"])
  }

  /// A server that is not enrolled yet may have it, and nobody could say so.
  @Test func withoutImportsNobodyKnowsThatATargetIsUnmounted() throws {
    var stage = try Stage.pair()
    stage.mount("fs2-OST0000", on: "oss01")
    try stage.run()
    stage.enrol("oss03")
    stage.unmount("fs2-OST0000", on: "oss01")
    try stage.run()
    let target = try #require(stage.target("fs2-OST0000"))
    #expect(target.state == .unknown)
    #expect(target.reason.contains("oss03 has never been heard"))
    stage.connect("oss03")
    try stage.run()
    #expect(stage.target("fs2-OST0000")?.state == .unknown)
    #expect(stage.target("fs2-OST0000")?.reason.contains("no import tells") == true)
    stage.importing("fs2-OST0000", on: "mds01", failover: ["10.0.0.2@tcp"])
    try stage.run()
    #expect(stage.target("fs2-OST0000")?.state == .unmounted)
  }

  @Test func aTargetThatDevicesOrMountsStillHaveIsNotUnmounted() throws {
    var stage = try Stage.pair()
    stage.unmount("fs1-OST0000", on: "oss01")
    stage.servers["oss01"]?.devices = [
      .init(status: "UP", type: "obdfilter", name: "fs1-OST0000")
    ]
    try stage.run()
    #expect(stage.target("fs1-OST0000")?.state == .unknown)
    #expect(stage.target("fs1-OST0000")?.reason.contains("its list of devices has it") == true)
    stage.servers["oss01"]?.devices = []
    stage.servers["oss01"]?.mounts = ["fs1:OST0000"]
    try stage.run()
    #expect(stage.target("fs1-OST0000")?.state == .unknown)
    #expect(stage.target("fs1-OST0000")?.reason.contains("its mount table has it") == true)
    stage.servers["oss01"]?.mounts = []
    try stage.run()
    #expect(stage.target("fs1-OST0000")?.state == .unmounted)
  }

  @Test func aNameThatIsNoLabelIsGoneWhenNobodyHasIt() throws {
    var stage = try Stage.pair()
    var odd = TargetSection(
      kind: .ost, reference: TargetReference(label: "XXX", mgs: ["10.0.0.1@tcp"]))
    odd.recovery = .complete
    stage.servers["oss01"]?.targets["XXX"] = odd
    try stage.run()
    #expect(stage.target("XXX")?.state == .mounted)
    stage.unmount("XXX", on: "oss01")
    try stage.run(2)
    #expect(stage.target("XXX") == nil)
    #expect(stage.site.status(at: stage.now).health == .healthy)
    stage.servers["oss01"]?.targets["XXX"] = odd
    try stage.run()
    #expect(stage.target("XXX")?.state == .mounted)
  }

  @Test func theNoMustBeYoungerThanTheLastYes() throws {
    var stage = try Stage.pair()
    let oss01 = try #require(stage.servers["oss01"]?.id)
    stage.site.sectionGone(oss01, SectionKey("target", "fs1-OST0000"), at: stage.now)
    #expect(stage.target("fs1-OST0000")?.state == .unknown)
    stage.unmount("fs1-OST0000", on: "oss01")
    try stage.run()
    #expect(stage.target("fs1-OST0000")?.state == .unmounted)
  }

  @Test func aTargetThatTheMGSListsAndNobodyClaimsIsAwayWithItsWhy() throws {
    var stage = try Stage.pair()
    stage.servers["mds01"]?.live?[0].targets.append("fs1-OST0002")
    try stage.run()
    let target = try #require(stage.target("fs1-OST0002"))
    #expect(target.kind == .ost)
    #expect(target.fileSystem == "fs1")
    #expect(target.state == .unknown)
    #expect(target.reason.contains("one that is not enrolled may have it"))
    stage.importing(
      "fs1-OST0002", on: "mds01", failover: ["10.0.0.2@tcp", "10.0.0.3@tcp"])
    try stage.run()
    #expect(stage.target("fs1-OST0002")?.state == .unmounted)
    stage.cut("oss02")
    try stage.run(5)
    #expect(stage.target("fs1-OST0002")?.state == .unknown)
    #expect(stage.findings(.targetAway).map(\.diagnostic.subject) == ["fs1-OST0002"])
  }

  @Test func recoveryIsSaidAsLongAsItLasts() throws {
    var stage = try Stage.pair()
    stage.mount("fs1-OST0000", on: "oss01", recovery: .recovering)
    try stage.run(5)
    #expect(stage.target("fs1-OST0000")?.state == .recovering)
    #expect(stage.fileSystem?.state == .degraded)
    let finding = try #require(stage.findings(.targetRecovering).first)
    #expect(finding.ageSeconds == 4)
    stage.mount("fs1-OST0000", on: "oss01", recovery: .complete)
    try stage.run()
    #expect(stage.target("fs1-OST0000")?.state == .mounted)
    #expect(stage.fileSystem?.state == .available)
  }

  @Test func aNewBootIDMakesEverythingThereUnknownUntilReportedAgain() throws {
    var stage = try Stage.pair()
    stage.close("oss01")
    stage.servers["oss01"]?.boot = "boot-2"
    stage.unmount("fs1-OST0000", on: "oss01")
    stage.pass(1)
    stage.connect("oss01")
    let target = try #require(stage.target("fs1-OST0000"))
    #expect(target.state == .unknown)
    #expect(
      target.reason.hasPrefix(
        "oss01 has rebooted, and its collector ost has not reported since; last seen active there"))
    try stage.run()
    #expect(stage.target("fs1-OST0000")?.state == .unmounted)
  }

  @Test func forgettingAServerMakesItsTargetsUnknownNotUnmounted() throws {
    var stage = try Stage.pair()
    let oss01 = try #require(stage.servers["oss01"]?.id)
    stage.cut("oss01")
    stage.site.serverForgotten(oss01, at: stage.now)
    try stage.run()
    let target = try #require(stage.target("fs1-OST0000"))
    #expect(target.state == .unknown)
    #expect(target.reason.contains("10.0.0.2@tcp may serve it"))
    #expect(target.reason.hasSuffix("on oss01 1 s ago, which was forgotten since"))
    #expect(stage.server("oss01") == nil)
    #expect(stage.site.takeEffects().contains(.removeServer(oss01)))
  }

  @Test func aServerThatTellsNoNIDsIsNotItsOwnFailoverServer() throws {
    var stage = Stage()
    stage.enrol("gsi", nids: [])
    stage.mount("MGS", on: "gsi", mgs: ["172.20.20.1@o2ib"])
    stage.mount("fs1-OST0000", on: "gsi", mgs: ["172.20.20.1@o2ib"])
    stage.importing("MGS", on: "gsi", failover: ["172.20.20.1@o2ib"], mgs: ["172.20.20.1@o2ib"])
    stage.importing(
      "fs1-OST0000", on: "gsi", failover: ["172.20.20.5@o2ib", "172.20.20.6@o2ib"],
      mgs: ["172.20.20.1@o2ib"])
    stage.connect("gsi")
    try stage.run(2)
    #expect(stage.target("MGS")?.failoverServers == [])
    #expect(stage.target("fs1-OST0000")?.activeOn == "gsi")
    #expect(stage.target("fs1-OST0000")?.failoverServers == ["172.20.20.6@o2ib"])
  }

  @Test func aTargetWhoseDeviceOrMountIsThereIsNotForgotten() throws {
    var stage = try Stage.pair()
    for server in ["oss01", "oss02", "mds01"] { stage.servers[server]?.imports = [] }
    stage.servers["mds01"]?.live = []
    stage.servers["oss01"]?.mounts = ["fs1-OST0000"]
    stage.unmount("fs1-OST0000", on: "oss01")
    try stage.run(2)
    #expect(
      stage.refusalToForget("fs1-OST0000")?.reason.hasPrefix(
        "the devices or mounts of oss01 have it") == true)
    stage.cut("oss01")
    stage.pass(600)
    #expect(stage.refusalToForget("fs1-OST0000")?.code == "conflict", "silence releases nothing")
  }

  @Test func silenceReleasesNoTargetOverARestartEither() throws {
    var stage = try Stage.pair().restarted(after: 600)
    #expect(stage.target("fs1-OST0000")?.lastActiveOn == "oss01")
    #expect(stage.refusalToForget("fs1-OST0000")?.code == "conflict")
    #expect(
      stage.refusalToForget("fs1-OST0000")?.reason.contains("oss01 has not been heard") == true)
    // Nor is what others name forgotten with another server.
    let before = stage.site.targets.count
    let oss02 = try #require(stage.servers["oss02"]?.id)
    stage.site.serverForgotten(oss02, at: stage.now)
    #expect(stage.site.targets.count == before)
  }

  @Test func aServerThatIsHeardIsNotForgottenWhileATargetIsActiveThereAndElsewhere() throws {
    var stage = try Stage.pair()
    let oss01 = try #require(stage.servers["oss01"]?.id)
    try stage.site.checkForgettable(oss01, at: stage.now)
    stage.mount("fs1-OST0000", on: "oss02")
    try stage.run(3)
    #expect(stage.target("fs1-OST0000")?.state == .twice)
    let error = #expect(throws: DiagnosticError.self) {
      try stage.site.checkForgettable(oss01, at: stage.now)
    }
    #expect(error?.diagnostic.code == "conflict")
    #expect(error?.diagnostic.reason.contains("on oss02, and oss01 is heard") == true)
    // An agent that was ended a moment ago may come back; so may one while the manager has just been started.
    stage.close("oss01")
    stage.pass(59)
    #expect(throws: DiagnosticError.self) {
      try stage.site.checkForgettable(oss01, at: stage.now)
    }
    stage.pass(1)
    try stage.site.checkForgettable(oss01, at: stage.now)
  }

  @Test func aTargetIsForgottenOnlyWhenNobodyTellsOfIt() throws {
    var stage = try Stage.pair()
    #expect(stage.refusalToForget("fs1-OST0000")?.code == "conflict")
    #expect(
      stage.refusalToForget("fs1-OST0000")?.reason.hasPrefix("oss01 says that it is active there")
        == true)
    // Silence releases nothing.
    stage.cut("oss01")
    stage.pass(600)
    #expect(
      stage.refusalToForget("fs1-OST0000")?.remedy.hasSuffix("iml server forget oss01") == true)
    let oss01 = try #require(stage.servers["oss01"]?.id)
    stage.site.serverForgotten(oss01, at: stage.now)
    #expect(
      stage.refusalToForget("fs1-OST0000")?.reason.hasPrefix("mds01 is connected to it") == true)
    let mds01 = try #require(stage.servers["mds01"]?.id)
    stage.site.serverForgotten(mds01, at: stage.now)
    #expect(
      stage.refusalToForget("fs1-OST0000")?.reason == "oss02 has not been heard for 10 min",
      "it may have it meanwhile")
    stage.connect("oss02")
    try stage.run(3)
    _ = stage.site.takeEffects()
    let id = try #require(stage.target("fs1-OST0000")?.id)
    let remedies = stage.findings(.targetAway).map(\.diagnostic.remedy)
    #expect(
      remedies.contains(
        "iml target show fs1-OST0000; if it is no more: iml target forget fs1-OST0000"))
    #expect(stage.refusalToForget("fs1-OST0000") == nil)
    #expect(stage.target("fs1-OST0000") == nil)
    #expect(stage.site.takeEffects().contains(.removeTarget(id)))
    #expect(stage.refusalToForget("fs1-OST0000")?.code == "not-found")
  }

  @Test func whatARestartKnowsIsUnknownWithItsAgeUntilReported() throws {
    var stage = try Stage.pair().restarted(after: 600)
    let target = try #require(stage.target("fs1-OST0000"))
    #expect(target.state == .unknown)
    #expect(target.lastActiveOn == "oss01")
    #expect(target.failoverServers == ["oss02"])
    #expect(
      target.reason
        == "oss01 has not been heard for 10 min; last seen active there 10 min ago")
    #expect(stage.fileSystem?.state == .unknown)
    #expect(stage.server("oss01")?.contact == .lost)
    #expect(stage.server("oss01")?.health == .unknown)
    #expect(stage.site.status(at: stage.now).health == .unknown)
    for name in ["mds01", "oss01", "oss02"] { stage.connect(name) }
    #expect(stage.target("fs1-OST0000")?.state == .unknown)
    try stage.run()
    #expect(stage.target("fs1-OST0000")?.state == .mounted)
    #expect(stage.target("fs1-OST0000")?.id == target.id)
    #expect(stage.fileSystem?.state == .available)
  }
}
