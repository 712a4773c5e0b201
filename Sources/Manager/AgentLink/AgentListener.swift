import Glibc
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import Platform
import Protocol
import Synchronization

/// The port that agents dial: TLS 1.3 with a client certificate, one session a connection.
package struct AgentListener: Sendable {
  /// Descriptors: twice the agents of the largest site known, and room for strangers.
  private static let mostConnections = 4_096
  /// Without a hello so far; the oldest gives way. A site's agents behind one address (NAT) may come
  /// back in one moment, and one that is pushed out comes again within seconds.
  private static let mostUnproven = 1_024
  private let connectionLimit: Int

  let host: String
  let port: Int
  let context: @Sendable () throws -> NIOSSLContext
  let verifier: PeerVerifier
  let site: Site
  let renewal: any CertificateRenewal
  let logger: Logger
  private let unproven: YieldingConnections
  /// Each kind by itself, so that a crowd of silent strangers does not hide the reason of another.
  private let handshakes: Refusals
  private let plain: Refusals
  private let silences: Refusals
  private let crowds: Refusals

  /// - Parameter descriptors: that connections here may take.
  package init(
    host: String, port: Int, context: @escaping @Sendable () throws -> NIOSSLContext,
    verifier: PeerVerifier, site: Site, renewal: any CertificateRenewal,
    descriptors: Int = .max, logger: Logger
  ) {
    self.host = host
    self.port = port
    self.context = context
    self.verifier = verifier
    self.site = site
    self.renewal = renewal
    self.logger = logger
    let refused: Logger.Message = "an agent was refused in the TLS handshake"
    handshakes = Refusals(logger: logger, message: refused)
    plain = Refusals(logger: logger, message: refused)
    silences = Refusals(
      logger: logger, message: "a connection was closed: no handshake in time")
    crowds = Refusals(logger: logger, message: "a connection was refused: too many are open")
    let refusals = Refusals(logger: logger, message: "an agent's connection gave way")
    connectionLimit = min(Self.mostConnections, descriptors)
    let unprovenLimit = max(2, min(Self.mostUnproven, descriptors / 2))
    unproven = YieldingConnections(
      limit: unprovenLimit, limitPerAddress: unprovenLimit / 2
    ) { address in
      refusals.log(address: address, reason: "it has not said hello, and others wait")
    }
  }

  private typealias Accepted = (
    channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>, slot: PeerSlot, address: String
  )

  /// Serves until cancelled. `onListening` gets the bound port.
  package func run(onListening: @Sendable (Int) -> Void) async throws {
    let server = try await bind()
    onListening(server.channel.localAddress?.port ?? port)
    let count = ConnectionCount()
    try await server.executeThenClose { inbound in
      try await withThrowingDiscardingTaskGroup { tasks in
        for try await accepted in inbound {
          if count.add(1) > connectionLimit {
            count.add(-1)
            crowds.log(
              .warning, ["peer": "\(accepted.address)", "limit": "\(connectionLimit)"])
            // Closed by way of its writer: NIO traps when that is dropped unfinished.
            tasks.addTask { try? await accepted.channel.executeThenClose { _, _ in } }
            continue
          }
          // Who asks can wait; an agent that is not heard is taken for lost.
          tasks.addTask(priority: .high) {
            await AgentConnection(
              site: self.site, renewal: self.renewal, slot: accepted.slot,
              address: accepted.address, logger: self.logger, serverLog: self.site.serverLog,
              onHello: self.unproven.leave
            ).serve(accepted.channel)
            count.add(-1)
          }
        }
      }
    }
  }

  /// An agent's cycle is some hundred bytes. What TLS has deciphered lies in a buffer that grows with
  /// the reads and stays as large, for each of a thousand agents.
  private static let reads = FixedSizeRecvByteBufferAllocator(capacity: 8 << 10)
  /// Pieces that may wait while one is taken in; the rest waits in the kernel and at the agent.
  private static let backPressure =
    NIOAsyncSequenceProducerBackPressureStrategies
    .HighLowWatermark(lowWatermark: 1, highWatermark: 2)

  private func bind() async throws -> NIOAsyncChannel<Accepted, Never> {
    do {
      return try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .serverChannelOption(.backlog, value: 1_024)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
        .childChannelOption(.recvAllocator, value: Self.reads)
        .childChannelOption(.maxMessagesPerRead, value: 1)
        .bind(host: host, port: port) { channel in
          channel.eventLoop.makeCompletedFuture { try self.accepted(channel) }
        }
    } catch let error as IOError where error.errnoCode == EADDRINUSE {
      throw DiagnosticError(
        .portInUse, subject: HostPort.text(host, port),
        reason: "another process listens on this port",
        remedy: "Find it with: ss -ltnp 'sport = :\(port)', or choose another with --agents.")
    } catch let error as IOError {
      throw DiagnosticError(
        .internalError, subject: HostPort.text(host, port),
        reason: "cannot listen: \(UnixSocketFile.text(of: error.errnoCode))")
    } catch  where isUnresolved(error) {
      throw unresolved(HostPort.text(host, port))
    }
  }

  private static let withoutTLS = Diagnostic(
    .requestMalformed, subject: "",
    reason: "this is the agents' port: TLS with a certificate of this manager's CA",
    remedy: "Operators and browsers use the HTTPS port.")

  private func accepted(_ channel: any Channel) throws -> Accepted {
    unproven.enter(channel)
    let slot = PeerSlot()
    let tls = NIOSSLServerHandler(
      context: try context(),
      customVerificationCallback: slot.callback(verifier, clock: Clock.wall))
    let address = channel.remoteAddress.map { "\($0.ipAddress ?? "?"):\($0.port ?? 0)" } ?? "?"
    try channel.pipeline.syncOperations.addHandler(
      WithoutTLS(problem: Self.withoutTLS) { [plain] reason in
        plain.log(.warning, ["peer": "\(address)", "code": "tls", "reason": "\(reason)"])
      })
    try channel.pipeline.syncOperations.addHandler(tls)
    try channel.pipeline.syncOperations.addHandler(
      HandshakeReporter(
        slot: slot, address: address, refusals: handshakes, silences: silences))
    return (
      try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
        wrappingChannelSynchronously: channel,
        configuration: NIOAsyncChannel.Configuration(backPressureStrategy: Self.backPressure)),
      slot, address
    )
  }
}

