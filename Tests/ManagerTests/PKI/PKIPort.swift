import Crypto
import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import Protocol
import Synchronization

@testable import Manager

/// What became of one connection to the agents' port.
struct PortOutcome: Hashable, Sendable {
  var isHandshakeComplete: Bool
  /// What was made of the peer; `nil` when nobody judged it.
  var verdict: PeerVerdict?
}

/// The agents' port without what lies behind it: whoever completes the handshake gets `heard`, then
/// the end.
final class AgentPort: Sendable {
  let number: Int
  private let channel: any Channel
  private let outcomes: AsyncStream<PortOutcome>

  init(site: TrustSite, material: TLSMaterial) async throws {
    let (stream, continuation) = AsyncStream<PortOutcome>.makeStream()
    outcomes = stream
    let clock = site.clock
    let verifier = site.verifier
    channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let slot = PeerSlot()
          try channel.pipeline.syncOperations.addHandlers(
            NIOSSLServerHandler(
              context: material.agentsContext,
              customVerificationCallback: slot.callback(verifier, clock: { clock.now })),
            OutcomeHandler(slot, continuation))
        }
      }.bind(host: "127.0.0.1", port: 0).get()
    number = channel.localAddress?.port ?? 0
  }

  /// What became of the next connection.
  func outcome() async -> PortOutcome? {
    var iterator = outcomes.makeAsyncIterator()
    return await iterator.next()
  }

  func close() async throws { try await channel.close() }
}

private final class OutcomeHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer
  private let slot: PeerSlot
  private let continuation: AsyncStream<PortOutcome>.Continuation
  private var isTold = false

  init(_ slot: PeerSlot, _ continuation: AsyncStream<PortOutcome>.Continuation) {
    self.slot = slot
    self.continuation = continuation
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case TLSUserEvent.handshakeCompleted(_)? = event as? TLSUserEvent else {
      return context.fireUserInboundEventTriggered(event)
    }
    tell(isHandshakeComplete: true)
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "heard\n")), promise: nil)
    context.close(promise: nil)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    tell(isHandshakeComplete: false)
    context.close(promise: nil)
  }

  private func tell(isHandshakeComplete: Bool) {
    guard !isTold else { return }
    isTold = true
    continuation.yield(
      PortOutcome(isHandshakeComplete: isHandshakeComplete, verdict: slot.value))
  }
}

/// One client's attempt: what the server presented, and what it said before it closed.
struct PortClient {
  var presented: [[UInt8]] = []
  var heard = ""

  static func connect(
    port: Int, certificate: String? = nil, key: AgentKey? = nil, maximum: TLSVersion? = nil
  ) async throws -> PortClient {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.certificateVerification = .noHostnameVerification
    configuration.maximumTLSVersion = maximum
    if let certificate, let key {
      configuration.certificateChain = [
        .certificate(try NIOSSLCertificate(bytes: Array(certificate.utf8), format: .pem))
      ]
      configuration.privateKey = .privateKey(
        try NIOSSLPrivateKey(bytes: Array(key.key.pemRepresentation.utf8), format: .pem))
    }
    let context = try NIOSSLContext(configuration: configuration)
    let record = Recording()
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandlers(
            NIOSSLClientHandler(
              context: context, serverHostname: nil,
              customVerificationCallback: { chain, promise in
                record.client.withLock {
                  $0.presented = chain.map { (try? $0.toDERBytes()) ?? [] }
                }
                promise.succeed(.certificateVerified)
              }),
            HeardHandler(record))
        }
      }.connect(host: "127.0.0.1", port: port).get()
    try await channel.closeFuture.get()
    return record.client.withLock { $0 }
  }

  fileprivate final class Recording: Sendable {
    let client = Mutex(PortClient())
  }
}

private final class HeardHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  private let record: PortClient.Recording

  init(_ record: PortClient.Recording) { self.record = record }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let text = String(buffer: unwrapInboundIn(data))
    record.client.withLock { $0.heard += text }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
