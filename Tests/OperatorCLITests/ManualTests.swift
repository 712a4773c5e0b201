import ArgumentParser
import FoundationEssentials
import Testing

@testable import OperatorCLI

/// Pages made from the commands themselves.
@Suite struct ManualTests {
  @Test func everyVerbHasItsPage() async throws {
    let directory = "/tmp/iml-manual-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let console = RecordingConsole(environment: ["SOURCE_DATE_EPOCH": "86400"])
    #expect(await console.run("manual", "--output", directory) == 0)
    func names(_ command: any ParsableCommand.Type, _ parent: String) -> [String] {
      let name = parent + command._commandName
      return [name] + command.configuration.subcommands.flatMap { names($0, name + "-") }
    }
    let wanted = names(ProgramUnderTest.self, "").map { $0 + ".1" }.sorted()
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory).sorted() == wanted)
    #expect(console.output == "\(wanted.count) pages in \(directory)\n")
    for name in wanted {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(directory)/\(name)"))
      let text = String(decoding: bytes, as: UTF8.self)
      #expect(text.hasPrefix(".TH ") && text.contains(" 1 \"1970-01-02\" \"iml 1.2.3\"\n"))
      #expect(text.contains("\n.SH NAME\n") && text.contains("\n.SH SYNOPSIS\n"))
    }
  }

  @Test func pageShowsWhatIsNeededAndWhatMayBe() async throws {
    let pages = ManualPage.all(
      try await CommandDump.of(ProgramUnderTest.self), version: "1", date: "2026-08-01")
    func page(_ name: String) throws -> String {
      try #require(pages.first { $0.name == name }).text
    }
    let create = try page("iml-token-create")
    #expect(
      create.contains(
        ".SH SYNOPSIS\n\\fBiml token create\\fR [\\fIoption\\fR...] \\fB\\-\\-role\\fR \\fIrole\\fR\n"
      ))
    #expect(create.contains("What its bearer may do. One of viewer, operator, admin."))
    let show = try page("iml-server-show")
    #expect(show.contains(" \\fIname\\fR...\n.SH DESCRIPTION\n"))
    #expect(show.contains(".TP\n\\fB\\-o\\fR, \\fB\\-\\-output\\fR \\fIoutput\\fR\n"))
    #expect(show.contains(".SH SEE ALSO\n\\fBiml\\fR(1),\n\\fBiml\\-server\\fR(1)\n"))
    let list = try page("iml-server-list")
    #expect(list.contains("[\\fIname\\fR...]\n"))
    let program = try page("iml")
    for outcome in Outcome.allCases { #expect(program.contains("\\fB\(outcome.rawValue)\\fR\n")) }
    #expect(program.contains("\\fBiml\\-server\\fR(1)"))
  }

  @Test func textMeansNothingToRoff() {
    #expect(
      Roff.text(".a 'b' \\c \"d\" ~e\n`iml -x`\n\nnext")
        == "\\&.a \\(aqb\\(aq \\ec \\(dqd\\(dq \\(tie\n.br\n\\fBiml \\-x\\fR\n.PP\nnext\n")
    let long = Array(repeating: ".word", count: 60).joined(separator: " ")
    for line in Roff.text(long).split(separator: "\n") {
      #expect(line.hasPrefix("\\&.") && line.utf8.count <= 80)
    }
  }

  @Test func directoryThatCanNotBeWrittenIsNamed() async {
    let console = RecordingConsole()
    #expect(await console.run("manual", "--output", "/proc/nonexistent/man") == 1)
    #expect(console.errors.hasPrefix("iml: /proc/nonexistent/man: can not be written: "))
  }
}
