import ManagerCore
import Protocol
import Testing

@testable import OperatorCLI

/// What a shell is told while a line is typed.
@Suite struct CompletionTests {
  private func complete(
    _ stub: StubManager, _ names: LiveNames, _ prefix: String, _ words: [String] = [],
    within patience: Duration = .seconds(30)
  ) async -> [String] {
    await Console.$current.withValue(RecordingConsole().console) {
      await names.complete(
        ["iml", "server"] + words + ["--socket", stub.socket, prefix], prefix, within: patience)
    }
  }

  @Test func lastMemberOfAListIsCompleted() async throws {
    let body = try CanonicalJSON.encode(Fixture.soundServers)
    try await StubManager.serving({ _ in .http(200, "application/json", body) }) { stub in
      #expect(await complete(stub, .servers, "") == ["mds01", "oss01"])
      #expect(await complete(stub, .servers, "a,b!o") == ["a,b!mds01", "a,b!oss01"])
      #expect(await complete(stub, .servers, "a,", ["--watch"]) == ["a,mds01", "a,oss01"])
    }
  }

  @Test func strangeNamesAndRepeatedOnesAreNotOffered() async throws {
    let odd = [
      "a b", "a\nb", "\u{1b}[2J", "$(x)", "`x`", "x;y", "$x", "*", "~x", "{a,b}", "a'b", "a\"b",
      "a\\b",
      "a|b", "a&b", "a<b", "#a", "!a", "=ls", "-rf", "a(b)", "\u{202e}a",
    ]
    let servers = (["a"] + odd + ["a", "c"]).enumerated().map {
      Fixture.server(UInt8($0), $1)
    }
    let body = try CanonicalJSON.encode(servers)
    try await StubManager.serving({ _ in .http(200, "application/json", body) }) { stub in
      #expect(await complete(stub, .servers, "") == ["a", "c"])
    }
  }

  @Test func troubleIsNoName() async throws {
    for answer in [StubManager.Answer.bytes([]), .json("{"), .json("[]", status: 500)] {
      try await StubManager.serving({ _ in answer }) { stub in
        for names in [LiveNames.servers, .targets, .fileSystems, .metrics, .apiTokens] {
          #expect(await complete(stub, names, "") == [])
        }
      }
    }
  }

  @Test func silentManagerIsNotWaitedFor() async throws {
    try await StubManager.serving({ _ in .bytesThenSilence([]) }) { stub in
      #expect(await complete(stub, .servers, "", within: .milliseconds(50)) == [])
    }
  }

  @Test func requestForACompletionNeverComplains() async {
    for words in [["---completion"], ["---completion", "x"], ["---completion", "server", "--"]] {
      let console = RecordingConsole()
      #expect(await console.run(words) != 0)
      #expect(console.errors == "")
    }
  }

  @Test(arguments: ["bash", "zsh", "fish"])
  func scriptIsPrinted(shell: String) async {
    let console = RecordingConsole()
    #expect(await console.run("completion", shell) == 0)
    #expect(console.output.contains("---completion") && console.errors == "")
  }

  @Test func connectionIsFoundAnywhereOnTheLine() {
    #expect(
      CommandLineWords.connection(in: [
        "iml", "--socket", "s", "server", "--ca=f", "show", "-o", "json", "--", "--socket", "t",
      ]) == ["--socket", "s", "--ca=f"])
  }
}
