import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import ManagerCore
import NIOCore
import Protocol

/// How callers prove who they are on a listener.
enum Door: Sendable {
  /// HTTPS: a bearer token, on every route that is not open.
  case network
  /// The Unix socket: the kernel tells the user id; whoever is not admitted gets nothing at all.
  case local(admit: @Sendable (UInt32) -> Caller?)

  var name: String {
    switch self {
    case .network: "https"
    case .local: "unix"
    }
  }
}

/// Turns requests into answers: finds the route, knows the caller, enforces the role, reads the body,
/// calls the handler, and never lets an inner reason out.
struct APIResponder: Sendable {
  let table: RouteTable
  let site: any SiteService
  let door: Door
  let limits: APILimits
  let logger: Logger
  /// Called with a connection on which a request's head came.
  var onHead: @Sendable (any Channel) -> Void = { _ in }
  /// Called with the peer's address and the reason when somebody unproven is refused, and nobody
  /// else tells.
  var onRefusal: @Sendable (String, String) -> Void = { _, _ in }
  /// Called with a connection on which a caller has proven who they are.
  var onProof: @Sendable (any Channel) -> Void = { _ in }
  /// Called with a connection on which such a caller is about to get their answer, and once they have it.
  var onRest: @Sendable (any Channel) -> Void = { _ in }
  let gate: RequestGate
  let longGate: RequestGate
  let callers: CallersAtWork

  @Sendable func serve(
    _ request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel
  ) async throws {
    onHead(channel)
    // One deadline over body, handler and the writing of the answer (`APILimits.request`).
    let deadline = channel.eventLoop.scheduleTask(in: limits.request) {
      channel.close(promise: nil)
    }
    defer { deadline.cancel() }
    let began = ContinuousClock.now
    var exchange = Exchange(request)
    defer { rest(exchange, channel) }
    var answer: Answer
    do {
      answer = try await self.answer(&exchange, channel)
    } catch let interrupted as ClientGone {
      // Nobody is left to answer: the framework ends the connection.
      throw interrupted.cause
    } catch let error as DiagnosticError {
      let status = DiagnosticCode.httpStatus(of: error.diagnostic.code)
      if status == nil || status == .insufficientStorage || status == .internalServerError {
        log(failure: error, of: exchange)
      }
      if exchange.caller == nil, isUntold(error.diagnostic) {
        onRefusal(channel.remoteAddress?.ipAddress ?? "unknown", error.diagnostic.reason)
      }
      answer = .problem(error.diagnostic, limits: limits)
    } catch {
      log(failure: error, of: exchange)
      answer = .problem(
        Diagnostic(.internalError, subject: "", reason: ""), limits: limits)
    }
    answer.headers.append(contentsOf: Answer.fixedHeaders)
    if exchange.hasUnreadBody || exchange.isLast { answer.headers[.connection] = "close" }
    log(exchange, answer, took: began.duration(to: .now))
    // Nobody may ever read it.
    if exchange.caller != nil { onRest(channel) }
    try await write(answer, isHead: request.method == .head, to: writer)
    if exchange.hasUnreadBody || exchange.isLast {
      // The rest of the body is read and thrown away, but not for long.
      channel.eventLoop.scheduleTask(in: limits.linger) { channel.close(promise: nil) }
    }
  }

  private func rest(_ exchange: Exchange, _ channel: any Channel) {
    if let name = exchange.countedCaller { callers.leave(name) }
    if exchange.caller != nil { onRest(channel) }
  }

  /// Refused tokens and enrolments are logged where they are judged.
  private func isUntold(_ diagnostic: Diagnostic) -> Bool {
    let untold: [DiagnosticCode] = [
      .requestMalformed, .messageMalformed, .messageTooLarge, .notFound,
    ]
    return untold.contains { $0.rawValue == diagnostic.code }
  }

  private func answer(_ exchange: inout Exchange, _ channel: any Channel) async throws -> Answer {
    let head = exchange.request.head
    let address =
      if case .local = door { "local" } else { channel.remoteAddress?.ipAddress ?? "unknown" }
    var local: Caller?
    if case .local(let admit) = door {
      let (caller, process) = try await admitted(by: admit, channel)
      local = caller
      exchange.caller = caller.name
      exchange.process = process
    }
    let (route, parameters) = try match(head.method, exchange.request.uri.path)
    guard let route else {
      let error = DiagnosticError.malformed("\(head.method.rawValue) is not offered here")
      if local == nil { onRefusal(address, "its method is not offered there") }
      var answer = Answer.problem(error.diagnostic, status: .methodNotAllowed)
      answer.headers[.allow] = parameters["Allow"]
      return answer
    }
    exchange.route = route.path.description
    var routed = RouteRequest()
    routed.parameters = parameters
    routed.address = address
    if let caller = try await caller(
      local, for: route, head.headerFields, from: routed.address)
    {
      exchange.caller = caller.name
      routed.caller = caller
      onProof(channel)
      try count(caller, &exchange)
    }
    routed.query = try QueryParameters(exchange.request.uri.query, limits: limits)
    if route.request != nil { routed.body = try await exchange.readBody(limits) }
    // Watchdogs and enrolments wait for nobody.
    guard case .role = route.access else { return try await route.handler(routed, site) }
    let gate = route.takesLong ? longGate : gate
    let name = exchange.turnName ?? routed.caller.name
    guard await gate.enter(name) else {
      throw DiagnosticError(
        .managerBusy, subject: "manager",
        reason: "this request has waited \(limits.turn) for its turn among others",
        remedy: "Ask again later, and for less at once.")
    }
    defer { gate.leave(name) }
    // Whoever went away while they waited needs no answer.
    guard channel.isActive else { throw ClientGone(cause: CancellationError()) }
    guard route.takesLong else { return try await route.handler(routed, site) }
    let (handler, request, site) = (route.handler, routed, site)
    return try await withTaskExecutorPreference(QueryThreads.shared) {
      try await handler(request, site)
    }
  }

