import Glibc
import Logging
import ManagerCore
import Platform
import Protocol
import Synchronization

/// The whole manager in one process: store, CA, agents' port, API, flush loop.
package struct ManagerService: Sendable {
  package struct Configuration: Sendable {
    package var stateDirectory: String
    package var https: (host: String, port: Int)
    package var agents: (host: String, port: Int)
    package var socketPath: String
    /// Names and addresses for the manager's certificate.
    package var names: [String]
    package var collectInterval: Duration
    package var flushInterval: Duration
    package var retention: Duration
    package var keeping = HistoryRetention()
    package var certificateLifetime: Duration
    package var logLevel: Logger.Level

    package init(
      stateDirectory: String, https: (host: String, port: Int), agents: (host: String, port: Int),
      socketPath: String? = nil, names: [String] = [], collectInterval: Duration = .seconds(10),
      flushInterval: Duration = .seconds(600), retention: Duration = .seconds(7 * 86_400),
      certificateLifetime: Duration = .seconds(30 * 86_400), logLevel: Logger.Level = .info
    ) {
      self.stateDirectory = stateDirectory
      self.https = https
      self.agents = agents
      self.socketPath = socketPath ?? "\(stateDirectory)/manager.sock"
      self.names = names
      self.collectInterval = collectInterval
      self.flushInterval = flushInterval
      self.retention = retention
      self.certificateLifetime = certificateLifetime
      self.logLevel = logLevel
    }
  }

  /// Where the manager serves.
  package struct Addresses: Hashable, Sendable {
    package var httpsHost: String
    package var httpsPort: Int
    package var agentsHost: String
    package var agentsPort: Int
    package var socketPath: String
    package var authorityDigest: String
  }

  package static let version = "0.1.0"

  private let configuration: Configuration
  private let notifier: ServiceNotifier

  package init(_ configuration: Configuration, notifier: ServiceNotifier = ServiceNotifier()) {
    self.configuration = configuration
    self.notifier = notifier
  }

  private static let clock: @Sendable () -> Moment = {
    Moment(monotonicNanoseconds: Clock.monotonic(), wallNanoseconds: Clock.wall())
  }

  /// Serves until cancelled; then tells the agents, stores what it holds, and returns.
  ///
  /// - Parameter onStored: called when all is stored, before the ports are closed. A program ends here: NIO
  ///   traps when connections that are just coming in are dropped, and no client is better off for it.
  package func run(
    onServing: @escaping @Sendable (Addresses) async -> Void,
    onStored: @escaping @Sendable () -> Void = {}
  ) async throws {
    HeapMemory.bound()
    let label = "iml-manager"
    let level = configuration.logLevel
    let logger = Logger(label: label) { _ in ConsoleLog(label: label, level: level) }
    let descriptors = DescriptorLimit.raise() ?? Self.ownDescriptors * 2
    guard descriptors >= Self.ownDescriptors + 64 else {
      throw DiagnosticError(
        .internalError, subject: "the limit of open files",
        reason: "it is \(descriptors), and \(Self.ownDescriptors + 64) are needed",
        remedy: "Raise it: ulimit -n 4096, or LimitNOFILE= in the unit.")
    }
    let directory = try StateDirectory(path: configuration.stateDirectory)
    let store = try StateStore(directory: directory)
    let authority = try Authority(
      loadingOrCreatingIn: configuration.stateDirectory,
      hasSigned: try await !store.certificates().isEmpty, nanoseconds: Clock.wall())
    let registry = try await TrustRegistry(loading: store)
    let material = try TLSMaterial(
      authority: authority, names: configuration.names, nanoseconds: Clock.wall())
    let agentPort = Mutex(configuration.agents.port)
    let siteSlot = SiteSlot()
    let enrolment = Enrolment(
      store: store, authority: authority, registry: registry, clock: Self.clock,
      agentPort: { agentPort.withLock { $0 } },
      lifetimeNanoseconds: configuration.certificateLifetime.wholeNanoseconds,
      isConnected: { await siteSlot.site?.isConnected($0) ?? false })
    let site = try await makeSite(
      store, renewWithin: enrolment.renewWithinSeconds, authority: authority, registry: registry,
      logger)
    siteSlot.set(site)
    registry.onRevocation { revocation in
      Task {
        await site.cut(revocation.server, serials: revocation.serials, revocation.diagnostic)
      }
    }
    let tls = try TLSContextSlot(material.httpsConfiguration)
    let serving = ServingReport(
      configuration, authority.authorityDigest, notifier: notifier, onServing: onServing)
    let facade = SiteFacade(
      site: site, enrolment: enrolment, tokens: APITokens(store: store, clock: Self.clock),
      httpsPort: { await serving.httpsPort })
    let listener = AgentListener(
      host: configuration.agents.host, port: configuration.agents.port,
      context: { material.agentsContext },
      verifier: PeerVerifier(authority: authority, registry: registry), site: site,
      renewal: enrolment, descriptors: descriptors - Self.ownDescriptors, logger: logger)
    let api = APIServer(
      APIServer.Configuration(
        host: configuration.https.host, port: configuration.https.port,
        socketPath: configuration.socketPath), site: facade, tls: { tls.current() },
      logger: logger
    ) { listening in await serving.https(listening.port) }
    // Tasks of their own: whoever cancels this one does not take away what is held, nor the ports.
    let doors = Task {
      await firstFailure([
        {
          try await listener.run { port in
            agentPort.withLock { $0 = port }
            Task { await serving.agents(port) }
          }
        },
        { try await api.run() },
      ])
    }
    let work = Task {
      await firstFailure([
        { try await self.loops(site, material, tls, logger) }, { try await self.rollUp(site) },
      ])
    }
    let failure = await firstToEnd(doors)
    notifier.stopping()
    work.cancel()
    _ = await work.value
    await Task {
      await site.endAllSessions()
      await site.flush(force: true)
      await site.flushJobs(force: true)
    }.value
    site.jobStore.close()
    try store.close()
    if failure == nil {
      api.removeSocket()
      onStored()
    }
    doors.cancel()
    _ = await doors.value
    directory.release()
    if let failure, !(failure is CancellationError) { throw failure }
  }

  /// - Returns: its error; `nil` when this task was cancelled first.
  private func firstToEnd(_ doors: Task<(any Error)?, Never>) async -> (any Error)? {
    let (ends, end) = AsyncStream.makeStream(of: (any Error)?.self)
    Task {
      end.yield(await doors.value)
      end.finish()
    }
    for await failure in ends { return failure }
    return nil
  }

  /// Runs all until the first ends, then cancels the others. Its error, if it had one.
  private func firstFailure(_ parts: [@Sendable () async throws -> Void]) async -> (any Error)? {
    await withThrowingTaskGroup(of: Void.self) { tasks in
      for part in parts { tasks.addTask { try await part() } }
      defer { tasks.cancelAll() }
      do {
        try await tasks.next()
        return nil
      } catch {
        return error
      }
    }
  }

  private func makeSite(
    _ store: StateStore, renewWithin: Int64, authority: Authority, registry: TrustRegistry,
    _ logger: Logger
  ) async throws -> Site {
    var limits = HistoryHead.Limits()
    limits.flushNanoseconds = configuration.flushInterval.wholeNanoseconds
    let records = try await store.siteRecords()
    var observed = ObservedSite(
      managerVersion: Self.version, startedAt: Self.clock(),
      // The CA is made once a site, so ids derived from it stay.
      seed: Section.digest(of: Array(authority.authorityDigest.utf8)),
      known: records.servers, targets: records.targets, mgs: records.mgs,
      memories: records.memories,
      policy: StatePolicy(collectNanoseconds: configuration.collectInterval.wholeNanoseconds))
    for record in records.servers {
      for loss in try await store.losses(of: record.id).reversed() {
        observed.lossFound(record.id, loss, at: Self.clock())
      }
    }
    var settings = Site.Settings(
      collectMilliseconds: Int(configuration.collectInterval / .milliseconds(1)),
      renewWithinSeconds: renewWithin, historyLimits: limits,
      retention: configuration.retention)
    settings.keeping = configuration.keeping
    settings.authorityFiles = ["ca.key", "ca.pem"].map { "\(configuration.stateDirectory)/\($0)" }
    settings.logLimits.segmentNanoseconds = limits.flushNanoseconds
    let jobStore = try JobStore(directory: "\(configuration.stateDirectory)/jobs")
    if let (file, reason) = jobStore.listTrouble {
      logger.warning(
        "the list beside jobs is of no use: files of it that were removed are not missed",
        metadata: ["file": "\(file)", "reason": "\(reason)"])
    }
    for (file, reason) in store.history.listTroubles.sorted(by: { $0.key < $1.key }) {
      logger.warning(
        "a list beside history is of no use: files of it that were removed are not missed",
        metadata: ["file": "\(file)", "reason": "\(reason)"])
    }
    for name in store.history.cutRollUps {
      logger.error(
        "roll-ups are not what they were: they are made again from samples",
        metadata: ["file": "history/\(name)"])
    }
    let site = Site(
      store: store, jobStore: jobStore,
      frames: try FrameLogFiles(folder: "\(configuration.stateDirectory)/frames"),
      settings: settings, observed: observed,
      catalogue: try await store.catalogue(),
      lastBatch: try await store.lastBatches(), logger: logger,
      // Weakly: the registry's watcher holds the site, and a site that is kept keeps its directory.
      distrust: { [weak registry] server, serial in
        guard let registry else {
          return Diagnostic(
            .managerStopping, subject: "manager", reason: "the manager is stopping")
        }
        return registry.distrust(of: server, serial: serial)
      })
    try await site.replayFrames()
    return site
  }

  /// For the API (256 over HTTPS, 96 on the Unix socket), files of history and jobs (16 of each at most, some
  /// descriptors each), and the rest.
  private static let ownDescriptors = 576

  /// Flush each second (the frame log then, blocks when the head says so), renew our certificate, and tell
  /// systemd that all of this still turns.
  private func loops(
    _ site: Site, _ material: TLSMaterial, _ tls: TLSContextSlot, _ logger: Logger
  ) async throws {
    var nextHourly = Clock.monotonic()
    var nextWatchdog = Clock.monotonic()
    while true {
      await site.flush()
      await site.flushJobs()
      await site.noteOwnFindings()
      if Clock.monotonic() >= nextWatchdog {
        notifier.watchdog()
        nextWatchdog += (notifier.watchdogInterval ?? .seconds(3_600)).wholeNanoseconds
      }
      if Clock.monotonic() >= nextHourly {
        nextHourly += Duration.seconds(3_600).wholeNanoseconds
        await site.trimJobs()
        renewOwnCertificate(material, tls, logger)
      }
      try await Task.sleep(for: .seconds(1))
    }
  }

  /// History at rest, one thing after the other.
  private func rollUp(_ site: Site) async throws {
    var nextHourly = Clock.monotonic()
    while true {
      await site.rollUp()
      let isHourly = Clock.monotonic() >= nextHourly
      if isHourly { nextHourly += Duration.seconds(3_600).wholeNanoseconds }
      await site.trim(isHourly: isHourly)
      HeapMemory.giveBack()
      try await Task.sleep(for: .seconds(10))
    }
  }

  /// A renewal that fails is tried again in an hour; until its end the old certificate serves.
  private func renewOwnCertificate(
    _ material: TLSMaterial, _ tls: TLSContextSlot, _ logger: Logger
  ) {
    do {
      if try material.renewIfDue(nanoseconds: Clock.wall()) {
        try tls.replace(material.httpsConfiguration)
        logger.notice("the manager's certificate was renewed")
      }
    } catch {
      logger.error(
        "the manager's certificate was not renewed; the old one stays in use",
        metadata: ["reason": "\(error)"])
    }
  }
}

