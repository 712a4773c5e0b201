import HTTPTypes
import Manager
import ManagerCore
import Protocol
import Testing

/// A body that each route's request type accepts.
private func sampleBody(_ route: Route) throws -> String? {
  let bytes: [UInt8]? =
    switch route.request {
    case nil: nil
    case "EnrolmentTokenRequest":
      try CanonicalJSON.encode(
        EnrolmentTokenRequest(uses: 3, lifetimeSeconds: 60, profile: .monitor))
    case "APITokenRequest":
      try CanonicalJSON.encode(APITokenRequest(name: "ci", role: .viewer, lifetimeSeconds: nil))
    case "EnrolmentRequest":
      try CanonicalJSON.encode(
        EnrolmentRequest(token: "good", certificateRequest: "PEM", hostname: "oss1"))
    default: try #require(nil as [UInt8]?, "a request type without a sample")
    }
  return bytes.map { String(decoding: $0, as: UTF8.self) }
}

private func samplePath(_ route: Route) -> String {
  "/"
    + route.path.segments.map { segment in
      switch segment {
      case .literal(let text): text
      case .parameter: "thing"
      }
    }.joined(separator: "/")
}

@Suite(.timeLimit(.minutes(2))) struct APIRoutesTests {
  @Test func routeTableIsTheOneReviewed() {
    let lines = Route.all.map { route in
      [
        route.method.rawValue, route.path.description, route.access.description,
        route.request ?? "-", route.response,
      ].joined(separator: " ")
    }
    #expect(
      lines.joined(separator: "\n") == """
        GET /healthz open - text
        GET /readyz viewer - text
        GET /metrics viewer - text
        GET /api/v1/status viewer - SiteStatus
        GET /api/v1/servers viewer - [ServerSummary]
        GET /api/v1/servers/{name} viewer - ServerDetail
        DELETE /api/v1/servers/{name} admin - nothing
        POST /api/v1/servers/{name}/revoke admin - nothing
        GET /api/v1/filesystems viewer - [FileSystemSummary]
        GET /api/v1/filesystems/{name} viewer - FileSystemDetail
        GET /api/v1/targets viewer - [TargetSummary]
        GET /api/v1/targets/{name} viewer - TargetDetail
        DELETE /api/v1/targets/{name} admin - nothing
        GET /api/v1/metrics viewer - [MetricListing]
        GET /api/v1/metrics/{name} viewer - MetricAnswer
        GET /api/v1/jobs/top viewer - JobTopView
        GET /api/v1/enrolment-tokens admin - [EnrolmentTokenView]
        POST /api/v1/enrolment-tokens admin EnrolmentTokenRequest EnrolmentTokenView
        DELETE /api/v1/enrolment-tokens/{id} admin - nothing
        GET /api/v1/tokens admin - [APITokenView]
        POST /api/v1/tokens admin APITokenRequest APITokenView
        DELETE /api/v1/tokens/{id} admin - nothing
        POST /api/v1/enrol open EnrolmentRequest EnrolmentAnswer
        """)
  }

  @Test func eachRequestFindsItsOwnRouteAndNoOther() {
    let table = RouteTable(Route.all)
    for route in Route.all {
      guard
        case .found(let found, _) = table.match(route.method, samplePath(route), limits: .init())
      else {
        Issue.record("\(route.method) \(route.path) is not found")
        continue
      }
      #expect(found.path == route.path)
      let alike = Route.all.filter {
        $0.method == route.method
          && $0.path.match(
            samplePath(route).split(separator: "/").map { DecodedSegment.of(String($0)) }) != nil
      }
      #expect(alike.count == 1, "\(route.path)")
    }
  }

  @Test func eachRouteTellsItsPurposeAndOnlyProblemsThatAClientMaySee() {
    for route in Route.all {
      #expect(route.summary.hasSuffix("."), "\(route.path)")
      for code in route.allProblems {
        #expect(
          code == .internalError || code.httpStatus != nil,
          "\(route.path) declares \(code)")
      }
    }
  }

  @Test func eachRouteOverHTTPSTakesItsRoleAndNoLesser() async throws {
    let secrets: [(Role, String)] = [
      (.viewer, "viewer-secret"), (.operator, "operator-secret"), (.admin, "admin-secret"),
    ]
    try await withAPI { api async throws in
      for route in Route.all {
        let (method, path) = (route.method.rawValue, samplePath(route))
        let body = try sampleBody(route)
        let nobody = try await api.https(method, path, body: body)
        guard case .role(let needed) = route.access else {
          #expect((200..<300).contains(nobody.status), "\(path)")
          continue
        }
        #expect(nobody.status == 401 && nobody.code == "unauthenticated", "\(method) \(path)")
        #expect(nobody.headers["www-authenticate"]?.hasPrefix("Bearer") == true)
        let wrong = try await api.https(method, path, token: "guess", body: body)
        #expect(wrong.status == 401, "\(method) \(path)")
        let before = api.site.calls.count
        for (role, secret) in secrets where !role.includes(needed) {
          let refused = try await api.https(method, path, token: secret, body: body)
          #expect(refused.status == 403 && refused.code == "forbidden", "\(role) \(path)")
        }
        #expect(api.site.calls.count == before, "\(path) reached the manager unasked")
        for (role, secret) in secrets where role.includes(needed) {
          let served = try await api.https(method, path, token: secret, body: body)
          #expect((200..<300).contains(served.status), "\(role) \(method) \(path) \(served)")
        }
        #expect(api.site.calls.count > before, "\(path) asked nothing of the manager")
      }
    }
  }

  @Test func eachRouteOverTheUnixSocketNeedsNoToken() async throws {
    try await withAPI { api async throws in
      for route in Route.all {
        let reply = try await api.unix(
          route.method.rawValue, samplePath(route), body: try sampleBody(route))
        #expect((200..<300).contains(reply.status), "\(route.path) \(reply)")
      }
      #expect(api.site.calls.contains("enrol oss1 from local"))
    }
  }

  @Test func answersAreCanonicalJSONThatNobodyKeeps() async throws {
    try await withAPI { api async throws in
      let reply = try await api.https("GET", "/api/v1/metrics", token: "viewer-secret")
      #expect(
        reply.body
          == #"[{"help":"","kind":"gauge","name":"lustre_available_bytes","unit":"bytes"}]"#)
      #expect(reply.headers["content-type"] == "application/json")
      #expect(reply.headers["cache-control"] == "no-store")
      #expect(reply.headers["x-content-type-options"] == "nosniff")
      #expect(reply.headers["x-frame-options"] == "DENY")
      #expect(reply.headers["date"]?.hasSuffix("GMT") == true)
      let metrics = try await api.https("GET", "/metrics", token: "viewer-secret")
      #expect(metrics.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
      #expect(metrics.body == "# TYPE up gauge\nup 1\n")
    }
  }

  @Test func readinessNamesEveryReason() async throws {
    try await withAPI { api async throws in
      #expect(try await api.https("GET", "/readyz", token: "viewer-secret").body == "ready\n")
      api.site.becomeUnready([
        Diagnostic(.databaseLocked, subject: "state", reason: "the database is locked"),
        Diagnostic(.managerStopping, subject: "manager", reason: "it is stopping"),
      ])
      let reply = try await api.https("GET", "/readyz", token: "viewer-secret")
      #expect(reply.status == 503 && reply.code == "database-locked")
      #expect(reply.body.contains("the database is locked; it is stopping"))
      #expect(try await api.https("GET", "/healthz").body == "ok\n")
    }
  }
}
