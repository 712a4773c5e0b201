import ArgumentParser
import Testing

@testable import OperatorCLI

@Suite struct CommandLineTests {
  private func ordered(_ arguments: String...) -> [String] {
    CommandLineWords(root: ProgramUnderTest.self, arguments: arguments).ordered
  }

  @Test func optionsBeforeTheVerbAreTheVerbs() {
    #expect(ordered("--state-dir", "D", "status") == ["status", "--state-dir", "D"])
    #expect(
      ordered("-o", "json", "server", "--socket=S", "show", "oss01")
        == ["server", "show", "-o", "json", "--socket=S", "oss01"])
    #expect(ordered("-ojson", "fs", "list") == ["fs", "list", "-ojson"])
  }

  @Test func everythingElseStaysWhereItIs() {
    #expect(
      ordered("server", "show", "--socket", "S", "list") == [
        "server", "show", "--socket", "S", "list",
      ])
    #expect(ordered("target", "show", "--", "-o") == ["target", "show", "--", "-o"])
    #expect(ordered("--version") == ["--version"])
    #expect(ordered("--socket") == ["--socket"])
    #expect(ordered() == [])
  }

  @Test(arguments: [
    ("90s", 90), ("15m", 900), ("1h", 3_600), ("2d", 172_800), ("1w", 604_800),
    ("520w", 314_496_000),
  ])
  func spansAreWrittenWithAUnit(text: String, seconds: Int64) {
    #expect(SpanArgument(argument: text)?.seconds == seconds)
  }

  @Test(arguments: [
    "", "h", "1", "0s", "-1h", "+1h", "1.5h", "1 h", "1y", "1H", "1h30m", "9223372036854775807w",
    "99999999999999999999s", "600w", "１h", "1h\u{301}",
  ])
  func otherSpansAreRefused(text: String) {
    #expect(SpanArgument(argument: text) == nil)
  }

  @Test func defaultSpansAreShownAsTheyAreWritten() {
    #expect(SpanArgument(seconds: 86_400).defaultValueDescription == "1d")
    #expect(SpanArgument(seconds: 90).defaultValueDescription == "90s")
  }

  @Test func socketIsFoundInOneFixedOrder() throws {
    func path(_ arguments: [String], _ environment: [String: String] = [:]) throws -> String {
      try ConnectionOptions.parse(arguments).socketPath(environment)
    }
    let both = ["IML_STATE_DIR": "/state", "IML_SOCKET": "/s.sock"]
    #expect(try path([]) == "/run/iml/manager.sock")
    #expect(try path([], ["IML_SOCKET": ""]) == "/run/iml/manager.sock")
    #expect(try path([], ["IML_STATE_DIR": "/state/"]) == "/state/manager.sock")
    #expect(try path([], both) == "/s.sock")
    #expect(try path(["--state-dir", "D"], both) == "D/manager.sock")
    #expect(try path(["--socket", "S"], both) == "S")
    #expect(throws: (any Error).self) { try path(["--socket", "S", "--state-dir", "D"]) }
    #expect(throws: (any Error).self) { try path(["--socket", ""]) }
  }

  @Test func styleFollowsTheTerminalAndItsWishes() {
    func style(_ environment: [String: String], isTerminal: Bool = true) -> Style {
      RecordingConsole(environment: environment, isTerminal: isTerminal).console.style
    }
    #expect(style(["LANG": "en_GB.UTF-8"]) == Style(hasColour: true, hasBlocks: true))
    #expect(style(["LANG": "de_DE.utf8"]).hasBlocks)
    #expect(!style(["LANG": "en_GB.UTF-8", "LC_ALL": "C"]).hasBlocks)
    #expect(!style([:]).hasBlocks)
    #expect(!style(["NO_COLOR": "1"]).hasColour)
    #expect(style(["NO_COLOR": ""]).hasColour)
    #expect(!style(["TERM": "dumb"]).hasColour)
    #expect(!style([:], isTerminal: false).hasColour)
    var console = RecordingConsole(isTerminal: true).console
    console.columns = 8
    #expect(console.style.width == 60)
    console.isOutputTerminal = false
    #expect(console.style.width == 80)
  }

  @Test func routesEncodeWhateverANameHolds() {
    #expect(Route("filesystems", "a/b c?").text == "/api/v1/filesystems/a%2Fb%20c%3F")
    #expect(Route("servers", "..").text == "/api/v1/servers/%2E%2E")
    #expect(Route("servers", "ö.example").text == "/api/v1/servers/%C3%B6.example")
    #expect(
      Route("metrics", "m").with("by", nil).with("match", "a=b&c").with("rate", "true").text
        == "/api/v1/metrics/m?match=a%3Db%26c&rate=true")
  }
}
