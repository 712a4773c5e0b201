import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS

private typealias Bytes = NIOAsyncChannel<ByteBuffer, ByteBuffer>

/// Sends bytes to a Unix socket and gives all that comes until its end.
func exchange(_ bytes: [UInt8], path: String) async throws -> [UInt8] {
  let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
    .connect(unixDomainSocketPath: path) { channel in
      channel.eventLoop.makeCompletedFuture { try Bytes(wrappingChannelSynchronously: channel) }
    }
  return try await converse(channel, bytes)
}

/// The same to a TCP port on loopback, in TLS when a context is given.
/// - Parameter ready: runs when the connection stands, before anything is sent.
func exchange(
  _ bytes: [UInt8], port: Int, tls: NIOSSLContext? = nil,
  ready: @Sendable @escaping () async throws -> Void = {}
) async throws -> [UInt8] {
  let handshake = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: Void.self)
  if tls == nil { handshake.succeed() }
  let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
    .connect(host: "127.0.0.1", port: port) { channel in
      channel.eventLoop.makeCompletedFuture {
        if let tls {
          let handler = try NIOSSLClientHandler(context: tls, serverHostname: nil) {
            _, promise in promise.succeed(.certificateVerified)
          }
          try channel.pipeline.syncOperations.addHandlers(handler, HandshakeWaiter(handshake))
        }
        return try Bytes(wrappingChannelSynchronously: channel)
      }
    }
  return try await converse(channel, bytes) {
    try await handshake.futureResult.get()
    try await ready()
  }
}

private final class HandshakeWaiter: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  private let promise: EventLoopPromise<Void>
  init(_ promise: EventLoopPromise<Void>) { self.promise = promise }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case TLSUserEvent.handshakeCompleted? = event as? TLSUserEvent { promise.succeed() }
    context.fireUserInboundEventTriggered(event)
  }
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    promise.fail(error)
    context.fireErrorCaught(error)
  }
  func channelInactive(context: ChannelHandlerContext) {
    promise.fail(ChannelError.eof)
    context.fireChannelInactive()
  }
}

private func converse(
  _ channel: Bytes, _ bytes: [UInt8], ready: @Sendable @escaping () async throws -> Void = {}
) async throws -> [UInt8] {
  try await channel.executeThenClose { inbound, outbound in
    try await ready()
    try await outbound.write(ByteBuffer(bytes: bytes))
    var all: [UInt8] = []
    for try await part in inbound { all += Array(part.readableBytesView) }
    return all
  }
}
