import HTTPTypes
import NIOCore
import NIOHTTP1
import Protocol

/// Stands behind HTTP's decoder: says in the log and in the answer why bytes are no request. The
/// framework answers them, in their turn, with an empty 400; that one is filled here.
final class MalformedRequests: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  private let limits: APILimits
  private let onRefusal: (String) -> Void
  private var pending: Answer?

  init(limits: APILimits, onRefusal: @escaping (String) -> Void) {
    self.limits = limits
    self.onRefusal = onRefusal
  }

  /// Right behind the decoder of a pipeline that speaks HTTP.
  static func add(
    to channel: any Channel, limits: APILimits, onRefusal: @escaping (String) -> Void
  ) throws {
    let pipeline = channel.pipeline.syncOperations
    let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
    try pipeline.addHandler(
      MalformedRequests(limits: limits, onRefusal: onRefusal), position: .after(decoder))
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if let error = error as? HTTPParserError, pending == nil {
      let reason = Self.reason(of: error, limits: limits)
      onRefusal(reason)
      pending = .problem(
        Diagnostic(
          .requestMalformed, subject: "", reason: reason,
          remedy: "Speak HTTP/1.1; the API is below /api/v1."),
        status: .badRequest)
    }
    context.fireErrorCaught(error)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard let answer = pending, case .head(var head) = Self.unwrapOutboundIn(data),
      head.status == .badRequest, head.headers["content-length"] == ["0"]
    else { return context.write(data, promise: promise) }
    pending = nil
    for field in Answer.fixedHeaders {
      head.headers.add(name: field.name.rawName, value: field.value)
    }
    head.headers.add(name: "content-type", value: answer.contentType ?? "")
    head.headers.replaceOrAdd(name: "content-length", value: "\(answer.body.count)")
    context.write(Self.wrapOutboundOut(.head(head)), promise: nil)
    let body = HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: answer.body)))
    context.write(Self.wrapOutboundOut(body), promise: promise)
  }

  /// What is wrong with the bytes, never the bytes.
  static func reason(of error: HTTPParserError, limits: APILimits) -> String {
    switch error {
    case .headerOverflow:
      """
      a line of its head is above \(limits.headerFieldBytes) bytes, or the head above \
      \(limits.headerListBytes) bytes or \(limits.headerFields) fields
      """
    case .invalidMethod: "it does not begin with a method of HTTP"
    case .invalidURL: "its target is no URL"
    case .invalidVersion: "its version is not HTTP/1.0 or HTTP/1.1"
    case .invalidHeaderToken: "a header has characters that are not allowed"
    case .invalidContentLength, .unexpectedContentLength: "its Content-Length is not valid"
    case .invalidChunkSize: "a chunk of its body has no valid size"
    case .lfExpected, .trailingGarbage: "its lines do not end as those of HTTP"
    case .invalidEOFState, .closedConnection: "it ended in the middle of a request"
    default: "it is not HTTP"
    }
  }
}
