import Protocol
import Testing

@testable import ManagerCore

/// A copied state directory shows; what ordinary lives do never looks like it.
@Suite struct SharedIdentityTests {
  private static let addresses = ["10.0.0.1:40001", "10.0.0.2:40002"]

  /// One agent of `oss01` says hello; `clock` is its boot clock.
  private func hello(
    _ stage: inout Stage, life: String, boot: String, from address: String, clock: Int64 = 0
  ) throws {
    let id = try #require(stage.servers["oss01"]?.id)
    stage.site.sessionOpened(
      id, session: "\(life)-\(stage.now.monotonicNanoseconds)",
      hello: Hello(
        server: id, boot: BootID(boot), incarnation: life, hostname: "oss01",
        agentVersion: "1.0", highestOrder: 0, readsTree: false),
      sent: Stamp(bootNanoseconds: clock, wallNanoseconds: 0), address: address, at: stage.now)
    stage.servers["oss01"]?.isConnected = false
  }

  private func site() throws -> Stage {
    var stage = try Stage.pair()
    try stage.run(2)
    return stage
  }

  private func alternate(_ stage: inout Stage, times: Int) throws {
    for turn in 0..<times {
      try hello(
        &stage, life: turn % 2 == 0 ? "first" : "second", boot: turn % 2 == 0 ? "b1" : "b2",
        from: Self.addresses[turn % 2])
      stage.pass(20)
    }
  }

  @Test func aLifeThatComesBackAfterAnotherIsACopyAndBothAreNamed() throws {
    var stage = try site()
    try alternate(&stage, times: 2)
    #expect(stage.findings(.identityShared).isEmpty, "so far it may be a reboot")
    try alternate(&stage, times: 1)
    let finding = try #require(stage.findings(.identityShared).first)
    #expect(finding.diagnostic.severity == .error)
    #expect(finding.diagnostic.subject == "oss01")
    for part in ["10.0.0.1", "10.0.0.2", "boot b1", "boot b2", "process first", "process second"] {
      #expect(finding.diagnostic.reason.contains(part), "\(part): \(finding.diagnostic.reason)")
    }
    for part in ["iml server revoke oss01", "iml server token create", "iml-agent enroll"] {
      #expect(finding.diagnostic.remedy.contains(part))
    }
    #expect(finding.ageSeconds == 20)
  }

  @Test func twoProcessesOfOneMachineAreTwoToo() throws {
    var stage = try site()
    for (turn, life) in ["first", "second", "first"].enumerated() {
      try hello(&stage, life: life, boot: "b", from: "10.0.0.1:\(turn)", clock: Int64(turn))
    }
    #expect(stage.findings(.identityShared).count == 1)
  }

  @Test func itEndsWhenOneOfThemIsGoneForMinutesAndItsAgeIsThatOfTheFirst() throws {
    var stage = try site()
    try alternate(&stage, times: 7)
    // Seven hellos, each 20 s before the next: the third was the first return.
    #expect(stage.findings(.identityShared).first?.ageSeconds == 100)
    stage.pass(279)
    #expect(stage.findings(.identityShared).count == 1)
    stage.pass(1)
    #expect(stage.findings(.identityShared).isEmpty)
    try alternate(&stage, times: 1)
    #expect(stage.findings(.identityShared).isEmpty, "the last to speak only speaks again")
  }

  @Test func itEndsAtOnceWhenTheCopyStopsInOrder() throws {
    var stage = try site()
    let id = try #require(stage.servers["oss01"]?.id)
    try alternate(&stage, times: 3)
    try hello(&stage, life: "second", boot: "b2", from: Self.addresses[1])
    let session = "second-\(stage.now.monotonicNanoseconds)"
    let finding = try #require(stage.findings(.identityShared).first)
    #expect(finding.diagnostic.reason.contains("for 5 min after they last"))
    let reason = Diagnostic(.agentStopping, .info, subject: "oss01", reason: "the agent stops")
    stage.site.sessionClosed(id, session: "another", reason: reason, at: stage.now)
    #expect(stage.findings(.identityShared).count == 1)
    stage.site.sessionClosed(id, session: session, reason: reason, at: stage.now)
    #expect(stage.findings(.identityShared).isEmpty)
    stage.pass(20)
    try hello(&stage, life: "first", boot: "b1", from: Self.addresses[0])
    #expect(stage.findings(.identityShared).isEmpty, "the one that is left")
    // One that stopped and speaks all the same is found out as any other.
    try hello(&stage, life: "second", boot: "b2", from: Self.addresses[1])
    try hello(&stage, life: "first", boot: "b1", from: Self.addresses[0])
    #expect(stage.findings(.identityShared).count == 1)
  }

