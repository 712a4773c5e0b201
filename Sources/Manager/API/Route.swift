import HTTPTypes
import ManagerCore
import Protocol

/// What a handler sees of a request.
package struct RouteRequest: Sendable {
  /// By name, decoded; every name of the route's pattern is there.
  package var parameters: [String: String] = [:]
  package var query = QueryParameters()
  package var body: [UInt8] = []
  package var caller = Caller.anonymous
  /// The asking host's address, or `local`.
  package var address = ""
  package init() {}

  /// The pattern's only parameter that names a thing.
  package var name: String { parameters["name"] ?? parameters["id"] ?? "" }
}

/// What goes back.
package struct Answer: Sendable {
  package var status: HTTPResponse.Status
  package var contentType: String?
  /// The body, one after the other: megabytes in one piece would be copied to be joined, and come from
  /// the kernel and go back to it with each answer.
  package var pieces: [[UInt8]]
  package var headers: HTTPFields = [:]
  package init(status: HTTPResponse.Status, contentType: String?, pieces: [[UInt8]]) {
    self.status = status
    self.contentType = contentType
    self.pieces = pieces
  }
  package init(status: HTTPResponse.Status, contentType: String?, body: [UInt8]) {
    self.init(status: status, contentType: contentType, pieces: [body])
  }

  package var body: [UInt8] { pieces.count == 1 ? pieces[0] : Array(pieces.joined()) }
  /// Bytes of the body.
  package var length: Int { pieces.reduce(0) { $0 + $1.count } }

  package static func json(
    _ value: some Encodable, status: HTTPResponse.Status = .ok
  ) async throws -> Answer {
    Answer(
      status: status, contentType: "application/json",
      pieces: try await (value as? any DirectJSON)?.canonicalJSON ?? [CanonicalJSON.encode(value)])
  }

  package static func text(_ text: String, type: String = "text/plain; charset=utf-8") -> Answer {
    Answer(status: .ok, contentType: type, body: Array(text.utf8))
  }

  package static let nothing = Answer(status: .noContent, contentType: nil, body: [])
}

/// One line of the API: everything that is registered, documented and tested comes from it.
package struct Route: Sendable {
  /// Who may ask.
  package enum Access: Hashable, Sendable, CustomStringConvertible {
    case open
    /// This role or one that includes it.
    case role(Role)
    package var description: String {
      switch self {
      case .open: "open"
      case .role(let role): role.rawValue
      }
    }
  }
  package typealias Handler =
    @Sendable (RouteRequest, any SiteService) async throws -> Answer

  package var method: HTTPRequest.Method
  package var path: PathPattern
  package var access: Access
  package var summary: String
  /// Type of the JSON body; `nil` when there is none.
  package var request: String?
  /// Type of the JSON answer, `text`, or `nothing`.
  package var response: String
  /// Beside those that every route may answer with.
  package var problems: [DiagnosticCode]
  package var handler: Handler
  /// It reads history: seconds of work, where others take milliseconds.
  package var takesLong = false

  /// `unauthenticated`, `forbidden` and those of too much at once where a role is needed, a store that can not be written or
  /// read or is damaged, and `internal-error` everywhere.
  package var allProblems: [DiagnosticCode] {
    let malformed: [DiagnosticCode] =
      request == nil ? [.requestMalformed] : [.requestMalformed, .messageTooLarge]
    let refused: [DiagnosticCode] =
      access == .open ? [] : [.unauthenticated, .forbidden, .rateLimited, .managerBusy]
    let store: [DiagnosticCode] = [.stateDirectoryUnusable, .databaseCorrupt, .internalError]
    return (refused + malformed + problems + store).reduce(into: []) { all, code in
      if !all.contains(code) { all.append(code) }
    }
  }
}

extension Route {
  /// Answers with JSON.
  static func read<Output: Encodable & SendableMetatype>(
    _ path: String, _ summary: String, query names: [String] = [], problems: [DiagnosticCode] = [],
    _ handler: @escaping @Sendable (RouteRequest, any SiteService) async throws -> Output
  ) -> Route {
    Route(
      method: .get, path: PathPattern(path), access: .role(.viewer), summary: summary,
      request: nil, response: typeName(Output.self), problems: problems
    ) { request, site in
      try request.query.only(names)
      return try await .json(try await handler(request, site))
    }
  }

  /// Takes JSON, answers with JSON.
  static func submit<Input: Decodable & SendableMetatype, Output: Encodable & SendableMetatype>(
    _ path: String, _ access: Access, _ summary: String, status: HTTPResponse.Status,
    problems: [DiagnosticCode] = [],
    _ handler: @escaping @Sendable (Input, RouteRequest, any SiteService) async throws -> Output
  ) -> Route {
    Route(
      method: .post, path: PathPattern(path), access: access, summary: summary,
      request: typeName(Input.self), response: typeName(Output.self), problems: problems
    ) { request, site in
      try request.query.only([])
      let input: Input
      do {
        input = try CanonicalJSON.decode(Input.self, from: request.body)
      } catch {
        throw DiagnosticError.malformed(Route.reason(of: error))
      }
      return try await .json(try await handler(input, request, site), status: status)
    }
  }

  /// Changes something and has nothing to say beyond that.
  static func change(
    _ method: HTTPRequest.Method, _ path: String, _ summary: String,
    problems: [DiagnosticCode] = [],
    _ handler: @escaping @Sendable (RouteRequest, any SiteService) async throws -> Void
  ) -> Route {
    Route(
      method: method, path: PathPattern(path), access: .role(.admin), summary: summary,
      request: nil, response: "nothing", problems: problems
    ) { request, site in
      try request.query.only([])
      try await handler(request, site)
      return .nothing
    }
  }

  /// Answers a program that is no client of ours with text.
  static func plain(
    _ path: String, _ access: Access, _ summary: String, problems: [DiagnosticCode] = [],
    _ handler: @escaping Handler
  ) -> Route {
    Route(
      method: .get, path: PathPattern(path), access: access, summary: summary, request: nil,
      response: "text", problems: problems, handler: handler)
  }

  func takingLong() -> Route {
    var route = self
    route.takesLong = true
    return route
  }

  func needing(_ role: Role) -> Route {
    var route = self
    route.access = .role(role)
    return route
  }
}

private func typeName<Value>(_ type: Value.Type) -> String {
  let name = "\(type)"
  return name.hasPrefix("Array<") ? "[\(name.dropFirst(6).dropLast())]" : name
}
