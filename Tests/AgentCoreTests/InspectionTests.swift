import AgentCore
import Protocol
import Testing

@Suite struct InspectionTests {
  private func inspection() throws -> Inspection {
    var collection = Collection()
    let reference = TargetReference(label: "fs1-OST0000", mgs: ["10.0.0.1@tcp"])
    var target = TargetSection(kind: .ost, reference: reference)
    target.fileSystem = "fs1"
    collection.sections = [
      try target.section(subject: "fs1-OST0000", collector: "ost"),
      try HostSection(hostname: "oss1").section(collector: "ost"),
    ]
    collection.samples = [
      Sample(
        Metric.readBytes.declaration(
          of: .target(reference), ["component": "ost", "operation": "read"]),
        18_446_744_073_709_551_615),
      Sample(Metric.load1.declaration(of: .server), SampleBits(bitPattern: 5)),
      Sample(
        Metric.statsStart.declaration(of: .target(reference)), 1_749_630_000_000_000_007),
      Sample(
        Metric.lnetInterfaceCredits.declaration(of: .server, ["nid": "10.0.0.1@tcp"]),
        SampleBits(bitPattern: -9)),
    ]
    collection.leftovers = [
      Leftover(source: "obdfilter.fs1-OST0000.stats", text: "new \"thing\"\u{1b}[2J")
    ]
    collection.failures = [
      CollectionFailure(
        collector: "ost", source: "obdfilter.x.stats", reason: "permission denied (EACCES)")
    ]
    return Inspection(
      server: Inspection.Server(
        hostname: "oss1", bootID: BootID("b"), root: "/", readsTree: false),
      answers: [
        Inspection.Answer(collector: "ost", answer: .sampled(collection)),
        Inspection.Answer(collector: "mdt", answer: .notApplicable(reason: "no MDT")),
        Inspection.Answer(collector: "mgs", answer: .failed(reason: "broken")),
      ])
  }

  @Test func jsonKeepsEveryDigit() throws {
    let text = try inspection().json()
    #expect(text.contains("\"value\":18446744073709551615,\"kind\":\"counter\",\"unit\":\"bytes\""))
    #expect(text.contains("\"value\":0.05,\"kind\":\"gauge\",\"unit\":\"1\""))
    #expect(text.contains("\"value\":1749630000.000000007,"))
    #expect(text.contains("\"value\":-9,"))
  }

  @Test func jsonHasTheAgreedShape() throws {
    let text = try inspection().json()
    let value = try CanonicalJSON.decode(JSONValue.self, from: Array(text.utf8))
    #expect(value["server"]?["hostname"] == .string("oss1"))
    #expect(value["sections"]?["host"]?["hostname"] == .string("oss1"))
    #expect(value["sections"]?["target"]?["fs1-OST0000"]?["fileSystem"] == .string("fs1"))
    guard case .array(let series)? = value["series"],
      case .array(let failures)? = value["failures"],
      case .array(let leftovers)? = value["leftovers"]
    else {
      Issue.record("series, failures and leftovers are arrays")
      return
    }
    #expect(series.count == 4)
    #expect(series[0]["metric"] == .string("lustre_read_bytes_total"))
    #expect(series[0]["labels"]?["target"] == .string("fs1-OST0000"))
    #expect(series[0]["labels"]?["component"] == .string("ost"))
    #expect(series[1]["labels"] == .object([:]))
    #expect(leftovers[0]["source"] == .string("obdfilter.fs1-OST0000.stats"))
    #expect(failures.count == 2)
    #expect(failures[0]["reason"] == .string("permission denied (EACCES)"))
    #expect(failures[1]["collector"] == .string("mgs"))
    guard case .array(let fates)? = value["sections"]?["collectors"]?["collectors"] else {
      Issue.record("the collectors' fates are a section")
      return
    }
    #expect(
      fates.map { $0["outcome"] } == [
        .string("sampled"), .string("notApplicable"), .string("failed"),
      ])
  }

  @Test func textIsAlignedAndKeepsControlCharactersOffTheTerminal() throws {
    let text = try inspection().text()
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(
      lines.contains(
        "  lustre_read_bytes_total{component=\"ost\",operation=\"read\",target=\"fs1-OST0000\"}  18446744073709551615  bytes"
      ))
    #expect(lines.contains { $0.hasPrefix("  lustre_node_load1 ") && $0.hasSuffix("0.05  1") })
    #expect(!text.contains("\u{1b}") && text.contains("\\u{1b}[2J"))
    #expect(lines.contains("target/fs1-OST0000"))
    #expect(lines.allSatisfy { !$0.hasSuffix(" ") })
  }

  @Test(arguments: [
    (Int64(0), UInt8(2), "0.00"), (7, 2, "0.07"), (-7, 2, "-0.07"), (1_234, 2, "12.34"),
    (.min, 0, "-9223372036854775808"), (5, 0, "5"), (.min, 9, "-9223372036.854775808"),
  ])
  func gaugesAreWrittenWithTheirDecimals(value: Int64, decimals: UInt8, text: String) {
    let declaration = SeriesDeclaration(
      key: SeriesKey(subject: .server, metric: "m"), kind: .gauge, unit: "1", decimals: decimals)
    #expect(Sample(declaration, SampleBits(bitPattern: value)).valueText == text)
  }
}
