import ManagerCore
import Protocol
import Testing

@testable import OperatorCLI

/// The shapes for programs: what each may and may not hold.
@Suite struct OutputTests {
  private func yaml(_ json: String) throws -> String {
    YAMLText.document(try CanonicalJSON.decode(JSONValue.self, from: Array(json.utf8)))
  }

  @Test func YAMLQuotesEveryStringAndNestsEverything() throws {
    #expect(
      try yaml(
        #"{"b":[{"x":1,"a":"no"},[1,[2]],[],{}],"a":{"e":{},"n":null,"t":true},"on":"2026-01-01"}"#)
          == """
          a:
            e: {}
            "n": null
            t: true
          b:
            - a: "no"
              x: 1
            - - 1
              - - 2
            - []
            - {}
          "on": "2026-01-01"

          """)
    #expect(try yaml(#"[{"a":1},{"a":2}]"#) == "- a: 1\n- a: 2\n")
    #expect(try yaml("[]") == "[]\n")
    #expect(try yaml(#""x""#) == "\"x\"\n")
  }

  @Test func YAMLSpellsWhatAReaderWouldTrip() throws {
    #expect(
      YAMLText.document(.string("a\"b\\c\n\r\t\u{1b}\u{7f}\u{85}\u{2028}\u{202e}\u{feff}ö😀"))
        == #""a\"b\\c\n\r\t\u001b\u007f\u0085\u2028\u202e\ufeffö😀""# + "\n")
    #expect(YAMLText.document(.number(1e20)) == "1.0e+20\n")
    #expect(YAMLText.document(.number(1.5e-9)) == "1.5e-09\n")
    #expect(YAMLText.document(.unsigned(.max)) == "18446744073709551615\n")
    #expect(
      YAMLText.document(.object(["a b": .null, "": .null, "1a": .null, "Yes": .null]))
        == "\"\": null\n\"1a\": null\n\"Yes\": null\n\"a b\": null\n")
  }

  @Test func whatATerminalWouldObeyIsSpelledAndMeansTheSame() throws {
    let marks = "\u{1b}\u{7f}\u{9b}\u{61c}\u{200e}\u{200f}\u{202a}\u{202e}\u{2066}\u{2069}"
    let spelled = #"\u001b\u007f\u009b\u061c\u200e\u200f\u202a\u202e\u2066\u2069"#
    let value = JSONValue.object(["a\u{202e}": .string("x\(marks)ö😀")])
    let line = try Answer.line(value)
    #expect(line == "{\"a\\u202e\":\"x\(spelled)ö😀\"}\n")
    #expect(try CanonicalJSON.decode(JSONValue.self, from: Array(line.utf8)) == value)
    #expect(YAMLText.document(value) == "\"a\\u202e\": \"x\(spelled)ö😀\"\n")
    #expect(printable("\u{200f}\u{61c}") == "\\x200f\\x61c")
    let complaint = Complaint(.failed, subject: "a\u{200e}", reason: "b\u{85}").text(isJSON: true)
    #expect(complaint.contains(#"a\u200e"#) && complaint.contains(#"b\u0085"#))
    #expect(!complaint.unicodeScalars.dropLast().contains(where: isControl))
  }

  @Test func CSVQuotesAsTheStandardSays() {
    let table = CSVTable(
      header: ["a", "b"], rows: [["x,y", "say \"no\""], ["two\nlines", " plain "], ["", "\r"]])
    #expect(
      table.text
        == "a,b\r\n\"x,y\",\"say \"\"no\"\"\"\r\n\"two\nlines\", plain \r\n,\"\r\"\r\n")
    #expect(CSVTable(header: [], rows: []).text == "")
    #expect(
      CSVTable(header: ["\u{1b}h"], rows: [["\u{9b}v"]]).spelled.text == "\\x1bh\r\n\\x9bv\r\n")
  }

  @Test func CSVKeepsNumbersInFullAndNothingForNull() throws {
    let items = try CanonicalJSON.decode(
      JSONValue.self,
      from: Array(
        #"[{"i":-9223372036854775808,"u":18446744073709551615,"d":0.1,"l":["a","b"],"o":{"p":7}}]"#
          .utf8))
    guard case .array(let list) = items else { throw CancellationError() }
    #expect(
      CSVTable(list, members: ["i", "u", "d", "l", "o", "o.p", "none"]).rows == [
        ["-9223372036854775808", "18446744073709551615", "0.1", "a b", "", "7", ""]
      ])
  }

  /// A member that is added to a view and forgotten here would be missing in silence.
  private func lacking<View: CSVColumns & Encodable>(_ view: View) throws -> [String] {
    guard case .object(let members) = try CanonicalJSON.value(view) else { return ["no object"] }
    return members.compactMap { name, value in
      if case .object(let inner) = value {
        return inner.keys.first { !View.csvMembers.contains("\(name).\($0)") }
          .map { "\(name).\($0)" }
      }
      return CSVTable.fits(value) && value != .array([]) && !View.csvMembers.contains(name)
        ? name : nil
    }
  }

  @Test func everyMemberThatFitsAFieldHasAColumn() throws {
    #expect(try lacking(Fixture.soundServers[0]) == [])
    #expect(try lacking(Fixture.serverDetail(Fixture.troubledServers[1])) == [])
    #expect(try lacking(Fixture.soundFileSystem) == [])
    #expect(try lacking(Fixture.partialFileSystem) == [])
    var revoked = Fixture.soundServers[0]
    revoked.isRevoked = true
    #expect(try lacking(revoked) == [])
    #expect(try lacking(Fixture.fileSystemDetail) == [])
    #expect(try lacking(Fixture.fullTarget) == [])
    #expect(try lacking(Fixture.targetDetail(Fixture.fullTarget)) == [])
    #expect(try lacking(Fixture.soundStatus) == [])
    #expect(try lacking(MetricListing(name: "n", unit: "1", kind: .gauge, help: "h")) == [])
    #expect(
      try lacking(
        EnrolmentTokenView(
          id: "t", profile: .monitor, usesLeft: 1, expiresNanoseconds: 1, isRevoked: false,
          createdBy: "root", secret: "s")) == [])
    #expect(
      try lacking(
        APITokenView(
          id: "t", name: "n", role: .viewer, expiresNanoseconds: 1, isRevoked: false, secret: "s"))
        == [])
  }

  @Test func metricsInCSVNameTheUnitInTheHeader() throws {
    let table = CSVTable(try Reply(Fixture.metricAnswer))
    #expect(
      table.header == [
        "metric", "kind", "unit", "isRate", "fromNanoseconds", "throughNanoseconds",
        "labels.target", "series", "silentSeries", "value_bytes_per_second",
        "minimum_bytes_per_second", "maximum_bytes_per_second", "samples", "resets",
        "lastSecondsAgo", "peak_bytes_per_second",
      ])
    #expect(table.rows.map { $0[6] } == ["fs1-OST0000", "fs1-OST0001"])
    #expect(table.rows.map { $0[9] } == ["1293942", ""])
    #expect(table.rows.allSatisfy { $0.count == table.header.count })
  }
}
