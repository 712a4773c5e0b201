import FoundationEssentials
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import Protocol

extension Answer {
  /// Answers hold names, tokens and state: kept by no cache, run by no browser, shown in no frame.
  static var fixedHeaders: HTTPFields {
    var headers: HTTPFields = [
      .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
      .contentSecurityPolicy: "default-src 'none'; frame-ancestors 'none'",
      .date: HTTPDate.text(seconds: Int64(Date.now.timeIntervalSince1970)),
    ]
    for (name, value) in [("Referrer-Policy", "no-referrer"), ("X-Frame-Options", "DENY")] {
      if let name = HTTPField.Name(name) { headers[name] = value }
    }
    return headers
  }
}

extension Answer {
  /// Of a buffer: below what the heap maps for itself (`HeapMemory`), of which each page would be a fault.
  private static let bufferBytes = 64 << 10

  /// The pieces, several of them in one buffer where they are small.
  fileprivate var buffers: [ByteBuffer] {
    var buffers: [ByteBuffer] = []
    var waiting: [[UInt8]] = []
    var bytes = 0
    func join() {
      var buffer = ByteBufferAllocator().buffer(capacity: bytes)
      for piece in waiting { buffer.writeBytes(piece) }
      buffers.append(buffer)
      (waiting, bytes) = ([], 0)
    }
    for piece in pieces {
      if bytes > 0, bytes + piece.count > Self.bufferBytes { join() }
      waiting.append(piece)
      bytes += piece.count
    }
    join()
    return buffers
  }
}

extension APIResponder {
  /// `HEAD` gets the length of what `GET` would have sent, and nothing of it.
  func write(
    _ answer: Answer, isHead: Bool, to writer: consuming ResponseWriter
  ) async throws {
    var head = HTTPResponse(status: answer.status, headerFields: answer.headers)
    guard let type = answer.contentType else { return try await writer.writeResponse(head) }
    head.headerFields[.contentType] = type
    head.headerFields[.contentLength] = "\(answer.length)"
    guard !isHead else { return try await writer.writeResponse(head) }
    let buffers = answer.buffers
    try await writer.write(
      response: head,
      body: buffers.count == 1
        ? ResponseBody(byteBuffer: buffers[0]) : ResponseBody(contentsOf: buffers))
  }

  func log(_ exchange: Exchange, _ answer: Answer, took: Duration) {
    logger.debug(
      "API request answered",
      metadata: metadata(exchange).merging([
        "status": "\(answer.status.code)", "bytes": "\(answer.length)",
        "milliseconds": "\(took / .milliseconds(1))",
      ]) { $1 })
  }

  func log(failure error: any Error, of exchange: Exchange) {
    logger.error(
      "API request failed",
      metadata: metadata(exchange).merging(["reason": "\(String("\(error)".prefix(500)))"]) { $1 })
  }

  /// The route's pattern instead of the path: no name, query or header of a request is logged.
  private func metadata(_ exchange: Exchange) -> Logger.Metadata {
    [
      "listener": "\(door.name)", "method": "\(exchange.request.method.rawValue)",
      "route": "\(exchange.route ?? "none")", "caller": "\(exchange.caller ?? "none")",
    ]
  }
}
