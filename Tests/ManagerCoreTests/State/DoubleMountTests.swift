import Protocol
import Testing

@testable import ManagerCore

/// Invariant 1: what was active on two servers stays so until one of them lets go. Neither silence nor a
/// restart of the manager does that for it.
@Suite struct DoubleMountTests {
  private static let target = "fs1-OST0000"

  /// Both have it; written down until then as the manager does.
  private func doubled() throws -> (Stage, Written) {
    var stage = try Stage.pair()
    var written = Written()
    for _ in 0..<15 {
      try stage.run()
      written.take(&stage)
    }
    stage.mount(Self.target, on: "oss02")
    for _ in 0..<5 where stage.target(Self.target)?.state != .twice {
      try stage.run()
      written.take(&stage)
    }
    #expect(stage.target(Self.target)?.state == .twice)
    #expect(!stage.site.isUrgent)
    return (stage, written)
  }

  private func connect(_ names: String..., to stage: inout Stage, seconds: Int = 3) throws {
    for name in names { stage.connect(name) }
    try stage.run(seconds)
  }

  @Test(arguments: ["oss01", "oss02"])
  func aRestartReleasesNothingWhileOneOfThemIsSilent(silent: String) throws {
    let (stage, written) = try doubled()
    var next = written.restarted(stage, after: 5)
    #expect(next.target(Self.target)?.state == .twice, "before anyone speaks")
    try connect("mds01", silent == "oss01" ? "oss02" : "oss01", to: &next, seconds: 60)
    let target = try #require(next.target(Self.target))
    #expect(target.state == .twice)
    #expect(target.reason.contains("oss01 (seen") && target.reason.contains("oss02 (seen"))
    #expect(next.findings(.targetOnTwoServers).count == 1)
    let error = #expect(throws: DiagnosticError.self) {
      try next.site.forgettableTarget(Self.target, at: next.now)
    }
    #expect(error?.diagnostic.code == "conflict")
    // The operator says that it is off.
    let id = try #require(next.servers[silent]?.id)
    try next.site.checkForgettable(id, at: next.now)
    next.site.serverForgotten(id, at: next.now)
    #expect(next.target(Self.target)?.state == .mounted)
    #expect(next.site.targets.values.allSatisfy { $0.record.double == nil })
  }

  @Test func afterARestartItEndsWhenOneLetsGo() throws {
    let (stage, written) = try doubled()
    var released = written.restarted(stage, after: 5)
    released.unmount(Self.target, on: "oss02")
    try connect("mds01", "oss01", to: &released)
    #expect(released.target(Self.target)?.state == .twice)
    try connect("oss02", to: &released)
    #expect(released.target(Self.target)?.state == .mounted)
    #expect(released.target(Self.target)?.activeOn == "oss01")

    var rebooted = written.restarted(stage, after: 5)
    rebooted.servers["oss01"]?.boot = "boot-2"
    rebooted.unmount(Self.target, on: "oss01")
    try connect("mds01", "oss01", "oss02", to: &rebooted)
    #expect(rebooted.target(Self.target)?.state == .mounted)
    #expect(rebooted.target(Self.target)?.activeOn == "oss02")

    var both = written.restarted(stage, after: 5)
    try connect("mds01", "oss01", "oss02", to: &both)
    #expect(both.target(Self.target)?.state == .twice)
  }

  /// Its devices still have what it does not claim any more: it is not believed on either server.
  @Test func aServerThatStillShowsItIsInDoubt() throws {
    let (stage, written) = try doubled()
    var next = written.restarted(stage, after: 5)
    next.unmount(Self.target, on: "oss02")
    next.servers["oss02"]?.devices = [.init(status: "UP", type: "obdfilter", name: Self.target)]
    try connect("mds01", "oss01", "oss02", to: &next)
    #expect(next.target(Self.target)?.state == .unknown)
    next.servers["oss02"]?.devices = []
    try next.run(3)
    #expect(next.target(Self.target)?.state == .mounted)
  }

  /// Cycles are seldom, and the second server falls silent before the first has ended its next one.
  @Test func oneThatFellSilentAtOnceHadItAllTheSame() throws {
    var stage = try Stage.pair()
    stage.site.policy.collectNanoseconds = 10 * Stage.second
    stage.mount(Self.target, on: "oss02")
    stage.pass(1)
    try stage.cycle("oss02")
    stage.cut("oss02")
    stage.pass(8)
    try stage.cycle("oss01")
    #expect(stage.target(Self.target)?.state == .twice)
  }

  @Test func aContestedClaimIsWrittenDownAtOnce() throws {
    var stage = try Stage.pair()
    var written = Written()
    for _ in 0..<12 {
      try stage.run()
      written.take(&stage)
    }
    stage.mount(Self.target, on: "oss02")
    stage.pass(1)
    try stage.cycle("oss02")
    #expect(stage.site.isUrgent)
    written.take(&stage)
    // Nothing proves yet that both have it, and after a restart nothing can while the second is silent.
    var next = written.restarted(stage, after: 5)
    try connect("mds01", "oss01", to: &next, seconds: 30)
    #expect(next.target(Self.target)?.state == .unknown)
    #expect(
      next.target(Self.target)?.reason.contains("but oss02, which is silent, said") == true)
    let oss02 = try #require(stage.servers["oss02"]?.id)
    #expect(
      written.memories[oss02]?.sections.contains { $0.section.key.subject == Self.target } == true)
  }

  @Test func aHeardServerThatShowsATargetOfAnotherIsNotForgotten() throws {
    var stage = try Stage.pair()
    stage.servers["oss02"]?.devices = [.init(status: "UP", type: "obdfilter", name: Self.target)]
    try stage.run(2)
    #expect(stage.target(Self.target)?.state == .unknown)
    let oss02 = try #require(stage.servers["oss02"]?.id)
    let error = #expect(throws: DiagnosticError.self) {
      try stage.site.checkForgettable(oss02, at: stage.now)
    }
    #expect(error?.diagnostic.reason.hasPrefix("its devices or mounts have fs1-OST0000") == true)
    stage.close("oss02")
    try stage.site.checkForgettable(oss02, at: stage.now)
  }
}
