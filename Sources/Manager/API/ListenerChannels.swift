import HummingbirdCore
import Logging
import NIOCore
import NIOSSL
import NIOTLS
import Protocol

/// HTTP over TLS with the certificate of the moment. (The stock TLS channel keeps the context that
/// it was made with.)
struct TLSListenerChannel: ServerChildChannel {
  let base: HTTP1Channel
  let limits: APILimits
  let context: TLSContextProvider
  let unproven: YieldingConnections
  let refusals: Refusals
  /// Those that speak no TLS or nothing, apart: they are many, and must not hide why another was
  /// refused.
  let plain: Refusals
  let malformed: Refusals

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
    let address = channel.remoteAddress?.ipAddress ?? "unknown"
    unproven.enter(channel)
    return channel.eventLoop.makeCompletedFuture {
      let pipeline = channel.pipeline.syncOperations
      let other = WithoutTLS(problem: Self.withoutTLS) {
        plain.log(address: address, reason: "TLS handshake failed: \($0)")
      }
      try pipeline.addHandler(other)
      try pipeline.addHandler(NIOSSLServerHandler(context: try context()))
      try pipeline.addHandler(
        HandshakeWatch(
          address: address, limit: limits.handshake, refusals: refusals, silences: plain))
    }.flatMap {
      base.setup(channel: channel, logger: logger)
    }.flatMapThrowing { value in
      try MalformedRequests.add(to: channel, limits: limits, isNamed: true) {
        malformed.log(address: address, reason: $0)
      }
      return value
    }.flatMapErrorThrowing { error in
      refusals.log(address: address, reason: "\(error)")
      channel.close(promise: nil)
      throw error
    }
  }

  private static let withoutTLS = Diagnostic(
    .requestMalformed, subject: "", reason: "this port speaks HTTP over TLS only",
    remedy: "Use https:// instead of http://.")

  func handle(value: HTTP1Channel.Value, logger: Logger) async {
    await base.handle(value: value, logger: logger)
  }
}

/// Says in the log why a handshake failed; the other side is told by TLS's own alert.
private final class HandshakeWatch: ChannelInboundHandler {
  typealias InboundIn = NIOAny
  private let address: String
  private let refusals: Refusals
  private let silences: Refusals
  private var isTold = false
  private let limit: TimeAmount
  private var deadline: Scheduled<Void>?

  init(address: String, limit: TimeAmount, refusals: Refusals, silences: Refusals) {
    self.address = address
    self.limit = limit
    self.refusals = refusals
    self.silences = silences
  }

  func handlerAdded(context: ChannelHandlerContext) {
    let channel = context.channel
    deadline = context.eventLoop.scheduleTask(in: limit) { WithoutTLS.giveUp(channel) }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is GaveWay { isTold = true }
    if case .handshakeCompleted? = event as? TLSUserEvent { isTold = true }
    if isTold { deadline?.cancel() }
    context.fireUserInboundEventTriggered(event)
  }

  func channelInactive(context: ChannelHandlerContext) {
    deadline?.cancel()
    if !isTold {
      isTold = true
      silences.log(address: address, reason: "it ended, or said nothing, before TLS was agreed on")
    }
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if !isTold, case .handshakeFailed(let inner) = error as? NIOSSLError {
      isTold = true
      refusals.log(
        address: address, reason: "TLS handshake failed: \(TLSReason.text(inner).reason)")
    }
    context.fireErrorCaught(error)
  }
}
