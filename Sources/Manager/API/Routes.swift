import HTTPTypes
import ManagerCore
import Protocol

extension Route {
  /// The API, one line a route. Nothing else is served.
  package static let all: [Route] =
    operationRoutes + serverRoutes + storageRoutes + metricRoutes + accessRoutes
}

/// For watchdogs and scrapers.
private let operationRoutes: [Route] = [
  .plain("/healthz", .open, "The process answers.") { _, _ in .text("ok\n") },
  .plain(
    "/readyz", .role(.viewer), "The manager serves: 200, or 503 with the reasons.",
    problems: [.managerStopping, .databaseLocked]
  ) { _, site in
    let findings = await site.readiness()
    guard let first = findings.first else { return .text("ready\n") }
    var worst = first
    worst.reason = findings.map(\.reason).joined(separator: "; ")
    return .problem(worst, status: .serviceUnavailable)
  },
  .plain("/metrics", .role(.viewer), "Last values in Prometheus's text format.") { _, site in
    .text(await site.exposition(), type: "text/plain; version=0.0.4; charset=utf-8")
  },
  .read("/api/v1/status", "The site at a glance, worst findings first.") { _, site in
    await site.status()
  },
]

private let serverRoutes: [Route] = [
  .read("/api/v1/servers", "All servers.") { _, site in await site.servers() },
  .read(
    "/api/v1/servers/{name}", "One server, by name or id.", problems: [.notFound, .ambiguousName]
  ) { request, site in try await site.server(request.name) },
  .change(
    .delete, "/api/v1/servers/{name}", "Forget a server and refuse its certificate.",
    problems: [.notFound, .ambiguousName, .conflict]
  ) { request, site in try await site.forget(server: request.name, by: request.caller) },
  .change(
    .post, "/api/v1/servers/{name}/revoke", "Revoke a server's certificate and cut its session.",
    problems: [.notFound, .ambiguousName, .conflict]
  ) { request, site in try await site.revoke(server: request.name, by: request.caller) },
]

private let storageRoutes: [Route] = [
  .read("/api/v1/filesystems", "All file systems.") { _, site in await site.fileSystems() },
  .read(
    "/api/v1/filesystems/{name}", "One file system, by name or id.",
    problems: [.notFound, .ambiguousName]
  ) { request, site in try await site.fileSystem(request.name) },
  .read(
    "/api/v1/targets", "All targets, or those of one file system (`fs`).", query: ["fs"],
    problems: [.notFound, .ambiguousName]
  ) { request, site in try await site.targets(fileSystem: try request.query.one("fs")) },
  .read(
    "/api/v1/targets/{name}", "One target, by label or id.", problems: [.notFound, .ambiguousName]
  ) { request, site in try await site.target(request.name) },
  .change(
    .delete, "/api/v1/targets/{name}", "Forget a target that no server tells of.",
    problems: [.notFound, .ambiguousName, .conflict]
  ) { request, site in try await site.forget(target: request.name, by: request.caller) },
]

private let metricRoutes: [Route] = [
  .read("/api/v1/metrics", "The metrics that there are.") { _, site in await site.metricNames() },
  .read(
    "/api/v1/metrics/{name}",
    "A metric's history: `by` and `match=LABEL=VALUE` repeat, `seconds` back, `rate=true`.",
    query: ["by", "match", "seconds", "rate"], problems: [.notFound]
  ) { request, site in try await site.query(try MetricRequest(request)) }.takingLong(),
  .read(
    "/api/v1/jobs/top",
    "The jobs that did most: `by` read, write, iops or metadata, on a `target` or `fs` (names with commas between), `seconds` back, at most `limit`.",
    query: ["by", "target", "fs", "seconds", "limit"], problems: [.notFound, .ambiguousName]
  ) { request, site in try await site.jobTop(try JobTopRequest(request)) }.takingLong(),
]

private let accessRoutes: [Route] = [
  .read("/api/v1/enrolment-tokens", "Enrolment tokens, without their secrets.") { _, site in
    try await site.enrolmentTokens()
  }.needing(.admin),
  .submit(
    "/api/v1/enrolment-tokens", .role(.admin), "Make an enrolment token; its secret is told once.",
    status: .created, problems: [.conflict]
  ) { (input: EnrolmentTokenRequest, request, site) in
    try await site.createEnrolmentToken(input, by: request.caller)
  },
  .change(
    .delete, "/api/v1/enrolment-tokens/{id}", "Revoke an enrolment token.", problems: [.notFound]
  ) { request, site in try await site.revokeEnrolmentToken(request.name, by: request.caller) },
  .read("/api/v1/tokens", "API tokens, without their secrets.") { _, site in
    try await site.apiTokens()
  }.needing(.admin),
  .submit(
    "/api/v1/tokens", .role(.admin), "Make an API token; its secret is told once.",
    status: .created, problems: [.conflict]
  ) { (input: APITokenRequest, request, site) in
    try await site.createAPIToken(input, by: request.caller)
  },
  .change(.delete, "/api/v1/tokens/{id}", "Revoke an API token.", problems: [.notFound]) {
    request, site in try await site.revokeAPIToken(request.name, by: request.caller)
  },
  .submit(
    "/api/v1/enrol", .open, "An agent without a certificate asks for one.", status: .ok,
    problems: [
      .tokenMalformed, .tokenUnknown, .tokenUsedUp, .tokenExpired, .tokenRevoked, .serverForgotten,
      .conflict, .rateLimited,
    ]
  ) { (input: EnrolmentRequest, request, site) in
    try await site.enrol(input, from: request.address)
  },
]

extension MetricRequest {
  /// Reads `by`, `match`, `seconds` and `rate`.
  package init(_ request: RouteRequest, limits: APILimits = APILimits()) throws(DiagnosticError) {
    self.init(metric: request.name)
    by = request.query.all("by")
    if by.contains("") { throw DiagnosticError.malformed("'by' names no label") }
    for text in request.query.all("match") {
      guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
        throw DiagnosticError.malformed("'match' is not LABEL=VALUE")
      }
      let label = String(text[..<equals])
      let value = String(text[text.index(after: equals)...])
      guard match.updateValue(value, forKey: label) == nil else {
        throw DiagnosticError.malformed("'match' names the label '\(label)' twice")
      }
    }
    seconds = try request.query.number("seconds", in: 1...limits.querySeconds) ?? seconds
    isRate = try request.query.flag("rate")
  }
}

extension JobTopRequest {
  /// Reads `by`, `target`, `fs`, `seconds` and `limit`.
  package init(_ request: RouteRequest, limits: APILimits = APILimits()) throws(DiagnosticError) {
    self.init()
    if let text = try request.query.one("by") {
      guard let measure = JobMeasure(rawValue: text) else {
        let known = JobMeasure.allCases.map(\.rawValue).joined(separator: ", ")
        throw DiagnosticError.malformed("'by' is none of \(known)")
      }
      by = measure
    }
    targets = request.query.list("target")
    fileSystems = request.query.list("fs")
    seconds = try request.query.number("seconds", in: 1...limits.querySeconds) ?? seconds
    limit = Int(try request.query.number("limit", in: 1...limits.jobs) ?? Int64(limit))
  }
}
