import FoundationEssentials
import Glibc
import ManagerCore
import Protocol
import Testing

@testable import OperatorCLI

/// Whole command lines that name several things.
@Suite struct NameSelectionTests {
  /// Answers each path from `views`, with 404 for others, and 204 for changes.
  private func serving(
    _ views: [String: any Encodable & Sendable],
    _ body: @Sendable (StubManager) async throws -> Void
  ) async throws {
    let bodies = try views.mapValues { try CanonicalJSON.encode($0) }
    let missing = try CanonicalJSON.encode(
      Problem(Diagnostic(.notFound, subject: "", reason: "gone"), status: 404, title: "Not Found"))
    try await StubManager.serving(
      { request in
        let path = String(request.drop { $0 != " " }.dropFirst())
        if let body = bodies[path] { return .http(200, "application/json", body) }
        return request.hasPrefix("GET") || path.contains("oss99")
          ? .http(404, "application/problem+json", missing)
          : .bytes(Array("HTTP/1.1 204 No Content\r\n\r\n".utf8))
      }, body)
  }

  private static let fleet = (1...4).map { Fixture.server(UInt8($0), "oss0\($0)") }

  private func run(_ stub: StubManager, _ arguments: [String], code: Int32 = 0) async
    -> RecordingConsole
  {
    let console = RecordingConsole()
    #expect(await console.run(arguments + ["--state-dir", stub.directory]) == code, "\(arguments)")
    return console
  }

  private func names(_ console: RecordingConsole) throws -> [String] {
    try CanonicalJSON.decode([ServerSummary].self, from: Array(console.output.utf8)).map(\.hostname)
  }

