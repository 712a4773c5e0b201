import Protocol
import Simulator
import Testing

@Suite struct FaultTests {
  private static let label = "scratch-OST0000"

  private func target(_ site: SimulatedSite) throws -> SimulatedTarget {
    try #require(site.targets.first { $0.label == Self.label })
  }

  @Test func powerLossEmptiesTheTreeAndItsTargetsComeBackOnTheTwin() throws {
    var site = Reading.site(try .standard(), at: 10)
    try site.apply(.powerLoss(server: "oss01"))
    #expect(site.tree(of: "oss01").isEmpty)
    #expect(try target(site).mountedOn.isEmpty)
    site.advance(to: 29 * Reading.second)
    #expect(try target(site).mountedOn.isEmpty, "fencing takes 20 s at least")

    var phases: [RecoveryStatus] = []
    for second in Int64(29)...100 {
      site.advance(to: second * Reading.second)
      let now = try target(site)
      #expect(now.mountedOn.isEmpty || now.mountedOn == ["oss02"])
      if let phase = now.recovery, phases.last != phase { phases.append(phase) }
      if second == 43 { #expect(now.mountedOn == ["oss02"], "fencing takes 30 s at most") }
    }
    #expect(phases == [.waitingForClients, .recovering, .complete])
    let path = "proc/fs/lustre/obdfilter/\(Self.label)/recovery_status"
    #expect(
      try Reading.text(site.tree(of: "oss02"), path).contains("completed_clients: 42/42\n"))
  }

  @Test func recoveryCountsClientsAsTheyReturn() throws {
    var site = Reading.site(try .standard(layouts: .uniform(.lustre2_17)), at: 1)
    try site.apply(.powerLoss(server: "oss01"))
    var counts: [Int] = []
    for second in Int64(20)...80 {
      site.advance(to: second * Reading.second)
      let file = site.tree(of: "oss02")[
        "sys/kernel/debug/lustre/obdfilter/\(Self.label)/recovery_status"]
      let text = String(decoding: file ?? [], as: UTF8.self)
      guard text.hasPrefix("status: RECOVERING\n") else { continue }
      let line = try #require(
        text.split(separator: "\n").first { $0.hasPrefix("connected_clients: ") })
      let numbers = line.dropFirst(19).split(separator: "/").compactMap { Int($0) }
      #expect(numbers.last == 42)
      counts.append(try #require(numbers.first))
    }
    #expect(counts.count > 10)
    #expect(counts == counts.sorted())
    #expect(Set(counts).count > 5)
  }

