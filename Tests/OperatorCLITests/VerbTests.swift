import ArgumentParser
import ManagerCore
import Protocol
import Testing

@testable import OperatorCLI

/// Whole command lines against a manager on a real socket.
@Suite struct VerbTests {
  private func serving(
    _ view: some Encodable & Sendable,
    _ body: @Sendable (String, StubManager) async throws -> Void
  ) async throws {
    let bytes = try CanonicalJSON.encode(view)
    try await StubManager.serving({ _ in .http(200, "application/json", bytes) }) { stub in
      try await body(stub.directory, stub)
    }
  }

  @Test func healthySiteExitsWithZeroAndNothingOnStandardError() async throws {
    try await serving(Fixture.soundStatus) { directory, stub in
      let console = RecordingConsole()
      #expect(await console.run("--state-dir", directory, "status") == 0)
      #expect(console.output.hasPrefix("healthy: 2 of 2 servers connected"))
      #expect(console.errors == "")
      #expect(stub.received == ["GET /api/v1/status"])
    }
  }

  @Test(arguments: [Health.degraded, .unhealthy, .unknown])
  func siteThatIsNotProvenHealthyExitsWithFive(health: Health) async throws {
    try await serving(Fixture.status(health, Fixture.soundServers, [])) { directory, _ in
      let console = RecordingConsole()
      #expect(await console.run("status", "--state-dir", directory) == 5)
      #expect(console.output.hasPrefix("\(health.rawValue): "))
      #expect(console.errors == "")
    }
  }

  @Test func JSONIsTheCanonicalViewAndNothingElse() async throws {
    try await serving(Fixture.troubledStatus) { directory, _ in
      let console = RecordingConsole(isTerminal: true)
      #expect(await console.run("status", "-o", "json", "--state-dir", directory) == 5)
      let canonical = try CanonicalJSON.encode(Fixture.troubledStatus)
      #expect(console.output == String(decoding: canonical, as: UTF8.self) + "\n")
      #expect(console.errors == "")
    }
  }

