import HTTPTypes
import NIOCore
import NIOSSL
import Protocol

/// Stands below TLS until the first byte. TLS would close on whoever speaks something else without a
/// word; here they are told, in HTTP when it looks like HTTP, and else with the alert that RFC 8446
/// (§5, "unexpected_message") asks for.
final class WithoutTLS: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// How long what comes may still flow in, so that the other side can read the answer.
  private static let linger = TimeAmount.seconds(2)
  private static let alert: [UInt8] = [21, 3, 3, 0, 2, 2, 10]
  /// RFC 8446 §6.1: the handshake is given up for no fault of the protocol.
  private static let userCanceled: [UInt8] = [21, 3, 3, 0, 2, 1, 90]

  private let problem: Diagnostic
  private let onRefusal: (String) -> Void
  private var isRefused = false

  /// - Parameter problem: what a client that speaks HTTP is told.
  init(problem: Diagnostic, onRefusal: @escaping (String) -> Void) {
    self.problem = problem
    self.onRefusal = onRefusal
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isRefused else { return }
    let bytes = Self.unwrapInboundIn(data)
    guard let first = bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) else { return }
    // The content types of TLS records, RFC 8446 §B.1.
    if (20...24).contains(first) {
      context.fireChannelRead(data)
      context.pipeline.syncOperations.removeHandler(self, promise: nil)
      return
    }
    isRefused = true
    onRefusal("it does not speak TLS")
    // What TLS makes of the end is no reason any more.
    context.fireUserInboundEventTriggered(GaveWay())
    let isHTTP = Self.beginsLikeHTTP(bytes.readableBytesView)
    let answer = isHTTP ? plain : Self.alert
    context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(bytes: answer)), promise: nil)
    context.close(mode: .output, promise: nil)
    let channel = context.channel
    let end = context.eventLoop.scheduleTask(in: Self.linger) { channel.close(promise: nil) }
    channel.closeFuture.whenComplete { _ in end.cancel() }
  }

  /// Ends a connection whose handshake does not come to an end, with an alert below TLS, which has no keys
  /// yet. On its event loop.
  static func giveUp(_ channel: any Channel) {
    let pipeline = channel.pipeline.syncOperations
    guard let tls = try? pipeline.context(handlerType: NIOSSLServerHandler.self) else {
      return channel.close(promise: nil)
    }
    tls.writeAndFlush(NIOAny(ByteBuffer(bytes: userCanceled)), promise: nil)
    tls.close(mode: .all, promise: nil)
  }

  /// A method of RFC 9110 (§9) or RFC 5789 and a space, or the beginning of that; lower case is some
  /// person's hand.
  static func beginsLikeHTTP(_ bytes: ByteBufferView) -> Bool {
    let methods = [
      "CONNECT ", "DELETE ", "GET ", "HEAD ", "OPTIONS ", "PATCH ", "POST ", "PUT ", "TRACE ",
    ]
    // Upper and lower case of ASCII differ in one bit.
    let upper = bytes.prefix(8).map { (0x61...0x7A).contains($0) ? $0 & 0xDF : $0 }
    return !upper.isEmpty
      && methods.contains { $0.utf8.starts(with: upper) || upper.starts(with: $0.utf8) }
  }

  private var plain: [UInt8] {
    let answer = Answer.problem(problem, status: .badRequest)
    let head = """
      HTTP/1.1 400 Bad Request\r
      Content-Type: \(answer.contentType ?? "")\r
      Content-Length: \(answer.body.count)\r
      Connection: close\r
      \r

      """
    return Array(head.utf8) + answer.body
  }
}