  @Test func listsOfServersAreNarrowed() async throws {
    try await serving(["/api/v1/servers": NameSelectionTests.fleet]) { stub in
      for (arguments, wanted) in [
        ([], ["oss01", "oss02", "oss03", "oss04"]),
        (["oss[03-04,01]"], ["oss01", "oss03", "oss04"]),
        (["oss[01-04]!oss02"], ["oss01", "oss03", "oss04"]), (["-x", "oss[02-09]"], ["oss01"]),
        (["oss01", "oss02", "-x", "oss02"], ["oss01"]), (["oss02"], ["oss02"]),
        ([Fixture.serverID(3).text], ["oss03"]),
      ] {
        let console = await run(stub, ["server", "list", "-o", "json"] + arguments)
        #expect(try names(console) == wanted)
      }
      let lost = await run(stub, ["server", "list", "oss[01-07]", "-o", "json"], code: 1)
      let document = try CanonicalJSON.decode(
        Complaint.Document.self, from: Array(lost.errors.utf8))
      #expect(document.subject == "oss[05-07]" && document.code == "not-found")
      let one = await run(stub, ["server", "list", "oss[04-05]"], code: 1)
      #expect(
        one.errors == """
          iml: oss05: there is no server of this name or id (not-found)
            `iml server list` shows those that there are; oss05 is none of them.

          """)
      #expect(
        await run(stub, ["server", "list", "-x", "oss[01-04]"]).errors.hasPrefix(
          "No server is left"))
      let nothing = await run(stub, ["server", "list", "oss01!oss01"], code: 2)
      #expect(nothing.errors.contains("no name is left of this list"))
      let bad = await run(stub, ["server", "list", "oss[01-"], code: 2)
      #expect(bad.errors.hasPrefix("iml: oss[01-: at character 8: the bracket ends too early\n"))
    }
  }

  @Test func groupsComeFromTheFileBesideTheState() async throws {
    try await serving(["/api/v1/servers": NameSelectionTests.fleet]) { stub in
      let none = await run(stub, ["server", "list", "@odd"], code: 2)
      #expect(
        none.errors.hasPrefix(
          "iml: @odd: there is no groups file (\(stub.directory)/groups, /etc/iml/groups)\n"))
      let path = "\(stub.directory)/groups"
      try Data("# the odd ones\nodd: oss[01,03]\nall: @odd, oss02 # two\n".utf8)
        .write(to: URL(fileURLWithPath: path))
      #expect(
        try names(await run(stub, ["server", "list", "@odd", "-o", "json"])) == ["oss01", "oss03"])
      #expect(
        try names(await run(stub, ["server", "list", "@all!oss03", "-o", "json"]))
          == ["oss01", "oss02"])
      let other = await run(stub, ["server", "list", "@even"], code: 2)
      #expect(other.errors.hasSuffix("\(path) has no such group\n  It has all, odd.\n"))
      try Data("odd oss1\n".utf8).write(to: URL(fileURLWithPath: path))
      let bad = await run(stub, ["server", "list", "@odd"], code: 1)
      #expect(bad.errors.contains("\(path): line 1: no colon after the group's name"))
    }
  }

  /// Opened, it would wait for somebody to write into it.
  @Test func aPipeInTheGroupsFilesPlaceIsSaid() async throws {
    try await serving(["/api/v1/servers": NameSelectionTests.fleet]) { stub in
      let path = "\(stub.directory)/groups"
      #expect(mkfifo(path, 0o600) == 0)
      let refused = await run(stub, ["server", "list", "@odd"], code: 1)
      #expect(refused.errors.contains(path))
      #expect(refused.errors.contains("it is a pipe"))
    }
  }

  @Test(arguments: [
    ("x y: a", 1, "a group's name has"), ("\n: a", 2, "a group's name has"),
    ("a: b\na: c", 2, "the group 'a' stands here again"), ("a: # b", 1, "the group 'a' has no"),
  ])
  func groupsFileThatCanNotBeMeantIsNamedByItsLine(text: String, line: Int, reason: String) {
    let error = #expect(throws: NodeGroups.Malformed.self) { try NodeGroups(text) }
    #expect(error?.line == line && error?.reason.hasPrefix(reason) ?? false)
  }

  @Test func showOfAListIsAListOfItsParts() async throws {
    let views: [String: any Encodable & Sendable] = [
      "/api/v1/servers": NameSelectionTests.fleet,
      "/api/v1/servers/oss01": try Fixture.serverDetail(NameSelectionTests.fleet[0]),
      "/api/v1/servers/oss02": try Fixture.serverDetail(NameSelectionTests.fleet[1]),
    ]
    try await serving(views) { stub in
      let json = await run(stub, ["server", "show", "oss[01-02]", "-o", "json"], code: 5)
      let details = try CanonicalJSON.decode([ServerDetail].self, from: Array(json.output.utf8))
      #expect(details.map(\.summary.hostname) == ["oss01", "oss02"])
      let one = await run(stub, ["server", "show", "oss[01]", "-o", "json"], code: 5)
      #expect(one.output.hasPrefix("[{"))
      let csv = await run(stub, ["server", "show", "oss[01-02]", "-o", "csv"], code: 5)
      #expect(csv.output.split(separator: "\r\n").count == 3)
      let lines = await run(stub, ["server", "show", "oss01", "oss02", "-o", "ndjson"], code: 5)
      #expect(lines.output.split(separator: "\n").count == 2)
      let table = await run(stub, ["server", "show", "oss[01-02]"], code: 5)
      #expect(table.output.hasPrefix("oss01\n") && table.output.contains("\n\noss02\n"))
      let lost = await run(stub, ["server", "show", "oss[04-06]"], code: 1)
      #expect(lost.output == "" && lost.errors.hasPrefix("iml: oss[05-06]: there are no servers"))
      #expect(!stub.received.contains("GET /api/v1/servers/oss04"))
    }
  }

  @Test func changesAreConfirmedAsAWholeAndTouchNothingUnknown() async throws {
    try await serving(["/api/v1/servers": NameSelectionTests.fleet]) { stub in
      let lost = await run(stub, ["server", "revoke", "oss[01-06]", "-y"], code: 1)
      #expect(lost.errors.hasPrefix("iml: oss[05-06]: there are no servers of these 2 names"))
      let typed = RecordingConsole(isTerminal: true, typing: ["oss[01-03]"])
      let line = ["server", "revoke", "oss[01-03]", "--state-dir", stub.directory]
      #expect(await typed.run(line) == 0)
      #expect(typed.errors.contains("The sessions of these 3 servers end now"))
      #expect(typed.output == "The certificates of oss[01-03] are revoked.\n")
      let changes = stub.received.filter { $0.hasPrefix("POST") }
      #expect(changes == (1...3).map { "POST /api/v1/servers/oss0\($0)/revoke" })
      let json = await run(stub, ["server", "forget", "oss[01-02]", "-y", "-o", "json"])
      #expect(json.output == "[{\"name\":\"oss01\"},{\"name\":\"oss02\"}]\n")
    }
  }

  @Test func refusalInTheMiddleTellsWhatIsDone() async throws {
    let fleet = NameSelectionTests.fleet + [Fixture.server(9, "oss99")]
    try await serving(["/api/v1/servers": fleet]) { stub in
      let half = await run(stub, ["server", "forget", "oss01,oss99,oss02", "-y"], code: 1)
      #expect(half.output == "oss01 is forgotten.\n")
      #expect(half.errors.hasPrefix("iml: gone; nothing was done to oss[02,99] (not-found)"))
    }
  }

  @Test func targetsAreNarrowedByLabelFileSystemAndServer() async throws {
    let views: [String: any Encodable & Sendable] = [
      "/api/v1/targets": Fixture.targets, "/api/v1/servers": Fixture.troubledServers,
      "/api/v1/targets?fs=fs1": Fixture.targets, "/api/v1/targets?fs=fs2": [TargetSummary](),
    ]
    try await serving(views) { stub in
      func labels(_ arguments: [String]) async -> [String] {
        let console = await run(stub, ["target", "list", "-o", "csv"] + arguments)
        let rows = console.output.split(separator: "\r\n").dropFirst()
        return rows.map { String($0.split(separator: ",")[1]) }
      }
      #expect(await labels(["fs1-OST[0000-0001]"]) == ["fs1-OST0000", "fs1-OST0001"])
      #expect(await labels(["--fs", "fs[1-2]", "fs1-MDT0000"]) == ["fs1-MDT0000"])
      #expect(
        await labels(["--server", "oss[01-02]"])
          == ["fs1-OST0000", "fs1-OST0002", "fs1-OST0005"])
      let lost = await run(stub, ["target", "list", "--server", "oss77"], code: 1)
      #expect(lost.errors.hasPrefix("iml: oss77: there is no server of this name"))
    }
  }
}
