import HTTPTypes
import NIOCore
import NIOHTTP1
import Protocol

/// Stands behind HTTP's decoder: says in the log and in the answer why bytes are no request, or no
/// whole one. The framework answers errors of the decoder, in their turn, with an empty 400; that one
/// is filled here. It closes in silence on whoever lets it wait; here they are told before.
final class MalformedRequests: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  private let limits: APILimits
  private let isNamed: Bool
  private let onRefusal: (String) -> Void
  private let bytes: RequestBytes
  private var pending: Answer?
  private var isRefused = false
  /// Requests whose answer has not ended.
  private var unanswered = 0
  private var isAnswering = false
  private var isInBody = false
  /// The newest request waits with its body for a word.
  private var isGoOnDue = false
  /// It is closed for a reason that is none of the request's.
  private var isLeaving = false

  private init(
    limits: APILimits, isNamed: Bool, bytes: RequestBytes, onRefusal: @escaping (String) -> Void
  ) {
    self.limits = limits
    self.isNamed = isNamed
    self.bytes = bytes
    self.onRefusal = onRefusal
  }

  /// Around the decoder of a pipeline that speaks HTTP.
  /// - Parameter isNamed: whether the host is asked for by name, as RFC 9112 (§3.2) demands. Clients of
  ///   a Unix socket have none to name.
  static func add(
    to channel: any Channel, limits: APILimits, isNamed: Bool, onRefusal: @escaping (String) -> Void
  ) throws {
    let pipeline = channel.pipeline.syncOperations
    let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
    let bytes = RequestBytes()
    try pipeline.addHandler(bytes, position: .before(decoder))
    try pipeline.addHandler(
      MalformedRequests(limits: limits, isNamed: isNamed, bytes: bytes, onRefusal: onRefusal),
      position: .after(decoder))
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isRefused else { return }
    switch Self.unwrapInboundIn(data) {
    case .head(var head):
      if isNamed, head.version.minor > 0, !Self.namesOneHost(head) {
        return refuse("it has not one Host header", HTTPParserError.unknown, context)
      }
      unanswered += 1
      (isInBody, bytes.isPartial, bytes.hadBody) = (true, true, false)
      isGoOnDue = asksToGoOn(head)
      if unanswered == 1 { goOn(context) }
      // RFC 9112, §9.3: a client of that age waits for the end.
      if head.version.minor == 0, !head.isKeepAlive {
        head.headers.replaceOrAdd(name: "connection", value: "close")
        return context.fireChannelRead(Self.wrapInboundOut(.head(head)))
      }
    case .body: bytes.hadBody = true
    case .end: (isInBody, bytes.isPartial, isGoOnDue) = (false, false, false)
    }
    context.fireChannelRead(data)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // What is left of a body that was answered already is nobody's request.
    guard let error = error as? HTTPParserError, !isRefused, !(isInBody && unanswered == 0) else {
      return context.fireErrorCaught(error)
    }
    refuse(Self.reason(of: error, limits: limits), error, context)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is ChannelShouldQuiesceEvent || event is GaveWay { isLeaving = true }
    context.fireUserInboundEventTriggered(event)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch Self.unwrapOutboundIn(data) {
    case .head(let head):
      isAnswering = true
      if let answer = pending, head.status == .badRequest, head.headers["content-length"] == ["0"] {
        return fill(head, with: answer, context, promise)
      }
    case .body: break
    case .end:
      isAnswering = false
      unanswered -= 1
      context.write(data, promise: promise)
      if unanswered == 1 { goOn(context) }
      return
    }
    context.write(data, promise: promise)
  }

  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    if mode == .all, bytes.isPartial, !isRefused, !isLeaving, !isAnswering,
      unanswered == (isInBody ? 1 : 0)
    {
      tellLate(context)
    }
    context.close(mode: mode, promise: promise)
  }

  /// RFC 9112, §3.2, and the characters of RFC 3986's authority.
  private static func namesOneHost(_ head: HTTPRequestHead) -> Bool {
    let hosts = head.headers["host"]
    return hosts.count == 1
      && hosts[0].utf8.allSatisfy {
        (0x21...0x7e).contains($0) && !"\"#/<>?@\\^`{|}".utf8.contains($0)
      }
  }

  private func refuse(
    _ reason: String, _ error: HTTPParserError, _ context: ChannelHandlerContext
  ) {
    onRefusal(reason)
    isRefused = true
    pending = problem(reason, .badRequest)
    context.fireErrorCaught(error)
  }

  private func problem(_ reason: String, _ status: HTTPResponse.Status) -> Answer {
    .problem(
      Diagnostic(
        .requestMalformed, subject: "", reason: reason,
        remedy: "Speak HTTP/1.1; the API is below /api/v1."),
      status: status)
  }

  private func fill(
    _ head: HTTPResponseHead, with answer: Answer, _ context: ChannelHandlerContext,
    _ promise: EventLoopPromise<Void>?
  ) {
    pending = nil
    var head = head
    for field in Answer.fixedHeaders {
      head.headers.add(name: field.name.rawName, value: field.value)
    }
    head.headers.add(name: "content-type", value: answer.contentType ?? "")
    head.headers.replaceOrAdd(name: "content-length", value: "\(answer.body.count)")
    context.write(Self.wrapOutboundOut(.head(head)), promise: nil)
    let body = HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: answer.body)))
    context.write(Self.wrapOutboundOut(body), promise: promise)
  }

  /// The connection is closed for the time that a part of a request takes: RFC 9110, §15.5.9.
  private func tellLate(_ context: ChannelHandlerContext) {
    let reason =
      isInBody ? "its body did not come in time" : "no complete head of a request came in time"
    isRefused = true
    onRefusal(reason)
    let head = HTTPResponseHead(
      version: .http1_1, status: .requestTimeout, headers: ["connection": "close"])
    fill(head, with: problem(reason, .requestTimeout), context, nil)
    context.writeAndFlush(Self.wrapOutboundOut(.end(nil)), promise: nil)
  }

  /// RFC 9110, §10.1.1: the client waits with its body for a word. A body that is too large is refused
  /// instead.
  private func asksToGoOn(_ head: HTTPRequestHead) -> Bool {
    guard head.version.minor > 0,
      head.headers[canonicalForm: "expect"].contains(where: { $0.lowercased() == "100-continue" })
    else { return false }
    let length = head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
    return length <= limits.bodyBytes
  }

  /// When it is this request's turn.
  private func goOn(_ context: ChannelHandlerContext) {
    guard isGoOnDue, isInBody else { return }
    isGoOnDue = false
    let head = HTTPResponseHead(version: .http1_1, status: .continue)
    context.writeAndFlush(Self.wrapOutboundOut(.head(head)), promise: nil)
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

/// Stands before HTTP's decoder, which keeps what is no whole head yet to itself: knows that something
/// came.
private final class RequestBytes: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer

  /// A request has begun and has not come to its end.
  var isPartial = false
  /// The last one whose head came.
  var hadBody = false

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    isPartial = true
    let end = Self.unwrapInboundIn(data).readableBytesView.suffix(4)
    context.fireChannelRead(data)
    // Behind a request without a body that has ended, the beginning of another.
    if !isPartial, !hadBody, end.count == 4 {
      isPartial = !end.elementsEqual("\r\n\r\n".utf8) && !end.suffix(2).elementsEqual("\n\n".utf8)
    }
  }
}