  @Test func showVerbsExitWithFiveOnWhatIsNotSound() async throws {
    let sound = try Fixture.serverDetail(Fixture.soundServers[0])
    var quiet = sound
    quiet.findings = [Fixture.findings[2]]
    #expect(!Soundness.isSound(sound) && Soundness.isSound(quiet))
    try await serving(sound) { directory, stub in
      #expect(
        await RecordingConsole().run("server", "show", "mds 01", "--state-dir", directory) == 5)
      #expect(stub.received == ["GET /api/v1/servers/mds%2001"])
    }
    try await serving(Fixture.targetDetail(Fixture.targets[0])) { directory, _ in
      let line = ["target", "show", "x", "--state-dir", directory]
      #expect(await RecordingConsole().run(line[0], line[1], line[2], line[3], line[4]) == 0)
    }
    for target in Fixture.targets.dropFirst() {
      #expect(!Soundness.isSound(Fixture.targetDetail(target)))
    }
    try await serving(Fixture.fileSystemDetail) { directory, stub in
      #expect(await RecordingConsole().run("fs", "show", "a/b", "--state-dir", directory) == 5)
      #expect(stub.received == ["GET /api/v1/filesystems/a%2Fb"])
    }
  }

  @Test func listsExitWithZeroWhateverTheyShow() async throws {
    try await serving(Fixture.targets) { directory, stub in
      let console = RecordingConsole()
      #expect(
        await console.run("target", "list", "--fs", "fs1", "--state-dir", directory) == 0)
      #expect(console.output.contains("fs1-OST0001  twice"))
      #expect(stub.received == ["GET /api/v1/targets?fs=fs1"])
    }
    try await serving([ServerSummary]()) { directory, _ in
      let console = RecordingConsole()
      #expect(await console.run("server", "list", "--state-dir", directory) == 0)
      #expect(console.output == "")
      #expect(console.errors.hasPrefix("No server is enrolled: make a token"))
    }
  }

  @Test func targetsOfAServerAreThoseTwiceActiveToo() async throws {
    let targets = try CanonicalJSON.encode([Fixture.doubledTarget, Fixture.targets[0]])
    let servers = try CanonicalJSON.encode(Fixture.troubledServers)
    try await StubManager.serving({ request in
      .http(200, "application/json", request.hasSuffix("servers") ? servers : targets)
    }) { stub in
      for (server, others) in [("oss01", "oss02"), ("oss02", "oss01")] {
        let console = RecordingConsole()
        #expect(
          await console.run("target", "list", "--server", server, "--socket", stub.socket) == 0)
        #expect(console.output.contains("oss01,oss02"), "\(server), not only \(others)")
        #expect(!console.output.contains("fs1-MDT0000"))
      }
    }
  }

  @Test func queryAsksForWhatWasSaid() async throws {
    try await serving(Fixture.metricAnswer) { directory, stub in
      let console = RecordingConsole(environment: ["IML_STATE_DIR": directory])
      #expect(
        await console.run(
          "metrics", "query", "m", "--by", "target", "--match", "fs=a b", "--match", "k=v=w",
          "--last", "15m", "--rate") == 0)
      #expect(
        stub.received == [
          "GET /api/v1/metrics/m?seconds=900&rate=true&by=target&match=fs%3Da%20b&match=k%3Dv%3Dw"
        ])
      #expect(console.output.contains("fs1-OST0000       1  1.23 MiB/s"))
    }
  }

  @Test func createdTokenStandsAloneOnStandardOutput() async throws {
    let token = EnrolmentTokenView(
      id: "t1", profile: .managed, usesLeft: 4, expiresNanoseconds: Fixture.now + 3_600_000_000_000,
      isRevoked: false, createdBy: "root", secret: "iml1.t1.s3cret.aabb")
    try await serving(token) { directory, stub in
      let console = RecordingConsole()
      #expect(
        await console.run(
          "server", "token", "create", "--uses", "4", "--expires", "1h", "--profile", "managed",
          "--state-dir", directory) == 0)
      #expect(console.output == "iml1.t1.s3cret.aabb\n")
      #expect(console.errors.contains("4 servers may enrol with it until 2026-08-01 13:00:00 UTC"))
      #expect(
        stub.received == [
          #"POST /api/v1/enrolment-tokens {"lifetimeSeconds":3600,"profile":"managed","uses":4}"#
        ])
    }
  }

  /// On a full disk, say: the secret is with nobody.
  @Test func aTokenThatCouldNotBePrintedIsToldAndToBeRevoked() async throws {
    let token = EnrolmentTokenView(
      id: "t1", profile: .managed, usesLeft: 1, expiresNanoseconds: Fixture.now + 3_600_000_000_000,
      isRevoked: false, createdBy: "root", secret: "iml1.t1.s3cret.aabb")
    try await serving(token) { directory, _ in
      let console = RecordingConsole(trouble: "it can not be written: No space left on device")
      #expect(
        await console.run("server", "token", "create", "--state-dir", directory) == 1)
      #expect(
        console.errors == """
          iml: standard output: it can not be written: No space left on device
            The token was made, and nobody has its secret: iml server token revoke t1

          """)
    }
  }

  @Test func bearerTokenIsNamedAfterItsRoleUnlessNamed() async throws {
    let token = APITokenView(
      id: "t2", name: "viewer", role: .viewer, expiresNanoseconds: nil, isRevoked: false,
      secret: "s")
    try await serving(token) { directory, stub in
      let console = RecordingConsole()
      #expect(
        await console.run("token", "create", "--role", "viewer", "--state-dir", directory) == 0)
      #expect(console.output == "s\n")
      #expect(stub.received == [#"POST /api/v1/tokens {"name":"viewer","role":"viewer"}"#])
    }
  }

  @Test(arguments: ["revoke", "forget"])
  func takingAwayNeedsConsent(verb: String) async throws {
    try await serving(Fixture.soundServers[1]) { directory, stub in
      let silent = RecordingConsole()
      #expect(await silent.run("server", verb, "oss01", "--state-dir", directory) == 4)
      #expect(silent.errors.hasSuffix("  Add --yes, or run it on a terminal and confirm there.\n"))
      let wrong = RecordingConsole(isTerminal: true, typing: ["yes"])
      #expect(await wrong.run("server", verb, "oss01", "--state-dir", directory) == 4)
      let ended = RecordingConsole(isTerminal: true)
      #expect(await ended.run("server", verb, "oss01", "--state-dir", directory) == 4)
      #expect(stub.received == [])

      let typed = RecordingConsole(isTerminal: true, typing: ["oss01"])
      #expect(await typed.run("server", verb, "oss01", "--state-dir", directory) == 0)
      #expect(typed.errors.contains("Type oss01 to confirm:"))
      let agreed = RecordingConsole()
      #expect(await agreed.run("server", verb, "oss01", "--yes", "--state-dir", directory) == 0)
      let request =
        verb == "revoke" ? "POST /api/v1/servers/oss01/revoke" : "DELETE /api/v1/servers/oss01"
      #expect(stub.received == [request, request])
    }
  }

  @Test func forgettingATargetNeedsConsentToo() async throws {
    try await serving(Fixture.soundServers[1]) { directory, stub in
      let silent = RecordingConsole()
      #expect(
        await silent.run("target", "forget", "fs1-OST0000", "--state-dir", directory) == 4)
      #expect(stub.received == [])
      let agreed = RecordingConsole()
      #expect(
        await agreed.run("target", "forget", "fs1-OST0000", "--yes", "--state-dir", directory) == 0)
      #expect(stub.received == ["DELETE /api/v1/targets/fs1-OST0000"])
      #expect(agreed.errors + agreed.output == "fs1-OST0000 is forgotten.\n")
    }
  }

  @Test func unreachableManagerIsThreeAndARefusalFour() async throws {
    let alone = RecordingConsole()
    #expect(await alone.run("status", "--socket", "/nonexistent/s") == 3)
    #expect(alone.output == "")
    #expect(alone.errors.hasPrefix("iml: /nonexistent/s: no manager: "))
    let problem = Problem(
      Diagnostic(.forbidden, subject: "token list", reason: "only an admin may"), status: 403,
      title: "Forbidden")
    let body = try CanonicalJSON.encode(problem)
    try await StubManager.serving({ _ in .http(403, "application/problem+json", body) }) { stub in
      let console = RecordingConsole()
      #expect(await console.run("token", "list", "--socket", stub.socket) == 4)
      #expect(console.errors == "iml: token list: only an admin may (forbidden)\n")
    }
  }

  @Test func wrongUsageIsTwoAndNamesTheVerb() async {
    let console = RecordingConsole()
    #expect(await console.run("server", "show") == 2)
    #expect(
      console.errors == """
        iml: server show: Missing expected argument '<name> ...'
          See `iml server show --help`.

        """)
    #expect(console.output == "")
    for line in [
      ["nonsense"], ["status", "--nonsense"], ["token", "create"],
      ["token", "create", "--role", "unrecognised"], ["metrics", "query", "m", "--last", "1y"],
      ["metrics", "query", "m", "--match", "=v"], ["server", "token", "create", "--uses", "0"],
      ["fs", "show", ""], ["status", "-o", "xml"], ["--state-dir", "D"],
    ] {
      let console = RecordingConsole()
      let code = await Console.$current.withValue(console.console) {
        await runMain(ProgramUnderTest.self, arguments: line)
      }
      #expect(code == 2, "\(line)")
      #expect(console.errors.hasPrefix("iml: ") && console.output.isEmpty)
    }
    let unknown = RecordingConsole()
    #expect(await unknown.run("server", "nonsense") == 2)
    #expect(unknown.errors.hasPrefix("iml: server: there is no verb 'nonsense'\n"))
  }

  @Test func helpAndVersionGoToStandardOutput() async {
    for line in [["--help"], [], ["server", "--help"], ["help", "status"]] {
      let console = RecordingConsole()
      let code = await Console.$current.withValue(console.console) {
        await runMain(ProgramUnderTest.self, arguments: line)
      }
      #expect(code == 0, "\(line)")
      #expect(console.output.contains("USAGE: iml") && console.errors.isEmpty)
    }
    let version = RecordingConsole()
    #expect(await version.run("--version") == 0)
    #expect(version.output == "1.2.3\n")
  }

  @Test func verbsFromElsewhereFailInTheSameForm() async {
    let console = RecordingConsole()
    #expect(await console.run("diagnosing", "port-in-use") == 1)
    #expect(console.errors == "iml: port 8443: it went wrong (port-in-use)\n  Mend it.\n")
    #expect(await RecordingConsole().run("diagnosing", "manager-unreachable") == 3)
    #expect(await RecordingConsole().run("diagnosing", "forbidden") == 4)
    #expect(await RecordingConsole().run("diagnosing", "nonsense") == 7)
  }

  /// Every verb, with a name that nothing has where it takes one.
  private static let linesOfVerbs: [[String]] = [
    ["status"], ["server", "list", "nosuch"], ["server", "show", "nosuch"],
    ["server", "show", "nosuch[1-2]"], ["server", "token", "create"], ["server", "token", "list"],
    ["server", "token", "revoke", "nosuch", "--yes"], ["server", "revoke", "nosuch", "--yes"],
    ["server", "forget", "nosuch", "--yes"], ["fs", "list", "nosuch"], ["fs", "show", "nosuch"],
    ["target", "list", "nosuch"], ["target", "list", "--fs", "nosuch"],
    ["target", "list", "--server", "nosuch"], ["target", "show", "nosuch"],
    ["target", "forget", "nosuch", "--yes"],
    ["job", "top", "--target", "nosuch"], ["job", "top", "--fs", "nosuch"], ["metrics", "list"],
    ["metrics", "query", "nosuch"], ["token", "create"], ["token", "list"],
    ["token", "revoke", "nosuch", "--yes"],
  ]

  @Test func aNameThatNothingHasIsAFailureInEveryVerb() async throws {
    let paths = Set(Self.leaves().map { $0.joined(separator: " ") })
    let tried = Self.linesOfVerbs.map { line in
      paths.filter { (line.joined(separator: " ") + " ").hasPrefix($0 + " ") }
    }
    #expect(Set(tried.joined()) == paths, "a verb was forgotten here")
    let problem = Problem(
      Diagnostic(.notFound, subject: "nosuch", reason: "there is none"), status: 404,
      title: "Not Found")
    let body = try CanonicalJSON.encode(problem)
    try await StubManager.serving({ request in
      ["servers", "targets", "filesystems"].contains { request == "GET /api/v1/\($0)" }
        ? .json("[]") : .http(404, "application/problem+json", body)
    }) { stub in
      for line in Self.linesOfVerbs where line.contains(where: { $0.hasPrefix("nosuch") }) {
        let console = RecordingConsole()
        #expect(await console.run(line + ["-o", "json", "--socket", stub.socket]) == 1, "\(line)")
        #expect(console.errors.contains(#""code":"not-found""#), "\(line): \(console.errors)")
        #expect(console.output.isEmpty, "\(line)")
      }
    }
  }

  private static func leaves() -> [[String]] {
    func leaves(_ command: any ParsableCommand.Type, _ path: [String]) -> [[String]] {
      let words = path + [command._commandName]
      let children = command.configuration.subcommands
      return children.isEmpty ? [words] : children.flatMap { leaves($0, words) }
    }
    return OperatorVerbs.subcommands.flatMap { leaves($0, []) }
  }

  @Test func everyVerbTakesTheOptionsOfAllVerbs() async {
    let all = Self.leaves()
    #expect(all.count == 19)
    for path in all {
      let console = RecordingConsole()
      _ = await Console.$current.withValue(console.console) {
        await runMain(ProgramUnderTest.self, arguments: path + ["--help"])
      }
      for option in [
        "--state-dir <dir>", "--socket <path>", "-o, --output <output>", "--color <color>",
      ] {
        #expect(console.output.contains(option), "\(path) lacks \(option)")
      }
    }
  }
}
