import Hummingbird
import HummingbirdCore
import Logging
import Glibc
import NIOCore
import NIOPosix
import Protocol
import ServiceLifecycle
import Synchronization

/// Where the API is to be had, once both listeners are up.
package struct Listening: Hashable, Sendable {
  package var host: String
  /// The bound port, also when port 0 was asked for.
  package var port: Int
  package var socketPath: String
  package init(host: String, port: Int, socketPath: String) {
    self.host = host
    self.port = port
    self.socketPath = socketPath
  }
}

/// The API's two listeners, HTTPS and the Unix socket, as one service. It ends with graceful
/// shutdown (requests in progress are finished) or with the first listener that fails.
package struct APIServer: Service {
  package struct Configuration: Sendable {
    package var host: String
    /// 0 takes any free port.
    package var port: Int
    package var socketPath: String
    package var limits = APILimits()
    /// Whom the Unix socket admits, by user id.
    package var localCaller: @Sendable (UInt32) -> Caller? = LocalUsers.caller(user:)
    package init(host: String, port: Int, socketPath: String) {
      self.host = host
      self.port = port
      self.socketPath = socketPath
    }
  }

  private let configuration: Configuration
  private let site: any SiteService
  private let context: TLSContextProvider
  private let logger: Logger
  private let group: any EventLoopGroup
  private let routes: [Route]
  private let onListening: @Sendable (Listening) async -> Void
  private let held = HeldSocket()

  package init(
    _ configuration: Configuration, site: any SiteService,
    tls context: @escaping TLSContextProvider,
    logger: Logger, group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
    routes: [Route] = Route.all,
    onListening: @escaping @Sendable (Listening) async -> Void = { _ in }
  ) {
    self.configuration = configuration
    self.site = site
    self.context = context
    self.logger = logger
    self.group = group
    self.routes = routes
    self.onListening = onListening
  }

  /// Throws `port-in-use` or `state-directory-unusable` when it cannot listen.
  package func run() async throws {
    let socket = UnixSocketFile(path: configuration.socketPath)
    try socket.claim()
    let bound = BoundListeners(configuration, onListening)
    var quiet = logger
    // The framework's own lines are no constants; ours tell the same.
    quiet.logLevel = .critical
    let services: [any Service] = [
      try httpsListener(bound, quiet), try localListener(socket, bound, quiet),
    ]
    held.watch { if let identity = bound.socketIdentity { socket.remove(identity) } }
    defer { removeSocket() }
    let serviceGroup = ServiceGroup(configuration: .init(services: services, logger: quiet))
    try await serviceGroup.run()
  }

  /// For a process that ends while it still listens.
  package func removeSocket() { held.remove() }

  private func gate(_ limit: Int) -> RequestGate {
    RequestGate(limit: limit, patience: configuration.limits.turn)
  }

  private func httpsListener(_ bound: BoundListeners, _ quiet: Logger) throws -> any Service {
    let limits = configuration.limits
    let refusals = Refusals(logger: logger)
    let plain = Refusals(logger: logger)
    let unproven = YieldingConnections(
      limit: limits.unproven, limitPerAddress: limits.unprovenPerAddress
    ) { address in
      refusals.log(address: address, reason: "it has proven nothing, and others wait")
    }
    let malformed = Refusals(logger: logger, message: "a request over HTTPS was refused")
    let resting = YieldingConnections(limit: limits.resting, limitPerAddress: limits.resting) {
      plain.log(address: $0, reason: "no request of it is worked on, and others wait")
    }
    let responder = APIResponder(
      table: RouteTable(routes), site: site, door: .network, limits: limits, logger: logger,
      onHead: resting.leave, onRefusal: { malformed.log(address: $0, reason: $1) },
      onProof: unproven.leave, onRest: resting.enter, gate: gate(limits.atOnce),
      longGate: gate(limits.longAtOnce),
      callers: CallersAtWork(limit: limits.perCaller))
    let (context, logger) = (context, logger)
    let builder = HTTPServerBuilder { respond in
      TLSListenerChannel(
        base: HTTP1Channel(responder: respond, configuration: channelConfiguration(limits)),
        limits: limits, context: context, unproven: unproven, refusals: refusals, plain: plain,
        malformed: malformed)
    }
    let server = try builder.buildServer(
      configuration: ServerConfiguration(
        address: .hostname(configuration.host, port: configuration.port),
        availableConnectionsDelegate: .maximum(limits.connections, logger: quiet)),
      eventLoopGroup: group, logger: quiet, responder: responder.serve
    ) { channel in
      let port = channel.localAddress?.port ?? 0
      logger.info("HTTPS listener is up", metadata: ["port": "\(port)"])
      await bound.https(port: port)
    }
    return Listener(
      server: server, subject: HostPort.text(configuration.host, configuration.port), bound: bound)
  }

  private func localListener(
    _ socket: UnixSocketFile, _ bound: BoundListeners, _ quiet: Logger
  ) throws -> any Service {
    let limits = configuration.limits
    let refusals = Refusals(logger: logger, message: "connection to the Unix socket closed")
    let unproven = YieldingConnections(
      limit: limits.localUnproven, limitPerAddress: limits.localUnproven
    ) { _ in
      refusals.log(address: socket.path, reason: "it has sent no request, and others wait")
    }
    let malformed = Refusals(
      logger: logger, message: "a request over the Unix socket was refused")
    let greetings = Greetings(limit: limits.localGreeting) {
      refusals.log(
        address: socket.path,
        reason: "no request within \(limits.localGreeting.nanoseconds / 1_000_000) ms")
    }
    let resting = YieldingConnections(
      limit: limits.localResting, limitPerAddress: limits.localResting
    ) { _ in
      refusals.log(
        address: socket.path, reason: "no request of it is worked on, and others wait")
    }
    let responder = APIResponder(
      table: RouteTable(routes), site: site, door: .local(admit: configuration.localCaller),
      limits: limits, logger: logger,
      onHead: { channel in
        greetings.greeted(channel)
        resting.leave(channel)
      }, onProof: unproven.leave, onRest: resting.enter, gate: gate(limits.atOnce),
      longGate: gate(limits.longAtOnce),
      callers: CallersAtWork(limit: limits.localPerProcess))
    let logger = logger
    let builder = HTTPServerBuilder { respond in
      LocalListenerChannel(
        base: HTTP1Channel(responder: respond, configuration: channelConfiguration(limits)),
        limits: limits, unproven: unproven, greetings: greetings
      ) { reason in malformed.log(address: socket.path, reason: reason) }
    }
    let server = try builder.buildServer(
      configuration: ServerConfiguration(
        address: .unixDomainSocket(path: socket.path),
        availableConnectionsDelegate: .maximum(
          limits.localConnections + limits.localUnproven, logger: quiet)),
      eventLoopGroup: group, logger: quiet, responder: responder.serve
    ) { channel in
      do throws(DiagnosticError) {
        let identity = try socket.restrict()
        logger.info("Unix listener is up", metadata: ["path": "\(socket.path)"])
        await bound.local(identity)
      } catch {
        bound.fail(error)
        channel.close(promise: nil)
      }
    }
    return Listener(server: server, subject: socket.path, bound: bound)
  }
}

