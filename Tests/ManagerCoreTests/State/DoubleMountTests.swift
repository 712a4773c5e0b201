import Protocol
import Testing

@testable import ManagerCore

/// Invariant 1: what was active on two servers stays so until one of them lets go. Neither silence nor a
/// restart of the manager does that for it.
@Suite struct DoubleMountTests {
  private static let target = "fs1-OST0000"

  /// One has it, and all of that is written down.
  private func quiet() throws -> (Stage, Written) {
    var stage = try Stage.pair()
    var written = Written()
    for _ in 0..<15 {
      try stage.run()
      written.take(&stage)
    }
    return (stage, written)
  }

  /// Both have it; written down until then as the manager does.
  private func doubled() throws -> (Stage, Written) {
    var (stage, written) = try quiet()
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
    #expect(throws: DiagnosticError.self) {
      try next.site.checkForgettable(
        id,
        at: .init(
          monotonicNanoseconds: next.site.started.monotonicNanoseconds + 59 * Stage.second,
          wallNanoseconds: next.now.wallNanoseconds))
    }
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
    var (stage, written) = try quiet()
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

  /// An agent that was started anew holds nothing of a target whose first read hangs, and says so in its digests.
  @Test func aReadThatHangsInANewLifeOfTheAgentReleasesNothing() throws {
    var (stage, _) = try doubled()
    stage.close("oss02")
    stage.connect("oss02")
    let oss02 = try #require(stage.servers["oss02"]?.id)
    // All but its targets.
    stage.servers["oss02"]?.cycles["ost"] = .stalled
    let digests = stage.site.servers[oss02]?.sections.values
      .filter { $0.section.key.name != TargetSection.sectionName }
      .map { SectionDigest(key: $0.section.key, digest: $0.section.digest) }
    _ = stage.site.digests(oss02, digests ?? [], at: stage.now)
    try stage.run(5)
    #expect(stage.target(Self.target)?.state == .twice)
  }

  /// Its unit is not on the list of the agent's new life.
  @Test func aTargetThatLeftWhileTheAgentWasDownIsLetGoWithTheFirstList() throws {
    var stage = try Stage.pair()
    let oss01 = try #require(stage.servers["oss01"]?.id)
    let key = SectionKey(TargetSection.sectionName, Self.target)
    let held = try #require(stage.site.servers[oss01]?.sections[key]?.section)
    var unit = held
    unit.collector = "ost/fs1-OST0000"
    stage.site.sectionArrived(oss01, unit, at: stage.now)
    let stamp = Stamp(bootNanoseconds: 0, wallNanoseconds: 0)
    let end = CycleEnd(
      collector: unit.collector, outcome: .sampled, reason: nil, began: stamp)
    stage.site.cycleEnded(
      oss01, end, evidenceNanoseconds: stage.now.wallNanoseconds, at: stage.now)
    stage.close("oss01")
    stage.unmount(Self.target, on: "oss01")
    stage.connect("oss01")
    #expect(stage.site.servers[oss01]?.sections[key] != nil, "until the list has come")
    try stage.run(2)
    #expect(stage.site.servers[oss01]?.sections[key] == nil)
    #expect(stage.target(Self.target)?.state == .unmounted)
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
    stage.pass(60)
    try stage.site.checkForgettable(oss02, at: stage.now)
  }
}
