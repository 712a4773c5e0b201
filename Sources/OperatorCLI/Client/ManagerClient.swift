import AsyncHTTPClient
import ManagerCore
import NIOCore
import NIOHTTP1
import Protocol

/// The manager's API over its Unix socket, whose peer credentials are all the authentication.
package struct ManagerClient: Sendable {
  private let socket: String
  private let timeout: Duration

  /// An answer beyond this is no view of any site: 2,000 servers' details are a tenth of it.
  static let answerBytesMax = 64 << 20

  package init(socket: String, timeout: Duration) {
    self.socket = socket
    self.timeout = timeout
  }

  package func get<View: Codable & Sendable>(_ type: View.Type, _ route: Route) async throws
    -> Reply<View>
  {
    try await ask(type, .GET, route, body: nil)
  }

  package func post<View: Codable & Sendable>(
    _ type: View.Type, _ route: Route, _ body: some Encodable & Sendable
  ) async throws -> Reply<View> {
    try await ask(type, .POST, route, body: CanonicalJSON.encode(body))
  }

  /// A request that changes something and has no body. The answer is the view that it left, or
  /// `{}` from a manager that answers with nothing.
  package func change(_ change: Change, _ route: Route) async throws -> Reply<JSONValue> {
    let body = try await answer(change == .delete ? .DELETE : .POST, route, body: nil)
    let view = body.isEmpty ? .object([:]) : try decode(JSONValue.self, body).view
    return Reply(view: view, raw: view)
  }

  package enum Change: Sendable { case delete, post }

  private func ask<View: Codable & Sendable>(
    _ type: View.Type, _ method: HTTPMethod, _ route: Route, body: [UInt8]?
  ) async throws -> Reply<View> {
    try decode(type, try await answer(method, route, body: body))
  }

  private var complaints: ClientComplaints { ClientComplaints(socket: socket, timeout: timeout) }

  private func decode<View: Codable & Sendable>(_ type: View.Type, _ body: [UInt8]) throws
    -> Reply<View>
  {
    do {
      return try Reply<View>(body: body)
    } catch {
      throw complaints.onUnreadable(error)
    }
  }

  /// The body of a success; everything else is thrown.
  private func answer(_ method: HTTPMethod, _ route: Route, body: [UInt8]?) async throws -> [UInt8]
  {
    try complaints.checkLength()
    var request = HTTPClientRequest(url: "http+unix://\(Route.encode(socket))\(route.text)")
    request.method = method
    request.headers.add(name: "Accept", value: "application/json, application/problem+json")
    if let body {
      request.headers.add(name: "Content-Type", value: "application/json")
      request.body = .bytes(ByteBuffer(bytes: body))
    }
    let answer: (status: Int, body: [UInt8])
    do {
      answer = try await exchange(request)
    } catch {
      throw complaints.onTransport(error)
    }
    guard (200..<300).contains(answer.status) else {
      throw complaints.onRefusal(status: answer.status, body: answer.body)
    }
    return answer.body
  }

  /// One request and its whole answer within the timeout, which AsyncHTTPClient's own deadline
  /// keeps only up to the head.
  private func exchange(_ request: HTTPClientRequest) async throws -> (
    status: Int, body: [UInt8]
  ) {
    var configuration = HTTPClient.Configuration()
    configuration.redirectConfiguration = .disallow
    configuration.httpVersion = .http1Only
    // A socket that nobody listens on will not be there a moment later: say so at once.
    configuration.connectionPool.retryConnectionEstablishment = false
    return try await HTTPClient.withHTTPClient(configuration: configuration) { client in
      try await withThrowingTaskGroup(of: (status: Int, body: [UInt8])?.self) { group in
        group.addTask {
          let response = try await client.execute(request, deadline: .distantFuture)
          let body = try await response.body.collect(upTo: ManagerClient.answerBytesMax)
          return (Int(response.status.code), Array(body.readableBytesView))
        }
        group.addTask {
          try await Task.sleep(for: timeout)
          return nil
        }
        defer { group.cancelAll() }
        guard let first = try await group.next(), let answer = first else {
          throw AnswerTimeout()
        }
        return answer
      }
    }
  }
}

/// The answer was not complete in time.
struct AnswerTimeout: Error {}
