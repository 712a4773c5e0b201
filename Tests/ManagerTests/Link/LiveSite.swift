import AgentCore
import Foundation
import Logging
import Manager
import ManagerCore
import NIOPosix
import NodeAgent
import Platform
import Protocol
import Synchronization
import Testing

/// A real manager on loopback with a state directory of its own, for as long as `body` runs.
func withManager(
  directory: String? = nil, certificateLifetime: Duration = .seconds(3_600),
  flushInterval: Duration = .seconds(1), retention: Duration = .seconds(7 * 86_400),
  _ body: @Sendable @escaping (LiveSite) async throws -> Void
) async throws {
  let directory = try directory ?? temporaryDirectory()
  let service = ManagerService(
    ManagerService.Configuration(
      stateDirectory: "\(directory)/manager", https: ("127.0.0.1", 0), agents: ("127.0.0.1", 0),
      names: ["localhost", "127.0.0.1"], collectInterval: .milliseconds(200),
      flushInterval: flushInterval, retention: retention,
      certificateLifetime: certificateLifetime, logLevel: .critical),
    notifier: ServiceNotifier(environment: { _ in nil }))
  let (serving, gate) = AsyncStream.makeStream(of: ManagerService.Addresses.self)
  try await withThrowingTaskGroup(of: Void.self) { tasks in
    tasks.addTask { try await service.run { gate.yield($0) } }
    tasks.addTask {
      for await addresses in serving {
        return try await body(LiveSite(directory: directory, addresses: addresses))
      }
    }
    try await tasks.next()
    tasks.cancelAll()
    // The manager ends in order, so that the next one may have its directory.
    while try await tasks.next() != nil {}
  }
}

func temporaryDirectory() throws -> String {
  let url = FileManager.default.temporaryDirectory
    .appendingPathComponent("iml-\(UUID().uuidString.prefix(8))")
  try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  return url.path
}

/// Waits for a condition, at most ten seconds: thirty times what each of these takes alone.
func eventually(
  _ what: String, within limit: Duration = .seconds(10),
  _ condition: @Sendable () async throws -> Bool
) async throws {
  let deadline = ContinuousClock.now + limit
  while try await !condition() {
    guard ContinuousClock.now < deadline else {
      Issue.record("never: \(what)")
      throw CancellationError()
    }
    try await Task.sleep(for: .milliseconds(20))
  }
}

struct LiveSite: Sendable {
  let directory: String
  let addresses: ManagerService.Addresses

  func token(uses: Int = 1) async throws -> String {
    let body = try CanonicalJSON.encode(
      EnrolmentTokenRequest(uses: uses, lifetimeSeconds: 60, profile: .monitor))
    let answer = try await local("POST", "/api/v1/enrolment-tokens", body)
    let view = try CanonicalJSON.decode(EnrolmentTokenView.self, from: answer)
    return try #require(view.secret)
  }

  func files(_ name: String) -> AgentFiles { AgentFiles(directory: "\(directory)/\(name)") }

  func enrol(_ name: String, token: String? = nil) async throws {
    let secret: String
    if let token { secret = token } else { secret = try await self.token() }
    _ = try await EnrolmentClient(
      host: "127.0.0.1", port: addresses.httpsPort, token: secret, hostname: name,
      files: files(name)
    ).enrol(on: MultiThreadedEventLoopGroup.singleton)
  }

  func agent(
    _ name: String, boot: String = "boot-1", collectors: [CollectorTask] = [.counting()]
  ) -> AgentService {
    AgentService(
      AgentService.Configuration(
        stateDirectory: "\(directory)/\(name)", hostname: name, boot: BootID(boot),
        readsTree: true, collectors: collectors, collectInterval: .milliseconds(200),
        logLevel: .critical), notifier: ServiceNotifier(environment: { _ in nil }))
  }

  /// Runs an agent while `body` runs.
  func withAgent(
    _ name: String, collectors: [CollectorTask] = [.counting()],
    _ body: @Sendable (AgentService) async throws -> Void
  ) async throws {
    let agent = self.agent(name, collectors: collectors)
    let running = Task { try await agent.run() }
    defer { running.cancel() }
    try await body(agent)
    await agent.stop()
    try await running.value
  }

  func server(_ name: String) async throws -> ServerDetail {
    try CanonicalJSON.decode(
      ServerDetail.self, from: try await local("GET", "/api/v1/servers/\(name)"))
  }

  func metric(_ name: String, seconds: Int = 60, isRate: Bool = false) async throws
    -> MetricAnswer
  {
    try CanonicalJSON.decode(
      MetricAnswer.self,
      from: try await local(
        "GET", "/api/v1/metrics/\(name)?seconds=\(seconds)\(isRate ? "&rate=true" : "")"))
  }

  /// One request over the manager's Unix socket, HTTP/1.1, connection closed.
  @discardableResult
  func local(_ method: String, _ path: String, _ body: [UInt8] = []) async throws -> [UInt8] {
    var request = "\(method) \(path) HTTP/1.1\r\nHost: local\r\nConnection: close\r\n"
    request += "Content-Type: application/json\r\nContent-Length: \(body.count)\r\n\r\n"
    let answer = try await exchange(
      Array(request.utf8) + body, path: addresses.socketPath)
    let text = String(decoding: answer, as: UTF8.self)
    let parts = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
    let status = text.dropFirst(9).prefix(3)
    guard status.first == "2", parts.count == 2 else {
      throw Refused(status: String(status), body: parts.count == 2 ? String(parts[1]) : text)
    }
    return Array(parts[1].utf8)
  }

  struct Refused: Error {
    var status: String
    var body: String
  }
}

extension CollectorTask {
  /// A collector with a section and a counter that says how often it ran.
  static func counting(_ name: String = "host", slow: @escaping @Sendable () -> Void = {})
    -> CollectorTask
  {
    let counter = RunCounter()
    return CollectorTask(name: name) {
      slow()
      var collection = Collection()
      let count = counter.next()
      if let section = try? LNetSection(
        interfaces: [], peersUp: 0, peersDown: 0, downPeers: []
      ).section(collector: name) {
        collection.sections = [section]
      }
      collection.samples = [
        Sample(
          SeriesDeclaration(
            key: SeriesKey(subject: .server, metric: "test_\(name)_runs_total"), kind: .counter,
            unit: "1"), count)
      ]
      return .sampled(collection)
    }
  }
}

private final class RunCounter: Sendable {
  private let runs = Mutex<UInt64>(0)
  func next() -> UInt64 {
    runs.withLock {
      $0 += 1
      return $0
    }
  }
}
