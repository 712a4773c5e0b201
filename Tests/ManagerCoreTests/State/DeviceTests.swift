import Protocol
import Testing

@testable import ManagerCore

@Suite struct DeviceTests {
  private func stage(_ devices: (String, String, String)...) throws -> Stage {
    var stage = try Stage.pair()
    stage.servers["oss01"]?.devices = devices.map {
      LustreSection.Device(status: $0.0, type: $0.1, name: $0.2)
    }
    try stage.run(4)
    return stage
  }

  @Test func devicesThatAreUpAreNoFinding() throws {
    let stage = try stage(
      ("UP", "osd-ldiskfs", "fs1-OST0000-osd"), ("UP", "ost", "OSS"),
      ("UP", "obdfilter", "fs1-OST0000"), ("UP", "lwp", "fs1-MDT0000-lwp-OST0000"))
    #expect(stage.findings(.deviceNotUp).isEmpty)
    #expect(stage.site.status(at: stage.now).health == .healthy)
  }

  @Test func aStoppingDeviceIsAWarningWithItsTargetAndServer() throws {
    let stage = try stage(("UP", "ost", "OSS"), ("ST", "obdfilter", "fs1-OST0000"))
    let finding = try #require(stage.findings(.deviceNotUp).first)
    #expect(finding.diagnostic.severity == .warning)
    #expect(finding.diagnostic.subject == "oss01")
    #expect(finding.diagnostic.reason.hasPrefix("device fs1-OST0000 ST: being stopped: it serves"))
    #expect(finding.ageSeconds == 3)
    #expect(stage.site.status(at: stage.now).health == .degraded)
    let code = "device-not-up"
    for label in ["fs1-OST0000", "fs1-OST0001"] {
      let found = try stage.site.targetDetail(label, at: stage.now).findings.map(\.diagnostic.code)
      #expect(found.contains(code) == (label == "fs1-OST0000"))
    }
    #expect(
      try stage.site.fileSystemDetail("fs1", at: stage.now).findings.map(\.diagnostic.code)
        == [code])
  }

  @Test func connectionsThatAnOperatorDeactivatedAreToldWithoutAlarm() throws {
    let names = (0..<5).map { "fs1-OST000\($0)-osc-MDT0000" }
    var stage = try Stage.pair()
    stage.servers["mds01"]?.devices =
      [
        .init(status: "UP", type: "mgs", name: "MGS"),
        .init(status: "UP", type: "mdt", name: "fs1-MDT0000"),
      ] + names.map { .init(status: "IN", type: "osp", name: $0) }
    try stage.run(2)
    let finding = try #require(stage.findings(.deviceNotUp).first)
    #expect(stage.findings(.deviceNotUp).count == 1)
    #expect(finding.diagnostic.severity == .info)
    #expect(finding.diagnostic.reason.contains("osc-MDT0000 and 2 more IN: set inactive"))
    #expect(stage.site.status(at: stage.now).health == .healthy)
    #expect(
      try stage.site.targetDetail("fs1-OST0001", at: stage.now).findings.map(\.diagnostic.code)
        == ["device-not-up"])
  }

  @Test func aTargetsOwnInactiveDeviceAndAnUnknownStatusAreWarnings() throws {
    let stage = try stage(
      ("IN", "obdfilter", "fs1-OST0000"), ("ZZ", "ost", "OSS"), ("AT", "osp", "x"))
    let findings = stage.findings(.deviceNotUp)
    #expect(findings.map(\.diagnostic.severity) == [.warning, .warning, .warning])
    #expect(findings.contains { $0.diagnostic.reason.contains("does not know") })
  }

  @Test func whatIsNotCurrentIsNoFinding() throws {
    var stage = try stage(("ST", "obdfilter", "fs1-OST0000"))
    stage.cut("oss01")
    try stage.run(10)
    #expect(stage.findings(.deviceNotUp).isEmpty)
  }
}