/// Breaks the circle between enrolment, which asks the site, and the site, which needs enrolment's
/// settings.
private final class SiteSlot: Sendable {
  private let slot = Mutex<Site?>(nil)
  var site: Site? { slot.withLock { $0 } }
  func set(_ site: Site) { slot.withLock { $0 = site } }
}

/// Says once that both ports are open.
private actor ServingReport {
  private var addresses: ManagerService.Addresses
  private var httpsUp = false
  private var agentsUp = false
  private let notifier: ServiceNotifier
  private let onServing: @Sendable (ManagerService.Addresses) async -> Void

  init(
    _ configuration: ManagerService.Configuration, _ digest: String, notifier: ServiceNotifier,
    onServing: @escaping @Sendable (ManagerService.Addresses) async -> Void
  ) {
    addresses = ManagerService.Addresses(
      httpsHost: configuration.https.host, httpsPort: configuration.https.port,
      agentsHost: configuration.agents.host, agentsPort: configuration.agents.port,
      socketPath: configuration.socketPath, authorityDigest: digest)
    self.notifier = notifier
    self.onServing = onServing
  }

  /// `nil` until it is open.
  var httpsPort: Int? { httpsUp ? addresses.httpsPort : nil }

  func https(_ port: Int) async {
    addresses.httpsPort = port
    httpsUp = true
    await reportIfUp()
  }

  func agents(_ port: Int) async {
    addresses.agentsPort = port
    agentsUp = true
    await reportIfUp()
  }

  private func reportIfUp() async {
    guard httpsUp, agentsUp else { return }
    notifier.ready(
      status: "HTTPS on port \(addresses.httpsPort), agents on port \(addresses.agentsPort)")
    await onServing(addresses)
  }
}
