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

extension APIResponder {
  /// `HEAD` gets the length of what `GET` would have sent, and nothing of it.
  func write(
    _ answer: Answer, isHead: Bool, to writer: consuming ResponseWriter
  ) async throws {
    var head = HTTPResponse(status: answer.status, headerFields: answer.headers)
    guard let type = answer.contentType else { return try await writer.writeResponse(head) }
    head.headerFields[.contentType] = type
    head.headerFields[.contentLength] = "\(answer.body.count)"
    guard !isHead else { return try await writer.writeResponse(head) }
    try await writer.write(
      response: head, body: ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
  }

  func log(_ exchange: Exchange, _ answer: Answer, took: Duration) {
    logger.debug(
      "API request answered",
      metadata: metadata(exchange).merging([
        "status": "\(answer.status.code)", "bytes": "\(answer.body.count)",
        "milliseconds": "\(took / .milliseconds(1))",
      ]) { $1 })
  }

  func log(failure error: any Error, of exchange: Exchange) {
    logger.error(
      "API request failed",
      metadata: metadata(exchange).merging(["reason": "\(error)"]) { $1 })
  }

  /// The route's pattern instead of the path: no name, query or header of a request is logged.
  private func metadata(_ exchange: Exchange) -> Logger.Metadata {
    [
      "listener": "\(door.name)", "method": "\(exchange.request.method.rawValue)",
      "route": "\(exchange.route ?? "none")", "caller": "\(exchange.caller ?? "none")",
    ]
  }
}
