import Protocol
import Testing

@testable import ManagerCore

@Suite struct FailoverTests {
  @Test func aFailoverIsToldStepByStep() throws {
    var stage = try Stage.pair()
    stage.cut("oss01")
    try stage.run(2)
    #expect(stage.server("oss01")?.contact == .suspect)
    #expect(stage.target("fs1-OST0000")?.state == .mounted)
    try stage.run(2)
    #expect(stage.server("oss01")?.contact == .lost)
    #expect(stage.target("fs1-OST0000")?.state == .unknown)
    try stage.run(20)
    stage.mount("fs1-OST0000", on: "oss02", recovery: .recovering)
    try stage.run()
    let moved = try #require(stage.target("fs1-OST0000"))
    #expect(moved.state == .recovering)
    #expect(moved.activeOn == "oss02")
    #expect(moved.failoverServers == ["oss01"])
    #expect(stage.findings(.targetOnTwoServers).isEmpty)
    stage.mount("fs1-OST0000", on: "oss02", recovery: .complete)
    stage.servers["oss01"]?.boot = "boot-2"
    stage.unmount("fs1-OST0000", on: "oss01")
    stage.connect("oss01")
    try stage.run(2)
    #expect(stage.target("fs1-OST0000")?.state == .mounted)
    #expect(stage.target("fs1-OST0000")?.activeOn == "oss02")
    #expect(stage.fileSystem?.state == .available)
    #expect(stage.findings(.targetOnTwoServers).isEmpty)
  }

  @Test func anOrderlyMoveIsNoAlarmAlthoughBothReportsAreCurrent() throws {
    var stage = try Stage.pair()
    // oss01 has unmounted since its last report; oss02 has mounted and reports first.
    stage.unmount("fs1-OST0000", on: "oss01")
    stage.mount("fs1-OST0000", on: "oss02")
    stage.pass(1)
    try stage.cycle("oss02")
    // Both may have it, until oss01 has said that it let go.
    let target = try #require(stage.target("fs1-OST0000"))
    #expect(target.state == .unknown)
    #expect(target.activeOn == "oss02")
    #expect(target.reason.contains("but oss01 said 1 s ago that it is active there"))
    #expect(stage.fileSystem?.state != .available)
    #expect(stage.site.status(at: stage.now).health != .healthy)
    #expect(stage.findings(.targetOnTwoServers).isEmpty)
    try stage.cycle("oss01")
    #expect(stage.target("fs1-OST0000")?.state == .mounted)
    try stage.run(3)
    #expect(stage.target("fs1-OST0000")?.activeOn == "oss02")
    #expect(stage.findings(.targetOnTwoServers).isEmpty)
  }

  /// What other lists of a server say against what its collectors of targets say.
  @Test func aDeviceListThatContradictsMakesATargetUnknown() throws {
    var stage = try Stage.pair()
    stage.servers["oss02"]?.devices = [
      .init(status: "UP", type: "obdfilter", name: "fs1-OST0000")
    ]
    try stage.run(2)
    #expect(stage.target("fs1-OST0000")?.state == .unknown)
    #expect(stage.target("fs1-OST0000")?.reason.contains("oss02 shows no such target") == true)
    stage.servers["oss02"]?.devices = []
    try stage.run(2)
    #expect(stage.target("fs1-OST0000")?.state == .mounted)
    stage.servers["oss01"]?.devices = [.init(status: "UP", type: "ost", name: "OSS")]
    try stage.run(2)
    #expect(stage.target("fs1-OST0000")?.state == .unknown)
    #expect(stage.target("fs1-OST0000")?.reason.contains("list of devices") == true)
    #expect(stage.target("fs1-OST0000")?.activeOn == "oss01")
  }

  @Test func aMoveThereAndBackBehindACutLinkIsNoAlarm() throws {
    var stage = try Stage.pair()
    stage.cut("oss01")
    try stage.run(10)
    stage.mount("fs1-OST0000", on: "oss02")
    try stage.run(10)
    stage.unmount("fs1-OST0000", on: "oss02")
    stage.servers["oss02"]?.cycles["ost"] = .silent
    stage.pass(0.5)
    stage.connect("oss01")
    stage.pass(0.5)
    try stage.cycle("oss01")
    #expect(stage.findings(.targetOnTwoServers).isEmpty)
    #expect(stage.target("fs1-OST0000")?.activeOn == "oss01")
  }

