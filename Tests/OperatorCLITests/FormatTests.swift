import ManagerCore
import Protocol
import Testing

@testable import OperatorCLI

/// Whole command lines in every shape of output.
@Suite struct FormatTests {
  private func output(
    _ view: some Encodable & Sendable, _ arguments: [String], isTerminal: Bool = false,
    code: Int32 = 0
  ) async throws -> String {
    let bytes = try CanonicalJSON.encode(view)
    return try await StubManager.serving({ _ in .http(200, "application/json", bytes) }) { stub in
      let console = RecordingConsole(isTerminal: isTerminal)
      #expect(await console.run(arguments + ["--socket", stub.socket]) == code)
      #expect(console.errors == "")
      return console.output
    }
  }

  @Test func listInNDJSONIsAnItemALine() async throws {
    let text = try await output(Fixture.soundServers, ["server", "list", "-o", "ndjson"])
    let lines = try Fixture.soundServers.map {
      String(decoding: try CanonicalJSON.encode($0), as: UTF8.self)
    }
    #expect(text == lines.joined(separator: "\n") + "\n")
    #expect(try await output([ServerSummary](), ["server", "list", "-o", "ndjson"]) == "")
    let status = try await output(Fixture.soundStatus, ["status", "-o", "ndjson"])
    #expect(
      status == String(decoding: try CanonicalJSON.encode(Fixture.soundStatus), as: UTF8.self)
        + "\n")
  }

  @Test func emptyListInCSVStillHasItsHeader() async throws {
    #expect(
      try await output([APITokenView](), ["token", "list", "-o", "csv"])
        == "id,name,role,expiresNanoseconds,isRevoked,secret\r\n")
  }

  @Test func CSVIsTheSameOnATerminalButForControlCharacters() async throws {
    var server = Fixture.soundServers[0]
    server.reason = "a, \"b\"\u{1b}[2J"
    let file = try await output([server], ["server", "list", "-o", "csv"])
    #expect(
      file == """
        id,hostname,profile,contact,heardSecondsAgo,health,reason,lustreVersion,targets,bootID,\
        readsTree,isRevoked\r
        6f9619ff-8b86-4011-b42d-000000000001,mds01,monitor,connected,0.4,healthy,\
        "a, ""b""\u{1b}[2J",2.15.5,MGS fs1-MDT0000,5d0c2a3e-0000-4000-8000-000000000001,false,\r

        """)
    let shown = try await output([server], ["server", "list", "-o", "csv"], isTerminal: true)
    #expect(shown == file.replacing("\u{1b}", with: "\\x1b"))
  }

  @Test func whatCSVHasNoPlaceForIsSaidBesideIt() async throws {
    var answer = Fixture.metricAnswer
    answer.unreadable = [
      MetricAnswer.Gap(
        fromNanoseconds: 0, throughNanoseconds: 1_000_000_000, file: "history/x", reason: "it is")
    ]
    let bytes = try CanonicalJSON.encode(answer)
    try await StubManager.serving({ _ in .http(200, "application/json", bytes) }) { stub in
      for (format, isSaid) in [("csv", true), ("json", false)] {
        let console = RecordingConsole()
        let words = ["metrics", "query", "m", "-o", format, "--socket", stub.socket]
        #expect(await console.run(words) == 0)
        #expect(!console.output.contains("Not readable"))
        #expect(
          console.errors
            == (isSaid
              ? "iml: Not readable from 1970-01-01 00:00:00 UTC to 1970-01-01 00:00:01 UTC:"
                + " history/x: it is\n" : ""))
      }
    }
  }

  @Test func showInCSVIsTheRowOfTheListAndMore() async throws {
    let text = try await output(
      Fixture.targetDetail(Fixture.targets[0]), ["target", "show", "x", "-o", "csv"])
    let lines = text.split(separator: "\r\n")
    #expect(lines.count == 2)
    #expect(lines[0].hasPrefix("id,label,kind,fileSystem,mgs,state,reason,activeOn,"))
    #expect(lines[0].hasSuffix(",device,mountPoint,uuid"))
    #expect(lines[1].hasSuffix(",/dev/mapper/ost0,/mnt/fs1-ost0,fs1-OST0000_UUID"))
  }

  @Test func YAMLIsTheDocumentOfJSON() async throws {
    let text = try await output(Fixture.troubledStatus, ["status", "-o", "yaml"], code: 5)
    #expect(text == YAMLText.document(try CanonicalJSON.value(Fixture.troubledStatus)))
    #expect(text.hasPrefix("fileSystems:\n  - bytesAvailable: 2858730232218\n"))
  }

  @Test func changesTellInEveryShape() async throws {
    let line = ["token", "revoke", "t"]
    #expect(try await output(["a": 1], line) == "Token t is revoked.\n")
    #expect(try await output(["a": 1], line + ["-o", "json"]) == "{\"a\":1}\n")
    #expect(try await output(["a": 1], line + ["-o", "yaml"]) == "a: 1\n")
    #expect(try await output(["a": 1], line + ["-o", "csv"]) == "a\r\n1\r\n")
    #expect(try await output([String: Int](), line + ["-o", "csv"]) == "")
  }

  @Test func colourIsWhatWasAskedFor() async throws {
    let line = ["target", "show", "x"]
    let view = Fixture.targetDetail(Fixture.targets[0])
    #expect(!(try await output(view, line)).contains("\u{1b}["))
    #expect(try await output(view, line, isTerminal: true).contains("\u{1b}[32mmounted"))
    #expect(try await output(view, line + ["--color", "always"]).contains("\u{1b}[32mmounted"))
    #expect(
      !(try await output(view, line + ["--color", "never"], isTerminal: true)).contains("\u{1b}["))
  }

  @Test(arguments: [["-o", "json"], ["-ondjson"], ["--output=yaml"], ["-o", "csv", "-o", "json"]])
  func programsReadErrorsAsJSON(format: [String]) async throws {
    let lost = RecordingConsole()
    #expect(await lost.run(["status", "--socket", "/nonexistent/s"] + format) == 3)
    #expect(lost.output == "")
    let document = try CanonicalJSON.decode(
      Complaint.Document.self, from: Array(lost.errors.utf8))
    #expect(document.code == "manager-unreachable" && document.exitCode == 3)
    #expect(document.subject == "/nonexistent/s" && document.severity == .error)
    #expect(document.reason == "no manager: there is no such socket" && document.remedy != "")
    #expect(lost.errors.filter { $0 == "\n" }.count == 1)

    let usage = RecordingConsole()
    #expect(await usage.run(["server", "show"] + format) == 2)
    let second = try CanonicalJSON.decode(Complaint.Document.self, from: Array(usage.errors.utf8))
    #expect(second.code == "usage" && second.exitCode == 2 && second.subject == "server show")
  }

  @Test func problemOfTheManagerKeepsItsCodeInJSON() async throws {
    let problem = Problem(
      Diagnostic(.notFound, subject: "oss99", reason: "there is no server of this name or id"),
      status: 404, title: "Not Found")
    let body = try CanonicalJSON.encode(problem)
    try await StubManager.serving({ _ in .http(404, "application/problem+json", body) }) { stub in
      let console = RecordingConsole()
      let line = ["server", "show", "oss99", "-o", "json", "--socket", stub.socket]
      #expect(await console.run(line) == 1)
      let document = try CanonicalJSON.decode(
        Complaint.Document.self, from: Array(console.errors.utf8))
      #expect(document.code == "not-found")
      #expect(document.subject == "oss99")
      #expect(document.reason == "there is no server of this name or id")
    }
  }

  @Test(arguments: [[], ["-o", "csv"], ["-o", "nonsense"]])
  func peopleReadErrorsAsSentences(format: [String]) async {
    let console = RecordingConsole()
    #expect(await console.run(["nonsense"] + format) == 2)
    #expect(console.errors.hasPrefix("iml: "))
  }
}