private func channelConfiguration(_ limits: APILimits) -> HTTP1Channel.Configuration {
  HTTP1Channel.Configuration(
    idleTimeout: limits.idle,
    httpDecoderConfiguration: .init(
      maxHeaderFieldSize: limits.headerFieldBytes, maxHeaderListSize: limits.headerListBytes,
      maxHeaderFieldCount: limits.headerFields))
}

func isUnresolved(_ error: any Error) -> Bool {
  error is SocketAddressError || error is SocketAddressError.UnknownHost
    || error is SocketAddressError.FailedToParseIPByteBuffer
}

/// - Parameter subject: what it should have listened at.
func unresolved(_ subject: String) -> DiagnosticError {
  DiagnosticError(
    .requestMalformed, subject: subject, reason: "this host has no such address or name",
    remedy: "Give an address of this host, for example 0.0.0.0:8443 or [::]:8443.")
}

/// A server whose failure to listen is told in the product's own words.
private struct Listener: Service {
  let server: any Service
  let subject: String
  let bound: BoundListeners

  func run() async throws {
    do {
      try await server.run()
    } catch let error as IOError where error.errnoCode == EADDRINUSE {
      throw DiagnosticError(
        .portInUse, subject: subject, reason: "another program listens there",
        remedy: "Stop it, or choose another port.")
    } catch let error as IOError {
      throw DiagnosticError(
        .internalError, subject: subject,
        reason: "cannot listen: \(UnixSocketFile.text(of: error.errnoCode))")
    } catch  where isUnresolved(error) {
      throw unresolved(subject)
    }
    if let failure = bound.failure { throw failure }
  }
}

private final class HeldSocket: Sendable {
  private let removal = Mutex<(@Sendable () -> Void)?>(nil)

  func watch(_ remove: @escaping @Sendable () -> Void) { removal.withLock { $0 = remove } }

  func remove() { removal.withLock { $0 }?() }
}

/// Collects what the two listeners learn when they are bound.
private final class BoundListeners: Sendable {
  private struct State {
    var port: Int?
    var identity: UnixSocketFile.Identity?
    var failure: DiagnosticError?
  }
  private let state = Mutex(State())
  private let configuration: APIServer.Configuration
  private let onListening: @Sendable (Listening) async -> Void

  init(
    _ configuration: APIServer.Configuration,
    _ onListening: @escaping @Sendable (Listening) async -> Void
  ) {
    self.configuration = configuration
    self.onListening = onListening
  }

  var socketIdentity: UnixSocketFile.Identity? { state.withLock { $0.identity } }
  var failure: DiagnosticError? { state.withLock { $0.failure } }

  func fail(_ error: DiagnosticError) { state.withLock { $0.failure = error } }

  func https(port: Int) async { await learn { $0.port = port } }

  func local(_ identity: UnixSocketFile.Identity) async { await learn { $0.identity = identity } }

  private func learn(_ change: (inout State) -> Void) async {
    let port: Int? = state.withLock { state in
      change(&state)
      return state.identity == nil ? nil : state.port
    }
    guard let port else { return }
    await onListening(
      Listening(host: configuration.host, port: port, socketPath: configuration.socketPath))
  }
}
