import ManagerCore
import Protocol
import Synchronization
import Testing

@testable import OperatorCLI

/// Verbs that go on reading.
@Suite struct WatchTests {
  /// Answers the first request, then each as `rest` says, the last for ever.
  private func serving(
    _ answers: [StubManager.Answer], _ body: @Sendable (StubManager) async throws -> Void
  ) async throws {
    let count = Mutex(0)
    try await StubManager.serving(
      { _ in
        answers[
          count.withLock {
            $0 += 1
            return min($0, answers.count) - 1
          }]
      }, body)
  }

  private func answer(_ view: some Encodable) throws -> StubManager.Answer {
    .http(200, "application/json", try CanonicalJSON.encode(view))
  }

  private func run(_ stub: StubManager, _ console: RecordingConsole, _ arguments: [String]) async
    -> Int32
  {
    await console.run(arguments + ["--socket", stub.socket])
  }

  @Test func screenIsRedrawnAndGivenBack() async throws {
    try await serving([try answer(Fixture.soundServers)]) { stub in
      let console = RecordingConsole(isTerminal: true, ticks: 3)
      #expect(await run(stub, console, ["server", "list", "--watch", "5s"]) == 0)
      #expect(console.screens == [true, false])
      #expect(stub.received.count == 3)
      let frames = console.output.split(separator: "\u{1b}[H")
      #expect(frames.count == 3)
      #expect(
        frames.map { $0.prefix(32) } == [
          "Answered 2026-08-01 12:00:00 UTC", "Answered 2026-08-01 12:00:01 UTC",
          "Answered 2026-08-01 12:00:02 UTC",
        ])
      #expect(frames.allSatisfy { $0.contains("; every 5 s, Ctrl-C ends it.\u{1b}[K\r\n") })
      #expect(frames.allSatisfy { $0.contains("\r\nmds01 ") && $0.hasSuffix("\u{1b}[J") })
      #expect(console.errors == "")
    }
  }

  @Test func unreachableManagerIsSaidAndNothingOldLooksHealthy() async throws {
    try await serving([try answer(Fixture.soundServers), .bytes([])]) { stub in
      let console = RecordingConsole(isTerminal: true, ticks: 3)
      #expect(await run(stub, console, ["server", "list", "--watch"]) == 0)
      let frames = console.output.split(separator: "\u{1b}[H")
      #expect(frames[0].contains("\u{1b}[32mhealthy"))
      let last = frames[2]
      #expect(last.hasPrefix("\u{1b}[31mNO ANSWER for 2 s: "))
      let words = last.replacing("\u{1b}[31m", with: "").replacing(
        "\u{1b}[0m\u{1b}[K\r\n", with: " ")
      #expect(words.contains("Below is what was known at 2026-08-01 12:00:00 UTC"))
      #expect(last.contains("\u{1b}[2mmds01 ") && !last.contains("\u{1b}[32m"))
    }
  }

  @Test func watchBeginsWithoutAManagerToo() async throws {
    try await serving([.bytes([]), try answer(Fixture.soundServers)]) { stub in
      let console = RecordingConsole(isTerminal: true, ticks: 2)
      #expect(await run(stub, console, ["server", "list", "--watch"]) == 0)
      let frames = console.output.split(separator: "\u{1b}[H")
      #expect(frames[0].contains("NO ANSWER yet: "))
      #expect(frames[1].hasPrefix("Answered "))
    }
  }

  @Test func firstRefusalEndsIt() async throws {
    let problem = Problem(
      Diagnostic(.notFound, subject: "x", reason: "none"), status: 404, title: "Not Found")
    let refusal = StubManager.Answer.http(
      404, "application/problem+json", try CanonicalJSON.encode(problem))
    try await serving([refusal]) { stub in
      let console = RecordingConsole(isTerminal: true, ticks: 3)
      #expect(await run(stub, console, ["server", "show", "x", "--watch"]) == 1)
      #expect(console.errors == "iml: x: none (not-found)\n")
      #expect(console.screens == [true, false])
    }
    let detail = try answer(Fixture.serverDetail(Fixture.soundServers[0]))
    try await serving([detail, refusal]) { stub in
      let console = RecordingConsole(isTerminal: true, ticks: 2)
      #expect(await run(stub, console, ["server", "show", "x", "--watch"]) == 0)
      #expect(console.output.contains("NO ANSWER for 1 s: x: none."))
    }
  }

  /// A token that is revoked does not come back.
  @Test func aRefusalIsTheEnd() async throws {
    let problem = Problem(
      Diagnostic(.unauthenticated, subject: "token", reason: "revoked"), status: 401,
      title: "Unauthorized")
    let refusal = StubManager.Answer.http(
      401, "application/problem+json", try CanonicalJSON.encode(problem))
    for format in ["table", "ndjson"] {
      try await serving([try answer(Fixture.soundServers), refusal]) { stub in
        let console = RecordingConsole(isTerminal: true, ticks: 9)
        #expect(await run(stub, console, ["server", "list", "--watch", "-o", format]) == 4)
        #expect(stub.received.count == 2)
        #expect(console.errors.contains("revoked"))
      }
    }
  }

  @Test func programsGetOneDocumentATick() async throws {
    try await serving([try answer(Fixture.soundServers), .bytes([])]) { stub in
      let console = RecordingConsole(ticks: 2)
      #expect(await run(stub, console, ["server", "list", "--watch", "-o", "ndjson"]) == 0)
      let lines = try console.output.split(separator: "\n").map {
        try CanonicalJSON.decode(JSONValue.self, from: Array($0.utf8))
      }
      #expect(lines.count == 2 && console.screens == [])
      #expect(lines[0]["nanoseconds"] == .integer(Fixture.now))
      #expect(lines[0]["document"] == (try CanonicalJSON.value(Fixture.soundServers)))
      #expect(lines[1]["error"]?["code"] == .string("manager-unreachable"))
      #expect(lines[1]["document"] == nil)
    }
  }

  @Test(arguments: ["json", "yaml", "csv"])
  func otherShapesAreOneDocument(format: String) async {
    let console = RecordingConsole(isTerminal: true)
    #expect(await console.run("status", "--watch", "-o", format) == 2)
    #expect(console.errors.contains("-o ndjson"))
  }

  @Test func tableNeedsATerminal() async {
    let console = RecordingConsole()
    #expect(await console.run("status", "--watch") == 2)
    #expect(console.errors.hasPrefix("iml: --watch: a table is redrawn on a terminal only\n"))
  }

  @Test func screenIsNeverFilledBeyondItsRows() async throws {
    let many = (1...40).map { Fixture.server(UInt8($0), "oss\($0)") }
    try await serving([try answer(many)]) { stub in
      let console = RecordingConsole(isTerminal: true, ticks: 1)
      #expect(await run(stub, console, ["server", "list", "--watch"]) == 0)
      let lines = console.output.split(separator: "\r\n", omittingEmptySubsequences: false)
      #expect(lines.count == 12)
      #expect(lines[11] == "and 32 lines more\u{1b}[K\u{1b}[J")
    }
  }

  @Test func wordBehindWatchIsASpanOrAName() {
    func ordered(_ words: String...) -> [String] {
      CommandLineWords(root: ProgramUnderTest.self, arguments: words).ordered
    }
    #expect(ordered("status", "--watch") == ["status", "--watch=2s"])
    #expect(ordered("status", "--watch", "10s") == ["status", "--watch=10s"])
    #expect(ordered("status", "--watch", "0s") == ["status", "--watch=0s"])
    #expect(
      ordered("server", "show", "--watch", "oss1") == ["server", "show", "--watch=2s", "oss1"])
    #expect(
      ordered("status", "--watch", "-o", "ndjson") == ["status", "--watch=2s", "-o", "ndjson"])
    #expect(
      ordered("status", "--watch=1m", "--", "--watch") == ["status", "--watch=1m", "--", "--watch"])
  }
}