  @Test func nothingIsServedDuringRecovery() throws {
    var site = Reading.site(try .steady(), at: 1)
    try site.apply(.powerLoss(server: "oss01"))
    var last: RecoveryStatus?
    var servedFrom: Int64?
    for second in Int64(2)...80 {
      site.advance(to: second * Reading.second)
      let stats = site.tree(of: "oss02")["proc/fs/lustre/obdfilter/\(Self.label)/stats"]
      guard let stats else { continue }
      let written = Reading.stats(String(decoding: stats, as: UTF8.self)).samples["write_bytes"]
      last = try target(site).recovery
      if last == .complete { servedFrom = servedFrom ?? second } else { #expect(written == nil) }
    }
    #expect(last == .complete)
    #expect(servedFrom != nil)
  }

  @Test func returnOfPowerIsANewBootAndTargetsStayUntilFailback() throws {
    var site = Reading.site(try .standard(), at: 10)
    let before = try #require(site.servers.first { $0.name == "oss01" })
    try site.schedule(ScheduledFault(parsing: "power-loss:oss01@11s+60s"))
    site.advance(to: 100 * Reading.second)
    let after = try #require(site.servers.first { $0.name == "oss01" })
    #expect(after.isPoweredOn && after.agentRunning)
    #expect(after.bootID != before.bootID)
    #expect(after.bootedAt == 71 * Reading.second)
    #expect(try target(site).mountedOn == ["oss02"])
    let tree = site.tree(of: "oss01")
    #expect(try Reading.text(tree, "sys/kernel/debug/lustre/devices").isEmpty)
    #expect(!(try Reading.text(tree, "proc/self/mountinfo").contains("svname=")))

    try site.apply(.failback(server: "oss01"))
    #expect(try target(site).mountedOn.isEmpty)
    site.advance(to: 130 * Reading.second)
    #expect(try target(site).mountedOn == ["oss01"])
    #expect(try target(site).recovery == .complete)
  }

  @Test func whenBothServersOfAPairAreOffTheirTargetsWaitForEither() throws {
    var site = Reading.site(try .standard(), at: 1)
    try site.apply(.powerLoss(server: "oss01"))
    try site.apply(.powerLoss(server: "oss02"))
    site.advance(to: 120 * Reading.second)
    #expect(try target(site).mountedOn.isEmpty)
    try site.apply(.powerReturn(server: "oss01"))
    site.advance(to: 130 * Reading.second)
    #expect(try target(site).mountedOn == ["oss01"])
  }

  @Test func importsOfOthersFollowATargetThroughItsFailover() throws {
    var site = Reading.site(try .standard(), at: 1)
    func imported() throws -> String {
      try Reading.text(
        site.tree(of: "mds01"),
        "sys/kernel/debug/lustre/osp/\(Self.label)-osc-MDT0000/import")
    }
    #expect(try imported().contains("failover_nids: [ 10.73.20.1@tcp, 10.73.20.2@tcp ]"))
    #expect(try imported().contains("current_connection: 10.73.20.1@tcp"))
    try site.apply(.powerLoss(server: "oss01"))
    #expect(try imported().contains("state: DISCONN"))
    site.advance(to: 100 * Reading.second)
    #expect(try imported().contains("state: FULL"))
    #expect(try imported().contains("current_connection: 10.73.20.2@tcp"))
  }

  @Test func aTargetMountedTwiceShowsOnBothServers() throws {
    var site = Reading.site(try .standard(), at: 1)
    try site.apply(.mountTwice(target: Self.label))
    site.advance(to: 10 * Reading.second)
    #expect(try target(site).mountedOn == ["oss01", "oss02"])
    for server in ["oss01", "oss02"] {
      let tree = site.tree(of: server)
      #expect(try Reading.text(tree, "proc/self/mountinfo").contains("svname=\(Self.label),"))
      #expect(
        try Reading.text(tree, "sys/kernel/debug/lustre/devices").contains(
          "obdfilter \(Self.label)")
      )
    }
    try site.apply(.unmountSecond(target: Self.label))
    #expect(try target(site).mountedOn == ["oss01"])
  }

  @Test func withoutADisasterNoTargetIsEverOnTwoServers() throws {
    for seed in UInt64(1)...6 {
      var site = Reading.site(try .standard(clients: 4), seed: seed)
      var random = SplitMix64(seed: seed)
      for second in stride(from: Int64(1), through: 200, by: 3) {
        let server = site.servers[Int(random.below(6))].name
        let faults: [Fault] = [
          .powerLoss(server: server), .powerReturn(server: server), .failback(server: server),
        ]
        try site.apply(faults[Int(random.below(3))])
        site.advance(to: second * Reading.second)
        #expect(site.targets.allSatisfy { $0.mountedOn.count <= 1 })
        let on = Set(site.servers.filter(\.isPoweredOn).map(\.name))
        #expect(site.targets.allSatisfy { $0.mountedOn.allSatisfy(on.contains) })
      }
    }
  }

  @Test func agentAndLinkFaultsLeaveLustreAlone() throws {
    var site = Reading.site(try .standard(), at: 1)
    try site.schedule(ScheduledFault(parsing: "agent-stop:oss01@5s+10s"))
    try site.schedule(ScheduledFault(parsing: "link-cut:oss02@5s+10s"))
    func server(_ name: String) throws -> SimulatedServer {
      try #require(site.servers.first { $0.name == name })
    }
    site.advance(to: 6 * Reading.second)
    #expect(try !server("oss01").agentRunning)
    #expect(try !server("oss02").linkUp)
    #expect(
      try Reading.text(site.tree(of: "oss02"), "sys/class/net/eno1/operstate") == "down\n")
    #expect(site.targets.allSatisfy { $0.mountedOn == [$0.servers[0]] })
    site.advance(to: 16 * Reading.second)
    #expect(try server("oss01").agentRunning)
    #expect(try server("oss02").linkUp)
  }

  @Test func aStoppedAgentStaysStoppedAcrossAReturnOfPower() throws {
    var site = Reading.site(try .standard(), at: 1)
    try site.apply(.agentStop(server: "oss01"))
    try site.apply(.powerLoss(server: "oss01"))
    try site.apply(.powerReturn(server: "oss01"))
    #expect(site.servers.first { $0.name == "oss01" }?.agentRunning == false)
    try site.apply(.agentStart(server: "oss01"))
    #expect(site.servers.first { $0.name == "oss01" }?.agentRunning == true)
  }
}
