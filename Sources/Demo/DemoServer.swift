import Logging
import ManagerCore
import NIOPosix
import NodeAgent
import Platform
import Protocol

/// One simulated server's agent: a real one, reading the server's tree, dialling the manager
/// through a link that can be cut.
actor DemoServer {
  let name: String
  private let root: String
  private let stateDirectory: String
  private let logLevel: Logger.Level
  private let proxy: LinkProxy
  private var proxyPort = 0
  private var agent: (service: AgentService, task: Task<Void, Never>)?

  init(
    name: String, root: String, stateDirectory: String, managerPort: Int, logLevel: Logger.Level
  ) {
    self.name = name
    self.root = root
    self.stateDirectory = stateDirectory
    self.logLevel = logLevel
    proxy = LinkProxy(toHost: "127.0.0.1", port: managerPort)
  }

  /// Relays until cancelled.
  nonisolated func runLink() async throws {
    try await proxy.run { port in Task { await self.listening(on: port) } }
  }

  private func listening(on port: Int) { proxyPort = port }

  /// Whether this server was enrolled in an earlier run on the same state directory.
  nonisolated func isEnrolled() throws -> Bool {
    try AgentFiles(directory: stateDirectory).settings() != nil
  }

  nonisolated func enrol(token: String, httpsPort: Int) async throws {
    let client = EnrolmentClient(
      host: "127.0.0.1", port: httpsPort, token: token, hostname: name,
      files: AgentFiles(directory: stateDirectory))
    _ = try await client.enrol(on: MultiThreadedEventLoopGroup.singleton)
  }

  /// Makes the agent and its link what the simulated server says.
  func follow(isPoweredOn: Bool, agentRuns: Bool, linkUp: Bool) async {
    if linkUp && isPoweredOn { proxy.heal() } else { proxy.cut() }
    if agentRuns {
      start()
    } else if isPoweredOn {
      await stop()
    } else {
      lose()
    }
  }

  private func start() {
    guard agent == nil, proxyPort != 0 else { return }
    let host = HostRoot(root)
    let service = AgentService(
      AgentService.Configuration(
        stateDirectory: stateDirectory, hostname: name, boot: host.bootID(), readsTree: true,
        collectors: CollectorTask.all(reading: host), manager: ("127.0.0.1", proxyPort),
        collectInterval: .seconds(1), logLevel: logLevel),
      notifier: ServiceNotifier(environment: { _ in nil }))
    let task = Task {
      do {
        try await service.run()
      } catch {
        Narrator.say("\(name): the agent ended: \(error)")
      }
    }
    agent = (service, task)
  }

  private func stop() async {
    guard let running = agent else { return }
    agent = nil
    await running.service.stop()
    _ = await running.task.value
  }

  /// As when the power goes: no goodbye.
  private func lose() {
    agent?.task.cancel()
    agent = nil
  }

  func end() async {
    proxy.heal()
    await stop()
  }
}
