import FoundationEssentials
import NIOCore
import NIOPosix
import Synchronization

/// A server on a real Unix socket that answers each request as it is told, well or badly.
final class StubManager: Sendable {
  enum Answer: Sendable {
    /// A whole HTTP answer.
    case http(Int, String, [UInt8])
    /// These bytes, then the end of the connection.
    case bytes([UInt8])
    /// These bytes, then silence.
    case bytesThenSilence([UInt8])

    static func json(_ text: String, status: Int = 200) -> Answer {
      .http(status, "application/json", Array(text.utf8))
    }
  }

  let directory: String
  private let requests = Mutex<[String]>([])
  private let respond: @Sendable (String) -> Answer

  private init(_ respond: @escaping @Sendable (String) -> Answer) {
    // Short: the address of a Unix socket holds 107 bytes.
    directory = "/tmp/iml cli \(UUID().uuidString.prefix(8))"
    self.respond = respond
  }

  var socket: String { "\(directory)/manager.sock" }
  /// The request lines and bodies that came, in order.
  var received: [String] { requests.withLock { $0 } }

  /// Serves while `body` runs, and leaves nothing behind.
  static func serving<Result: Sendable>(
    _ respond: @escaping @Sendable (String) -> Answer,
    _ body: @Sendable (StubManager) async throws -> Result
  ) async throws -> Result {
    let stub = StubManager(respond)
    try FileManager.default.createDirectory(
      atPath: stub.directory, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: stub.directory) }
    let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Responder(stub))
        }
      }
      .bind(unixDomainSocketPath: stub.socket).get()
    do {
      let result = try await body(stub)
      try await listener.close()
      return result
    } catch {
      try await listener.close()
      throw error
    }
  }

  fileprivate func answer(to request: String) -> Answer {
    requests.withLock { $0.append(request) }
    return respond(request)
  }
}

/// Reads one request a connection: head and `Content-Length` bytes.
private final class Responder: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer
  private let stub: StubManager
  private var text = ""
  private var isAnswered = false

  init(_ stub: StubManager) { self.stub = stub }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    text += String(buffer: unwrapInboundIn(data))
    guard !isAnswered, let request = wholeRequest() else { return }
    isAnswered = true
    switch stub.answer(to: request) {
    case .http(let status, let type, let body):
      let head =
        "HTTP/1.1 \(status) Said\r\nContent-Type: \(type)\r\nContent-Length: \(body.count)\r\n\r\n"
      context.writeAndFlush(
        wrapOutboundOut(ByteBuffer(bytes: Array(head.utf8) + body)), promise: nil)
    case .bytes(let bytes):
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
      context.close(promise: nil)
    case .bytesThenSilence(let bytes):
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    }
  }

  /// `METHOD target` and, after a blank, the body.
  private func wholeRequest() -> String? {
    guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
    let lines = text[..<end.lowerBound].split(separator: "\r\n")
    let length = lines.compactMap { line -> Int? in
      let parts = line.split(separator: ": ")
      return parts.first?.lowercased() == "content-length" ? Int(parts[1]) : nil
    }.first
    let body = text[end.upperBound...]
    guard body.utf8.count >= length ?? 0 else { return nil }
    let line = lines[0].split(separator: " ").prefix(2).joined(separator: " ")
    return body.isEmpty ? line : "\(line) \(body)"
  }
}

extension StubManager {
  /// The path of a socket that was listened on once and is no more.
  static func leavingItsSocket() async throws -> String {
    let directory = "/tmp/iml-cli-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: false)
    let socket = "\(directory)/manager.sock"
    let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .bind(unixDomainSocketPath: "\(directory)/first.sock").get()
    // Closing removes the first name only, as a killed manager removes none.
    try FileManager.default.linkItem(atPath: "\(directory)/first.sock", toPath: socket)
    try await listener.close()
    return socket
  }

  static func remove(_ socket: String) {
    try? FileManager.default.removeItem(
      atPath: String(socket.dropLast("/manager.sock".count)))
  }
}
