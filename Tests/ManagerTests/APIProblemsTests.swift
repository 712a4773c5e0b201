import AsyncHTTPClient
import Manager
import NIOCore
import Protocol
import Testing

@Suite(.timeLimit(.minutes(2))) struct APIProblemsTests {
  @Test func namesArriveDecodedAndInOnePiece() async throws {
    try await withAPI { api async throws in
      for path in ["/api/v1/filesystems/pool%2Fmgt", "/api/v1/targets/a+b%20c%C3%A4"] {
        #expect(try await api.unix("GET", path).status == 200)
      }
      #expect(api.site.calls == ["fileSystem pool/mgt", "target a+b cä"])
    }
  }

  @Test func metricQueriesArriveWhole() async throws {
    try await withAPI { api async throws in
      let query = "by=target&by=op&match=target=fs1-OST0000&match=nid%3D10.0.0.1@tcp"
      let path = "/api/v1/metrics/lustre_x_total?\(query)&seconds=60&rate=true"
      #expect(try await api.unix("GET", path).status == 200)
      #expect(try await api.unix("GET", "/api/v1/targets?fs=fs1").status == 200)
      #expect(
        api.site.calls == [
          #"query lustre_x_total by ["target", "op"] match ["nid=10.0.0.1@tcp", "#
            + #""target=fs1-OST0000"] seconds 60 rate true"#,
          "targets fs1",
        ])
    }
  }

  @Test(arguments: [
    "/api/v1/status?verbose=1", "/api/v1/metrics/m?seconds=0", "/api/v1/metrics/m?seconds=1e3",
    "/api/v1/metrics/m?seconds=99999999999999999999", "/api/v1/metrics/m?rate=yes",
    "/api/v1/metrics/m?rate=true&rate=true", "/api/v1/metrics/m?match=novalue",
    "/api/v1/metrics/m?match=a=1&match=a=2", "/api/v1/metrics/m?by=", "/api/v1/targets?fs=%FF",
    "/api/v1/targets?fs=%00",
  ])
  func malformedQueriesAreRefused(path: String) async throws {
    try await withAPI { api async throws in
      let reply = try await api.unix("GET", path)
      #expect(reply.status == 400 && reply.code == "request-malformed", "\(reply)")
      #expect(reply.headers["content-type"] == "application/problem+json")
      #expect(api.site.calls.isEmpty)
    }
  }

  @Test func theManagersComplaintsBecomeProblems() async throws {
    try await withAPI { api async throws in
      func enrol(_ token: String) async throws -> APIReply {
        let request = EnrolmentRequest(token: token, certificateRequest: "PEM", hostname: "oss1")
        let body = String(decoding: try CanonicalJSON.encode(request), as: UTF8.self)
        return try await api.https("POST", "/api/v1/enrol", body: body)
      }
      let missing = try await api.unix("GET", "/api/v1/servers/missing")
      #expect(missing.status == 404 && missing.code == "not-found")
      #expect(missing.body.contains("missing: nobody has this name"))
      let twice = try await api.unix("GET", "/api/v1/targets/twice")
      #expect(twice.status == 409 && twice.code == "ambiguous-name")
      let busy = try await api.unix("DELETE", "/api/v1/servers/busy")
      #expect(busy.status == 409 && busy.code == "conflict")
      let usedUp = try await enrol("used-up")
      #expect(usedUp.status == 403 && usedUp.code == "token-used-up")
      let flood = try await enrol("flood")
      #expect(flood.status == 429 && flood.code == "rate-limited")
      #expect(flood.headers["retry-after"].flatMap { Int($0) } ?? 0 > 0)
    }
  }

  @Test func innerReasonsStayInTheLog() async throws {
    try await withAPI { api async throws in
      let reply = try await api.unix("GET", "/api/v1/filesystems/broken")
      #expect(reply.status == 500 && reply.code == "internal-error")
      #expect(!reply.body.contains("torn"))
      #expect(
        api.log.lines.contains {
          $0.hasPrefix("error") && $0.contains(APIScriptedSite.secretReason)
        })
    }
  }

  /// The operator's to put right, as a full disk is.
  @Test func aDamagedFileOfOursIsToldAndLogged() async throws {
    try await withAPI { api async throws in
      let reply = try await api.unix("GET", "/api/v1/filesystems/damaged")
      #expect(reply.status == 500 && reply.code == "database-corrupt")
      #expect(reply.body.contains("page 7 is torn"))
      #expect(
        api.log.lines.contains { $0.hasPrefix("error") && $0.contains("page 7 is torn") })
    }
  }

  @Test func unknownPathsAndMethodsAreProblemsToo() async throws {
    try await withAPI { api async throws in
      for path in ["/", "/api/v1/nothing", "/api/v1/status/", "/api//v1/status", "/api/v1/%zz"] {
        let reply = try await api.https("GET", path, token: "viewer-secret")
        #expect(reply.status == 404 && reply.code == "not-found", "\(path)")
      }
      let reply = try await api.https("PUT", "/api/v1/servers/a", token: "admin-secret")
      #expect(reply.status == 405 && reply.code == "request-malformed")
      #expect(reply.headers["allow"] == "GET, HEAD, DELETE")
    }
  }

  @Test func headTellsTheLengthAndNothingElse() async throws {
    try await withAPI { api async throws in
      let reply = try await api.https("HEAD", "/api/v1/metrics", token: "viewer-secret")
      #expect(reply.status == 200 && reply.body.isEmpty)
      #expect(reply.headers["content-length"].flatMap { Int($0) } ?? 0 > 10)
    }
  }

  @Test func bodiesThatAreNotWhatWasAgreedOnAreRefusedWithoutTheirContent() async throws {
    try await withAPI { api async throws in
      for (body, reason) in [
        ("", "the body is not JSON"), ("{", "the body is not JSON"),
        ("[]", "the body is not an object"),
        (#"{"name":7,"role":"admin"}"#, "name is not a string"),
        (#"{"name":"hush","role":7}"#, "role"), (#"{"role":"admin"}"#, "name is missing"),
      ] {
        let reply = try await api.unix("POST", "/api/v1/tokens", body: body)
        #expect(reply.status == 400 && reply.code == "request-malformed", "\(reply)")
        #expect(reply.body.contains(reason), "\(reply.body)")
        #expect(!reply.body.contains("hush"))
      }
      #expect(api.site.calls.isEmpty)
    }
  }

  @Test func bodiesAboveTheLimitAreCutOff() async throws {
    try await withAPI { api async throws in
      let url = "https://localhost:\(api.listening.port)/api/v1/enrol"
      let big = String(repeating: "x", count: 70_000)
      let told = try await api.ask(
        api.client, url, "POST", token: nil, body: .bytes(Array(big.utf8)))
      #expect(told.status == 413 && told.code == "message-too-large")
      #expect(told.headers["connection"] == "close")
      let piece = ByteBuffer(string: String(repeating: "x", count: 10_000))
      let streamed = AsyncStream { continuation in
        for _ in 0..<8 { continuation.yield(piece) }
        continuation.finish()
      }
      let chunked = try await api.ask(
        api.client, url, "POST", token: nil, body: .stream(streamed, length: .unknown))
      #expect(chunked.status == 413)
      #expect(api.site.calls.isEmpty)
      #expect(try await api.https("GET", "/healthz").status == 200)
    }
  }

  @Test func headersAboveTheLimitAreRefused() async throws {
    try await withAPI { api async throws in
      let long = String(repeating: "x", count: APILimits().headerFieldBytes + 1)
      #expect(try await api.https("GET", "/healthz", token: long).status == 400)
      #expect(try await api.https("GET", "/api/v1/targets?fs=\(long)").status == 400)
      #expect(try await api.https("GET", "/healthz").status == 200)
    }
  }

  @Test func noSecretIsEverLogged() async throws {
    try await withAPI { api async throws in
      let request = EnrolmentRequest(
        token: "enrol-secret", certificateRequest: "PEM", hostname: "oss1")
      let body = String(decoding: try CanonicalJSON.encode(request), as: UTF8.self)
      _ = try await api.https("POST", "/api/v1/enrol", token: "guess-secret", body: body)
      _ = try await api.https("POST", "/api/v1/enrol", body: body + "}")
      _ = try await api.https("GET", "/api/v1/status?token=query-secret", token: "admin-secret")
      let make = #"{"name":"ci","role":"viewer"}"#
      _ = try await api.https("POST", "/api/v1/tokens", token: "admin-secret", body: make)
      let lines = api.log.lines
      #expect(lines.filter { $0.contains("API request answered") }.count == 4)
      #expect(lines.contains { $0.contains("API request answered") && $0.contains("chief") })
      #expect(!lines.contains { $0.contains("secret") })
    }
  }
}