private final class ConnectionCount: Sendable {
  private let count = Mutex(0)

  /// - Returns: the count after the change.
  @discardableResult
  func add(_ change: Int) -> Int {
    count.withLock {
      $0 += change
      return $0
    }
  }
}

/// Says why a handshake failed, once, with the reason our own check had.
private final class HandshakeReporter: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  private let slot: PeerSlot
  private let address: String
  private let refusals: Refusals
  private let silences: Refusals
  private var isDone = false
  private var deadline: Scheduled<Void>?

  init(slot: PeerSlot, address: String, refusals: Refusals, silences: Refusals) {
    self.slot = slot
    self.address = address
    self.refusals = refusals
    self.silences = silences
  }

  /// Time for a handshake over a bad link; a half-open connection is gone after it.
  private static let limit = TimeAmount.seconds(10)

  func handlerAdded(context: ChannelHandlerContext) {
    let channel = context.channel
    let (address, silences) = (address, silences)
    deadline = context.eventLoop.scheduleTask(in: Self.limit) {
      silences.log(.info, ["peer": "\(address)"])
      WithoutTLS.giveUp(channel)
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is GaveWay {
      isDone = true
      deadline?.cancel()
    }
    if case TLSUserEvent.handshakeCompleted? = event as? TLSUserEvent {
      isDone = true
      deadline?.cancel()
    }
    context.fireUserInboundEventTriggered(event)
  }

  func channelInactive(context: ChannelHandlerContext) {
    deadline?.cancel()
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    deadline?.cancel()
    if !isDone {
      isDone = true
      var (code, reason) = TLSReason.text(error)
      if case .refused(let diagnostic)? = slot.value {
        (code, reason) = (diagnostic.code, diagnostic.reason)
      }
      refusals.log(
        .warning, ["peer": "\(address)", "code": "\(code)", "reason": "\(reason)"])
      context.close(promise: nil)
    }
    context.fireErrorCaught(error)
  }
}