  @Test func aMoveThereAndBackBehindASilentCollectorIsNoAlarm() throws {
    var stage = try Stage.pair()
    stage.servers["oss01"]?.cycles["ost"] = .silent
    try stage.run(5)
    stage.mount("fs1-OST0000", on: "oss02")
    try stage.run(5)
    stage.unmount("fs1-OST0000", on: "oss02")
    stage.servers["oss01"]?.cycles["ost"] = .sampled
    stage.pass(1)
    try stage.cycle("oss01")
    #expect(stage.findings(.targetOnTwoServers).isEmpty)
    #expect(stage.target("fs1-OST0000")?.activeOn == "oss01")
  }

  @Test func aDoubleMountIsAnEmergencyThatNamesBothServersAndTheirEvidence() throws {
    var stage = try Stage.pair()
    stage.mount("fs1-OST0000", on: "oss02")
    try stage.run(3)
    let target = try #require(stage.target("fs1-OST0000"))
    #expect(target.state == .twice)
    #expect(target.reason == "active on oss01 (seen 0 s ago) and oss02 (seen 0 s ago)")
    let finding = try #require(stage.site.status(at: stage.now).findings.first)
    #expect(finding.diagnostic.code == "target-on-two-servers")
    #expect(finding.diagnostic.severity == .emergency)
    #expect(finding.diagnostic.reason.contains("oss01 (seen 0 s ago) and oss02 (seen 0 s ago)"))
    #expect(stage.site.status(at: stage.now).health == .unhealthy)
    #expect(stage.server("oss01")?.health == .unhealthy)
    #expect(stage.fileSystem?.state == .degraded)
  }

  @Test func silenceReleasesNothingOfADoubleMount() throws {
    var stage = try Stage.pair()
    stage.mount("fs1-OST0000", on: "oss02")
    try stage.run(2)
    #expect(
      try #require(stage.findings(.targetOnTwoServers).first).diagnostic.remedy.contains("forget")
        == false)
    stage.cut("oss01")
    try stage.run(60)
    #expect(stage.target("fs1-OST0000")?.state == .twice)
    // It may never come back to take its word back.
    let remedy = try #require(stage.findings(.targetOnTwoServers).first).diagnostic.remedy
    #expect(
      remedy.contains("oss01 does not report: once it is off for certain, iml server forget oss01"))
    #expect(!remedy.contains("forget oss02"))
    stage.connect("oss01")
    #expect(stage.target("fs1-OST0000")?.state == .twice)
    stage.unmount("fs1-OST0000", on: "oss01")
    try stage.run()
    #expect(stage.target("fs1-OST0000")?.state == .mounted)
    #expect(stage.target("fs1-OST0000")?.activeOn == "oss02")
  }

  @Test func aRebootReleasesADoubleMount() throws {
    var stage = try Stage.pair()
    stage.mount("fs1-OST0000", on: "oss02")
    try stage.run(2)
    stage.servers["oss01"]?.boot = "boot-2"
    stage.unmount("fs1-OST0000", on: "oss01")
    stage.connect("oss01")
    try stage.run()
    #expect(stage.target("fs1-OST0000")?.state == .mounted)
  }

  @Test func aServerThatComesBackWithItsTargetStillActiveIsADoubleMount() throws {
    var stage = try Stage.pair()
    stage.cut("oss01")
    try stage.run(10)
    stage.mount("fs1-OST0000", on: "oss02")
    try stage.run(10)
    #expect(stage.target("fs1-OST0000")?.state == .mounted)
    stage.connect("oss01")
    try stage.run(2)
    #expect(stage.target("fs1-OST0000")?.state == .twice)
  }

  @Test func treesAreEvidenceLikeServers() throws {
    var stage = Stage()
    for name in ["a", "b"] {
      stage.enrol(name, nids: [])
      stage.servers[name]?.readsTree = true
      stage.mount("fs-OST0000", on: name, mgs: [])
      stage.connect(name)
    }
    try stage.run(2)
    #expect(stage.target("fs-OST0000")?.state == .twice)
    #expect(stage.target("fs-OST0000")?.mgs == "unknown")
    #expect(stage.server("a")?.readsTree == true)
  }
}
