import NIOCore
import NIOTLS
import Protocol

/// Bytes to messages, for an agent of a load.
final class LoadHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  private let agent: LoadAgent
  private var decoder = FrameDecoder()
  private var assembler = FrameAssembler()

  init(_ agent: LoadAgent) { self.agent = agent }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case TLSUserEvent.handshakeCompleted = event { agent.connected(context.channel) }
    context.fireUserInboundEventTriggered(event)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let buffer = unwrapInboundIn(data)
    do {
      for frame in try decoder.feed([UInt8](buffer.readableBytesView).span) {
        if let message = try assembler.add(frame) { agent.received(message) }
      }
    } catch {
      context.close(promise: nil)
    }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { agent.write() }
    context.fireChannelWritabilityChanged()
  }

  func channelInactive(context: ChannelHandlerContext) { agent.disconnected() }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// Below TLS: what goes to the socket.
final class WireCounter: ChannelOutboundHandler {
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer
  private let agent: LoadAgent

  init(_ agent: LoadAgent) { self.agent = agent }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    agent.sent(unwrapOutboundIn(data).readableBytes)
    context.write(data, promise: promise)
  }
}