  @Test func restartsRebootsReconnectsAndNewAddressesAreNoCopies() throws {
    var stage = try site()
    var clock: Int64 = 0
    for (life, boot, address) in [
      ("p1", "b1", "10.0.0.1:1"), ("p2", "b1", "10.0.0.1:2"), ("p3", "b1", "10.0.0.1:3"),
      // A reboot, and the same process over another interface and back, several times.
      ("p4", "b2", "10.0.0.1:1"), ("p4", "b2", "10.1.0.1:1"), ("p4", "b2", "10.0.0.1:1"),
      ("p4", "b2", "10.1.0.1:1"),
      // NAT gives it another address; then it restarts, then reboots behind it.
      ("p4", "b2", "192.0.2.7:9"), ("p5", "b2", "192.0.2.8:9"), ("p6", "b3", "10.0.0.1:1"),
      ("p6", "b3", "[2001:db8::1]:1"),
    ] {
      clock += 1
      try hello(&stage, life: life, boot: boot, from: address, clock: clock)
      stage.pass(1)
      #expect(stage.findings(.identityShared).isEmpty, "\(life) \(boot) \(address)")
    }
    for restart in 0..<200 {
      clock += 1
      try hello(&stage, life: "loop\(restart)", boot: "b3", from: "10.0.0.1:1", clock: clock)
      #expect(stage.findings(.identityShared).isEmpty, "restart \(restart)")
    }
  }

  @Test func aHelloThatArrivesAfterThatOfTheNextProcessIsNoCopy() throws {
    var stage = try site()
    try hello(&stage, life: "old", boot: "b", from: "10.0.0.1:1", clock: 10)
    try hello(&stage, life: "new", boot: "b", from: "10.0.0.1:2", clock: 30)
    try hello(&stage, life: "old", boot: "b", from: "10.0.0.1:3", clock: 20)
    #expect(stage.findings(.identityShared).isEmpty)
    try hello(&stage, life: "new", boot: "b", from: "10.0.0.1:4", clock: 40)
    #expect(stage.findings(.identityShared).count == 1, "but then the old one was alive")
  }

  @Test func whatASharedServerDoesNotSayIsNoEvidenceOfAbsence() throws {
    var stage = try site()
    stage.unmount("fs1-OST0000", on: "oss01")
    try stage.run(2)
    #expect(stage.target("fs1-OST0000")?.state == .unmounted)
    try alternate(&stage, times: 3)
    stage.connect("oss01")
    try stage.run(2)
    let target = try #require(stage.target("fs1-OST0000"))
    #expect(target.state == .unknown)
    #expect(target.reason.contains("two agents speak as oss01"))
    let server = try #require(stage.server("oss01"))
    #expect(server.health == .unknown)
    stage.pass(0)
    try stage.run(301)
    #expect(stage.target("fs1-OST0000")?.state == .unmounted, "when it is one again, it counts")
  }

  /// Until the other comes back it may be a copy, and its silence is not believed.
  @Test func whoTakesOverFromAnAgentThatStillSpeaksIsNotBelievedForAWhile() throws {
    var stage = try site()
    stage.unmount("fs1-OST0000", on: "oss01")
    stage.servers["oss01"]?.boot = "another"
    stage.connect("oss01")
    try stage.run(2)
    let target = try #require(stage.target("fs1-OST0000"))
    #expect(target.state == .unknown)
    #expect(target.reason.contains("took over from oss01's while that was still speaking"))
    #expect(stage.server("oss01")?.health == .unknown)
    #expect(stage.findings(.identityShared).isEmpty, "nothing is proven")
    try stage.run(45)
    #expect(stage.target("fs1-OST0000")?.state == .unmounted)
    #expect(stage.server("oss01")?.health == .healthy)
  }

  /// Killed between the copy's coming and the first one's return.
  @Test func aManagerThatStartsAnewKnowsWhoWasReplaced() throws {
    var stage = try site()
    stage.unmount("fs1-OST0000", on: "oss01")
    stage.servers["oss01"]?.boot = "another"
    stage.connect("oss01")
    try stage.run(2)
    let id = try #require(stage.servers["oss01"]?.id)
    let memory = try #require(stage.site.memory(of: id, at: stage.now))
    let decoded = try CanonicalJSON.decode(
      ServerMemory.self, from: CanonicalJSON.encode(memory))
    #expect(decoded == memory)
    var next = stage.restarted(after: 5)
    next.site.remember(decoded, at: next.now)
    next.connect("oss01")
    try next.run(2)
    #expect(next.server("oss01")?.health == .unknown)
    #expect(next.target("fs1-OST0000")?.state == .unknown)
    #expect(next.findings(.identityShared).isEmpty)
    next.servers["oss01"]?.boot = "boot-1"
    next.connect("oss01")
    try next.run(1)
    #expect(next.findings(.identityShared).count == 1, "the first one is back: it is proven")
  }

  @Test func aRebootAfterASilenceIsBelievedAtOnce() throws {
    var stage = try site()
    stage.unmount("fs1-OST0000", on: "oss01")
    stage.cut("oss01")
    try stage.run(2)
    stage.servers["oss01"]?.boot = "another"
    stage.connect("oss01")
    try stage.run(2)
    #expect(stage.target("fs1-OST0000")?.state == .unmounted)
    #expect(stage.server("oss01")?.health == .healthy)
  }

  @Test func aManagerThatStartsAnewRemembersThatTwoAgentsSpoke() throws {
    var stage = try site()
    try alternate(&stage, times: 3)
    #expect(stage.findings(.identityShared).count == 1)
    let id = try #require(stage.servers["oss01"]?.id)
    let memory = try #require(stage.site.memory(of: id, at: stage.now))
    var next = stage.restarted(after: 5)
    next.site.remember(memory, at: next.now)
    #expect(next.findings(.identityShared).count == 1)
    next.pass(300)
    #expect(next.findings(.identityShared).isEmpty)
  }
}