  private func count(_ caller: Caller, _ exchange: inout Exchange) throws(DiagnosticError) {
    let name = exchange.turnName ?? caller.name
    guard callers.enter(name) else {
      guard exchange.process == nil else {
        // Its other connections have their turn when this one is gone.
        exchange.isLast = true
        throw DiagnosticError(
          .rateLimited, subject: name,
          reason: "\(limits.localPerProcess) requests of this process are under way",
          remedy: "Send fewer at once, and read the answers.")
      }
      throw DiagnosticError(
        .rateLimited, subject: caller.name,
        reason: "\(limits.perCaller) requests with this token are under way",
        remedy: "Send fewer at once, and give each program a token of its own: iml token create.")
    }
    exchange.countedCaller = name
  }

  /// The route, or `nil` and the methods of the path under `Allow`.
  private func match(
    _ method: HTTPRequest.Method, _ path: String
  ) throws(DiagnosticError) -> (Route?, [String: String]) {
    switch table.match(method, path, limits: limits) {
    case .found(let route, let parameters): return (route, parameters)
    case .otherMethods(let methods):
      return (nil, ["Allow": methods.map(\.rawValue).joined(separator: ", ")])
    case .none:
      throw DiagnosticError(
        .notFound, subject: "", reason: "nothing is served under this path",
        remedy: "The API is below /api/v1.")
    }
  }

  private func admitted(
    by admit: @Sendable (UInt32) -> Caller?, _ channel: any Channel
  ) async throws -> (caller: Caller, process: Int32) {
    guard let peer = try? await PeerCredentials.of(channel) else {
      throw DiagnosticError(
        .forbidden, subject: "", reason: "the kernel does not tell who is asking")
    }
    guard let caller = admit(peer.user) else {
      throw DiagnosticError(
        .forbidden, subject: "uid \(peer.user)", reason: "only root and the manager's own user may",
        remedy: "Run this as root, or use HTTPS with a token.")
    }
    return (caller, peer.process)
  }

  /// `nil` only on an open route without a caller.
  private func caller(
    _ local: Caller?, for route: Route, _ headers: HTTPFields, from address: String
  ) async throws(DiagnosticError) -> Caller? {
    guard case .role(let role) = route.access else { return local }
    var known = local
    if known == nil {
      if let bearer = bearer(headers) {
        known = await site.authenticate(bearer: bearer, from: address)
      } else {
        onRefusal(address, "no bearer token")
      }
    }
    guard let known else {
      throw DiagnosticError(
        .unauthenticated, subject: "", reason: "no valid bearer token",
        remedy: "Send 'Authorization: Bearer TOKEN'; 'iml token create' makes one.")
    }
    guard known.role.includes(role) else {
      throw DiagnosticError(
        .forbidden, subject: known.name,
        reason: "this needs the role \(role.rawValue), the caller's is \(known.role.rawValue)",
        remedy:
          "Use a token of that role; on the manager's host: iml token create --role \(role.rawValue)"
      )
    }
    return known
  }

  private func bearer(_ headers: HTTPFields) -> String? {
    let values = headers[values: .authorization]
    guard values.count == 1, let value = values.first else { return nil }
    let parts = value.split(separator: " ", maxSplits: 1)
    guard parts.count == 2, parts[0].lowercased() == "bearer", !parts[1].isEmpty,
      parts[1].utf8.count <= limits.bearerBytes
    else { return nil }
    return String(parts[1])
  }
}

/// What is known of one request while it is answered.
struct Exchange {
  let request: Request
  var caller: String?
  /// On the Unix socket: who of all those of one user it is.
  var process: Int32?
  /// Nothing more is taken on its connection.
  var isLast = false
  /// By what its turn comes; `nil`: by its caller.
  var turnName: String? { process.map { "process \($0)" } }
  /// Set while it counts among those that its caller has under way.
  var countedCaller: String?
  var route: String?
  private(set) var hasUnreadBody: Bool

  init(_ request: Request) {
    self.request = request
    hasUnreadBody =
      request.headers[.transferEncoding] != nil
      || request.headers[.contentLength].map { $0 != "0" } ?? false
  }

  mutating func readBody(_ limits: APILimits) async throws -> [UInt8] {
    let tooLarge = DiagnosticError(
      .messageTooLarge, subject: "", reason: "the body is above \(limits.bodyBytes) bytes")
    if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limits.bodyBytes
    {
      throw tooLarge
    }
    do {
      let buffer = try await request.body.collect(upTo: limits.bodyBytes)
      hasUnreadBody = false
      return Array(buffer.readableBytesView)
    } catch is NIOTooManyBytesError {
      throw tooLarge
    } catch {
      throw ClientGone(cause: error)
    }
  }
}

/// The client went away, or ran out of time, before there was an answer.
private struct ClientGone: Error {
  let cause: any Error
}
