import AsyncHTTPClient
import ManagerCore
import NIOCore
import NIOHTTP1
import NIOSSL
import Protocol

/// The manager's API through one of its doors.
package struct ManagerClient: Sendable {
  private let door: Door
  private let timeout: Duration

  /// An answer beyond this is no view of any site: 2,000 servers' details are a tenth of it.
  static let answerBytesMax = 64 << 20

  package init(_ door: Door, timeout: Duration) {
    self.door = door
    self.timeout = timeout
  }

  package init(socket: String, timeout: Duration) { self.init(.socket(socket), timeout: timeout) }

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

  private var complaints: ClientComplaints { ClientComplaints(door: door, timeout: timeout) }

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
    var request = try complaints.request(to: route)
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
    if case .https(let address, _, let trust) = door {
      var tls = TLSConfiguration.makeClientConfiguration()
      tls.minimumTLSVersion = .tlsv12
      tls.trustRoots = .certificates(try await trust.authorities(of: address))
      configuration.tlsConfiguration = tls
    }
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
