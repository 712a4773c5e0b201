import ManagerCore
import Protocol
import Testing

@testable import OperatorCLI

@Suite struct ManagerClientTests {
  private func complaint(
    _ answer: StubManager.Answer, timeout: Duration = .seconds(30)
  ) async throws -> Complaint {
    try await StubManager.serving({ _ in answer }) { stub in
      try await complaint(of: ManagerClient(socket: stub.socket, timeout: timeout))
    }
  }

  private func complaint(of client: ManagerClient) async throws -> Complaint {
    let error = await #expect(throws: Complaint.self) {
      try await client.get(SiteStatus.self, Route("status"))
    }
    return try #require(error)
  }

  @Test func answerArrivesWhole() async throws {
    let body = try CanonicalJSON.encode(Fixture.troubledStatus)
    try await StubManager.serving({ _ in .http(200, "application/json", body) }) { stub in
      let client = ManagerClient(socket: stub.socket, timeout: .seconds(30))
      let reply = try await client.get(SiteStatus.self, Route("filesystems", "a/b").with("q", "1"))
      #expect(reply.view == Fixture.troubledStatus)
      #expect(stub.received == ["GET /api/v1/filesystems/a%2Fb?q=1"])
    }
  }

  @Test func bodyIsSentAsJSON() async throws {
    let token = EnrolmentTokenView(
      id: "t", profile: .monitor, usesLeft: 2, expiresNanoseconds: 5, isRevoked: false,
      createdBy: "root", secret: "iml1.t.s.p")
    let body = try CanonicalJSON.encode(token)
    try await StubManager.serving({ _ in .http(201, "application/json", body) }) { stub in
      let client = ManagerClient(socket: stub.socket, timeout: .seconds(30))
      let request = EnrolmentTokenRequest(uses: 2, lifetimeSeconds: 60, profile: .monitor)
      let reply = try await client.post(
        EnrolmentTokenView.self, Route("enrolment-tokens"), request)
      #expect(reply.view == token)
      #expect(
        stub.received == [
          #"POST /api/v1/enrolment-tokens {"lifetimeSeconds":60,"profile":"monitor","uses":2}"#
        ])
    }
  }

  @Test func changeBearsAnAnswerWithAndWithoutAView() async throws {
    try await StubManager.serving({ request in
      request.hasPrefix("DELETE")
        ? .bytes(Array("HTTP/1.1 204 No Content\r\n\r\n".utf8)) : .json(#"{"b":1,"a":2}"#)
    }) { stub in
      let client = ManagerClient(socket: stub.socket, timeout: .seconds(30))
      let empty = try await client.change(.delete, Route("tokens", "t"))
      #expect(empty.raw == .object([:]))
      let full = try await client.change(.post, Route("servers", "s", "revoke"))
      #expect(full.raw == .object(["a": .integer(2), "b": .integer(1)]))
      #expect(stub.received == ["DELETE /api/v1/tokens/t", "POST /api/v1/servers/s/revoke"])
    }
  }

  @Test(arguments: [
    (400, Outcome.failed), (401, .refused), (403, .refused), (404, .failed), (409, .refused),
    (429, .failed), (500, .failed), (503, .failed),
  ])
  func problemKeepsItsCodeAndRemedy(status: Int, outcome: Outcome) async throws {
    let problem = Problem(
      Diagnostic(.conflict, subject: "oss01", reason: "it says no", remedy: "Ask again."),
      status: status, title: "No")
    let said = try await complaint(
      .http(status, "application/problem+json", CanonicalJSON.encode(problem)))
    #expect(said.outcome == outcome)
    #expect("\(said)" == "iml: oss01: it says no (conflict)\n  Ask again.")
  }

  @Test func refusalInOtherWordsIsQuotedSafely() async throws {
    let said = try await complaint(
      .http(502, "text/html", Array("<b>\u{1b}[2J".utf8) + [UInt8](repeating: 0x41, count: 9_000)))
    #expect(said.outcome == .failed)
    #expect("\(said)".contains(": answered 502 Bad Gateway: <b>\\x1b[2JAAAA"))
    #expect("\(said)".utf8.count < 600)
  }

  @Test(arguments: ["", "null", "[]", "{", "{\"health\":1}", "\u{0}\u{1}garbage", "<html>"])
  func bodyThatIsNoViewIsOneSentence(body: String) async throws {
    let said = try await complaint(.json(body))
    #expect(said.outcome == .failed)
    #expect(said.reason.hasPrefix("the answer is not what this version of `iml` expects"))
  }

  @Test func placeOfAWrongMemberIsNamed() async throws {
    var text = String(decoding: try CanonicalJSON.encode(Fixture.soundStatus), as: UTF8.self)
    text = text.replacing("\"hostname\":\"oss01\"", with: "\"hostname\":7")
    let said = try await complaint(.json(text))
    #expect(said.reason.hasSuffix("(another type at servers.1.hostname)"))
  }

  @Test func garbageInsteadOfHTTPIsSaidSo() async throws {
    let said = try await complaint(.bytes(Array("SSH-2.0-OpenSSH_9.2\r\n\r\n".utf8)))
    #expect(said.outcome == .failed)
    #expect(said.reason.contains("does not speak HTTP"))
  }

  @Test(arguments: ["", "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{\"he"])
  func closedConnectionIsUnreachable(sent: String) async throws {
    let said = try await complaint(.bytes(Array(sent.utf8)))
    #expect(said.outcome == .unreachable)
    #expect(said.reason == "the manager closed the connection without a complete answer")
  }

  @Test(arguments: ["", "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{\"he"])
  func silentManagerIsGivenUpInTime(sent: String) async throws {
    let said = try await complaint(
      .bytesThenSilence(Array(sent.utf8)), timeout: .milliseconds(50))
    #expect(said.outcome == .unreachable)
    #expect(said.reason == "the manager did not answer within 0 s")
  }

  @Test func missingSocketIsNamedWithTheNextStep() async throws {
    let client = ManagerClient(socket: "/nonexistent/manager.sock", timeout: .seconds(30))
    let said = try await complaint(of: client)
    #expect(said.outcome == .unreachable)
    #expect(
      "\(said)" == """
        iml: /nonexistent/manager.sock: no manager: there is no such socket
          Look at `systemctl status iml-manager`, or name the socket of a running `iml demo` with \
        `--state-dir`.
        """)
  }

  @Test func socketThatNobodyListensOnIsUnreachable() async throws {
    let socket = try await StubManager.leavingItsSocket()
    defer { StubManager.remove(socket) }
    let client = ManagerClient(socket: socket, timeout: .seconds(30))
    let said = try await complaint(of: client)
    #expect(said.outcome == .unreachable)
    #expect(said.reason == "no manager: nobody listens on this socket")
  }

  @Test func pathTooLongForASocketIsSaidSo() async throws {
    let client = ManagerClient(
      socket: "/" + String(repeating: "d", count: 107), timeout: .seconds(30))
    let said = try await complaint(of: client)
    #expect(said.outcome == .unreachable)
    #expect(said.reason.contains("longer than the 107 bytes"))
  }
}
