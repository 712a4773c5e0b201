import Protocol
import Testing

@testable import ManagerCore

@Suite struct ManagerFiguresTests {
  @Test func theManagersOwnFamiliesSayWhatItKnows() throws {
    let text = PrometheusText.render(try figures().families)
    for line in [
      "iml_manager_build_info{version=\"0.1.0\"} 1",
      "iml_manager_start_time_seconds 1700000000.500000000",
      "iml_manager_connected_agents 1",
      "iml_manager_samples_ingested_total 500",
      "iml_server_connected{server=\"oss1\"} 1",
      "iml_server_connected{server=\"00000000-0000-0000-0000-000000000002\"} 0",
      "iml_server_connected{server=\"00000000-0000-0000-0000-000000000003\"} 0",
      "iml_server_heard_seconds_ago{server=\"oss1\"} 0.25",
      "iml_target_state{fs=\"fs1\",mgs=\"10.0.0.1@tcp\",state=\"mounted\",target=\"fs1-OST0000\"} 1",
      "iml_target_state{fs=\"fs1\",mgs=\"10.0.0.1@tcp\",state=\"unknown\",target=\"fs1-OST0000\"} 0",
      "iml_findings{severity=\"warning\"} 1",
      "iml_findings{severity=\"emergency\"} 0",
    ] {
      #expect(text.split(separator: "\n").contains { $0 == line }, "\(line)")
    }
    #expect(!text.contains("heard_seconds_ago{server=\"0"))
  }

  /// The rules that `promtool check metrics` applies to names, for every metric that can be
  /// exposed; the tool itself runs over a live manager.
  @Test func everyMetricKeepsThePrometheusConventions() throws {
    var families = try figures().families
    families += MetricRegistry.all.map {
      MetricFamily($0.name, $0.kind, help: $0.help, samples: [])
    }
    for family in families {
      #expect(!family.help.isEmpty, "\(family.name)")
      #expect(
        (family.kind == .counter) == family.name.hasSuffix("_total"), "\(family.name)")
      for suffix in ["_count", "_sum", "_bucket"] {
        #expect(!family.name.hasSuffix(suffix), "\(family.name)")
      }
      let words = family.name.split(separator: "_")
      #expect(!words.contains { foreignUnits.contains($0) }, "\(family.name)")
    }
    #expect(Set(families.map(\.name)).count == families.count)
  }

  private let foreignUnits: Set<Substring> = [
    "milliseconds", "microseconds", "nanoseconds", "minutes", "hours", "kilobytes", "kibibytes",
    "megabytes", "ms", "us", "ns", "sec", "kb", "mb", "gb", "counter", "gauge", "histogram",
  ]

  private func figures() throws -> ManagerFigures {
    var figures = ManagerFigures(version: "0.1.0", startedNanoseconds: 1_700_000_000_500_000_000)
    figures.batchesIngested = 5
    figures.samplesIngested = 500
    figures.servers = [
      try server(1, "oss1", .connected, heard: 0.25), try server(2, "twin", .lost, heard: nil),
      try server(3, "twin", .never, heard: nil),
    ]
    figures.targets = [
      TargetSummary(
        id: "t", label: "fs1-OST0000", kind: .ost, fileSystem: "fs1", mgs: "10.0.0.1@tcp",
        state: .mounted, reason: "", activeOn: "oss1", lastActiveOn: nil, failoverServers: [])
    ]
    figures.findings = [
      Finding(
        diagnostic: Diagnostic(.clockSkewed, .warning, subject: "oss1", reason: "2 s ahead"),
        ageSeconds: 1)
    ]
    return figures
  }

  private func server(_ number: Int, _ name: String, _ contact: Contact, heard: Double?) throws
    -> ServerSummary
  {
    ServerSummary(
      id: try stream(server: number).server, hostname: name, profile: "monitor", contact: contact,
      heardSecondsAgo: heard, health: .healthy, reason: "", lustreVersion: nil, targets: [],
      bootID: nil, readsTree: false)
  }
}
