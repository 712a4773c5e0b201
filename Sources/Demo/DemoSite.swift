import Glibc
import Logging
import Manager
import ManagerCore
import NodeAgent
import OperatorCLI
import Platform
import Protocol
import Simulator
import Synchronization

/// The real manager and real agents on a simulated site, in one process, over real sockets.
struct DemoSite: Sendable {
  var stateDirectory: String
  var https: ListenAddress
  var agents: ListenAddress
  var configuration: SiteConfiguration
  var seed: UInt64
  var faults: [ScheduledFault]
  var duration: Duration?
  var logLevel: Logger.Level

  /// How often the site lives on and its trees are written.
  private static let tick = Duration.seconds(1)

  static func trees(in directory: String) -> String { "\(directory)/trees" }

  /// The files of the simulated servers are there.
  let hasBegun = DemoBegin()

  func run() async throws {
    // Another demo's trees are left alone.
    try StateDirectory(path: stateDirectory).release()
    // First, so that the directory is known as a demo's from then on.
    let site = try simulated()
    let trees = try SiteTrees(directory: Self.trees(in: stateDirectory), site: site)
    let manager = ManagerService(
      ManagerService.Configuration(
        stateDirectory: "\(stateDirectory)", https: (https.host, https.port),
        agents: (agents.host, agents.port), names: ["localhost", "127.0.0.1"],
        collectInterval: .seconds(1), flushInterval: .seconds(10), logLevel: logLevel))
    let (serving, gate) = AsyncStream.makeStream(of: ManagerService.Addresses.self)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await manager.run { gate.yield($0) } }
      tasks.addTask {
        for await addresses in serving { return try await live(addresses, site, trees) }
      }
      defer { tasks.cancelAll() }
      try await tasks.next()
    }
  }

  private func simulated() throws -> SimulatedSite {
    var site = SimulatedSite(configuration: configuration, seed: seed, startedAt: Clock.wall())
    for fault in faults { try site.schedule(fault) }
    return site
  }

  private func live(
    _ addresses: ManagerService.Addresses, _ site: SimulatedSite, _ startTrees: SiteTrees
  ) async throws {
    var trees = startTrees
    try trees.write(site)
    hasBegun.note()
    let servers = site.servers.map { server in
      DemoServer(
        name: server.name, root: trees.root(of: server.name),
        stateDirectory: "\(stateDirectory)/agents/\(server.name)",
        managerPort: addresses.agentsPort, logLevel: logLevel)
    }
    announce(addresses, site)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      for server in servers { tasks.addTask { try await server.runLink() } }
      tasks.addTask { [trees] in
        try await enrol(servers, addresses)
        try await drive(site, trees, servers)
      }
      defer { tasks.cancelAll() }
      try await tasks.next()
    }
  }

  private func announce(_ addresses: ManagerService.Addresses, _ site: SimulatedSite) {
    let fileSystems = configuration.fileSystems.map(\.name).joined(separator: ", ")
    Narrator.say(
      """
      A simulated site: \(site.servers.count) servers, file systems \(fileSystems). Nothing here \
      touches a real Lustre.
      https://\(HostPort.text(addresses.httpsHost, addresses.httpsPort))
      agents' port \(HostPort.text(addresses.agentsHost, addresses.agentsPort)), state directory \(stateDirectory)
      In another terminal:
        \(CommandLine.arguments.first ?? "iml") --state-dir \(stateDirectory) status

      """)
  }

  /// Gives every server that has none an identity, by the same API and token that operators use.
  private func enrol(_ servers: [DemoServer], _ addresses: ManagerService.Addresses) async throws {
    let fresh = try servers.filter { try !$0.isEnrolled() }
    guard !fresh.isEmpty else { return }
    let client = ManagerClient(socket: addresses.socketPath, timeout: .seconds(30))
    let token = try await client.enrolmentToken(uses: fresh.count)
    for server in fresh {
      try await server.enrol(token: token, httpsPort: addresses.httpsPort)
    }
  }

  private func drive(_ start: SimulatedSite, _ startTrees: SiteTrees, _ servers: [DemoServer])
    async throws
  {
    var (site, trees) = (start, startTrees)
    let began = Clock.monotonic()
    var known: [String: SimulatedServer] = [:]
    var mounted: [String: [String]] = [:]
    var isFull = false
    var hasShown = false
    while !Task.isCancelled {
      site.advance(to: Clock.monotonic() - began)
      // A server that lost its power says nothing more: its agent ends before its files go.
      for (server, demo) in zip(site.servers, servers) where !server.isPoweredOn {
        await demo.follow(isPoweredOn: false, agentRuns: false, linkUp: server.linkUp)
      }
      do throws(TreeWriteError) {
        try trees.write(site)
        if isFull { Narrator.say("There is room again: the simulated servers go on.") }
        isFull = false
      } catch {
        guard error.isFull else { throw error }
        if !isFull {
          Narrator.say("\(error): the simulated servers stand still until there is room.")
        }
        isFull = true
      }
      let mounts = Dictionary(uniqueKeysWithValues: site.targets.map { ($0.label, $0.mountedOn) })
      tellMounts(mounted, mounts)
      mounted = mounts
      for (server, demo) in zip(site.servers, servers) {
        tell(known[server.name], server)
        known[server.name] = server
        await demo.follow(
          isPoweredOn: server.isPoweredOn, agentRuns: server.agentRunning, linkUp: server.linkUp)
      }
      let elapsed = Duration.nanoseconds(Clock.monotonic() - began)
      // By then every agent has been welcomed and has told its state.
      if !hasShown && elapsed > .seconds(5) {
        hasShown = true
        _ = await runMain(DemoStatus.self, arguments: ["status", "--state-dir", stateDirectory])
      }
      if let duration, elapsed >= duration { break }
      // Cancelled, the demo ends like in time: the agents first, then what they write to.
      do { try await Task.sleep(for: Self.tick) } catch { break }
    }
    for server in servers { await server.end() }
  }

  /// Tells of targets that two servers have, and of the end of that.
  private func tellMounts(_ old: [String: [String]], _ new: [String: [String]]) {
    for (label, servers) in new.sorted(by: { $0.key < $1.key }) {
      let had = old[label] ?? []
      if servers.count > 1, had.count < 2 {
        Narrator.say(
          "simulated: \(label) is mounted on \(servers.joined(separator: " and ")) at once")
      } else if servers.count < 2, had.count > 1 {
        Narrator.say(
          servers.first.map { "simulated: \(label) is mounted on \($0) alone again" }
            ?? "simulated: \(label) is mounted nowhere any more")
      }
    }
  }

  private func tell(_ old: SimulatedServer?, _ new: SimulatedServer) {
    guard let old else { return }
    if old.isPoweredOn != new.isPoweredOn {
      Narrator.say("simulated: \(new.name) \(new.isPoweredOn ? "has power again" : "lost power")")
    } else if old.agentRunning != new.agentRunning {
      Narrator.say("simulated: \(new.name)'s agent \(new.agentRunning ? "started" : "stopped")")
    }
    if old.linkUp != new.linkUp {
      Narrator.say("simulated: \(new.name)'s link \(new.linkUp ? "is whole again" : "was cut")")
    }
  }
}

/// Whether a demo got as far as its servers; whoever tidies up behind it asks.
final class DemoBegin: Sendable {
  private let state = Mutex(false)
  var isNoted: Bool { state.withLock { $0 } }
  func note() { state.withLock { $0 = true } }
}
