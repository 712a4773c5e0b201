import AgentCore
import Logging
import NIOPosix
import Platform
import Protocol
import Synchronization

/// The whole agent in one process: collectors, link, systemd's watchdog. Runs until cancelled or
/// `stop()`.
package actor AgentService {
  package struct Configuration: Sendable {
    package var stateDirectory: String
    package var hostname: String
    package var boot: BootID
    package var readsTree: Bool
    package var collectors: [CollectorTask]
    /// Dial this instead of the enrolled address, for example a tunnel.
    package var manager: (host: String, port: Int)?
    /// Until the manager says otherwise.
    package var collectInterval: Duration
    package var logLevel: Logger.Level
    /// How much the spool may hold, in bytes; `nil` for no spool.
    package var spoolBytes: Int?

    package init(
      stateDirectory: String, hostname: String, boot: BootID, readsTree: Bool,
      collectors: [CollectorTask], manager: (host: String, port: Int)? = nil,
      collectInterval: Duration = .seconds(10), logLevel: Logger.Level = .info,
      spoolBytes: Int? = Spool.Limits().bytes
    ) {
      self.stateDirectory = stateDirectory
      self.hostname = hostname
      self.boot = boot
      self.readsTree = readsTree
      self.collectors = collectors
      self.manager = manager
      self.collectInterval = collectInterval
      self.logLevel = logLevel
      self.spoolBytes = spoolBytes
    }
  }

  package static let version = "0.1.0"

  private let configuration: Configuration
  private let runner: CollectorRunner
  private let notifier: ServiceNotifier
  private let interval: Mutex<Duration>
  private var driver: LinkDriver?
  private var isStopping = false
  /// When the last cycle began, monotonic.
  private var lastCycle = Clock.monotonic()
  private var main: Task<Void, any Error>?
  private var pause: Task<Void, Never>?
  private var wantsCycle = false

  package init(_ configuration: Configuration, notifier: ServiceNotifier = ServiceNotifier()) {
    self.configuration = configuration
    self.notifier = notifier
    runner = CollectorRunner(configuration.collectors)
    interval = Mutex(configuration.collectInterval)
  }

  /// - Throws: `DiagnosticError` when this agent was never enrolled, or runs already.
  package func run() async throws {
    let files = AgentFiles(directory: configuration.stateDirectory)
    guard let settings = try files.settings() else {
      throw DiagnosticError(
        .notEnrolled, subject: configuration.stateDirectory, reason: "no agent is enrolled here",
        remedy: "iml-agent enroll --manager HOST:PORT --token TOKEN")
    }
    let lock = try AgentLock(directory: configuration.stateDirectory)
    defer { withExtendedLifetime(lock) {} }
    // A manager that is away, or that can not be reached yet, has said before how often.
    if let milliseconds = files.collectMilliseconds() { setInterval(.milliseconds(milliseconds)) }
    let driver = makeDriver(files, settings)
    self.driver = driver
    notifier.ready(status: "dialling \(settings.managerHost):\(settings.managerPort)")
    let main = Task {
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { await driver.run() }
        tasks.addTask { try await self.collect(into: driver) }
        tasks.addTask { try await self.keepAlive() }
        defer { tasks.cancelAll() }
        try await tasks.next()
      }
    }
    self.main = main
    let result = await withTaskCancellationHandler {
      await main.result
    } onCancel: {
      main.cancel()
    }
    notifier.stopping()
    await runner.end()
    if case .failure(let error) = result, !(error is CancellationError), !isStopping {
      throw error
    }
  }

  /// Says goodbye to the manager and ends `run()` within a second.
  package func stop() async {
    guard !isStopping else { return }
    isStopping = true
    notifier.stopping()
    await driver?.stop()
    for _ in 0..<10 where main?.isCancelled == false {
      try? await Task.sleep(for: .milliseconds(50))
      if await driver?.isOpen != true { break }
    }
    main?.cancel()
  }

  /// Whether the manager has welcomed this agent.
  package func isConnected() async -> Bool { await driver?.isOpen ?? false }

  private func makeDriver(_ files: AgentFiles, _ settings: AgentFiles.Settings) -> LinkDriver {
    let lines = LogForwarder()
    let label = "iml-agent"
    let level = configuration.logLevel
    let logger = Logger(label: label) { _ in
      ConsoleLog(label: label, level: level) { lines.add(priority: $0, text: $1) }
    }
    let link = AgentLink(
      identity: AgentLink.Identity(
        server: settings.server, boot: configuration.boot,
        incarnation: LogForwarder.randomName(), hostname: configuration.hostname,
        agentVersion: AgentService.version, readsTree: configuration.readsTree,
        collectMilliseconds: Int(currentInterval / .milliseconds(1))),
      spool: configuration.spoolBytes.map(Spool.Limits.init(bytes:)))
    let spool = configuration.spoolBytes.map { _ in
      SpoolFiles(folder: "\(configuration.stateDirectory)/spool")
    }
    let driver = LinkDriver(
      link: link, files: files, spool: spool,
      host: configuration.manager?.host ?? settings.managerHost,
      port: configuration.manager?.port ?? settings.managerPort,
      hostname: configuration.hostname, group: MultiThreadedEventLoopGroup.singleton,
      logger: logger
    ) { [weak self] milliseconds in
      self?.setInterval(.milliseconds(milliseconds))
      // Not here: a disk that hangs must not hold up the link.
      Task.detached {
        do {
          try files.store(collectMilliseconds: milliseconds)
        } catch {
          logger.warning(
            "the interval of collecting is not kept for the next start",
            metadata: ["reason": "\(Reason.text(error))"])
        }
      }
      Task { await self?.collectNow() }
    }
    lines.connect { line in Task { await driver.logged(line) } }
    return driver
  }

  private nonisolated func setInterval(_ new: Duration) { interval.withLock { $0 = new } }
  private nonisolated var currentInterval: Duration { interval.withLock { $0 } }

  private func collect(into driver: LinkDriver) async throws {
    let clock = ContinuousClock()
    var next = clock.now
    var reporter = CycleReport()
    while !Task.isCancelled {
      let began = Stamp(bootNanoseconds: Clock.boot(), wallNanoseconds: Clock.wall())
      let interval = currentInterval
      lastCycle = Clock.monotonic()
      // Half a cycle: what is slower has its own pace, and the others are not late for it.
      let cycle = await runner.cycle(patience: interval / 2)
      let report = reporter.make(cycle, spool: await driver.spoolReport, now: began)
      if let late = report.late {
        await driver.collected([], samples: late.samples, jobs: [], stamp: late.stamp)
      }
      await driver.collected(
        report.ends, samples: report.samples, jobs: report.jobs, stamp: began)
      if wantsCycle {
        wantsCycle = false
        next = clock.now
        continue
      }
      // The interval may have changed while the cycle lasted.
      next = max(next + currentInterval, clock.now)
      let due = next
      let pause = Task { _ = try? await clock.sleep(until: due) }
      self.pause = pause
      await withTaskCancellationHandler {
        await pause.value
      } onCancel: {
        pause.cancel()
      }
      wantsCycle = false
      // Woken before its time: what follows counts from now.
      next = min(next, clock.now)
    }
  }

  /// A session has opened, perhaps with another interval than the one that is being slept out.
  private func collectNow() {
    wantsCycle = true
    pause?.cancel()
  }

  /// Tells systemd that cycles still begin: a hanging read does not stop them, a hanging agent does.
  private func keepAlive() async throws {
    let pause = notifier.watchdogInterval ?? .seconds(3_600)
    while true {
      let age = Duration.nanoseconds(Clock.monotonic() - lastCycle)
      if age < currentInterval * 3 + pause { notifier.watchdog() }
      try await Task.sleep(for: pause)
    }
  }
}
