import AgentCore
import NodeAgent
import Protocol
import Testing

/// The registry and what collectors make are the same thing.
@Suite struct RegistryCoverageTests {
  private static func samples() throws -> [Sample] {
    var samples: [Sample] = []
    for layout in Layout.allCases {
      samples += try ServerTree(layout).tree.look().samples
    }
    // One status has its own numbers, and a target has one status at a time.
    let waiting = try ServerTree(.v217)
    try waiting.write(
      "mdt/fs-1-MDT0000/recovery_status", "PPPD",
      """
      status: WAITING
      non-ready MDTs:  fs-1-MDT0001
      recovery_start: 1749555000
      time_waited: 7

      """)
    samples += try waiting.tree.look().samples
    return samples
  }

  @Test func everySeriesIsInTheRegistryAsItIsMade() throws {
    for sample in try Self.samples() {
      let declaration = sample.declaration
      guard let metric = MetricRegistry.metric(named: declaration.key.metric) else {
        Issue.record("\(declaration.key.metric) is not in the registry")
        continue
      }
      #expect(declaration.kind == metric.kind && declaration.unit == metric.unit)
      #expect(declaration.decimals == metric.decimals && declaration.width == metric.width)
      #expect(Set(declaration.key.labels.keys).isSubset(of: metric.labels))
    }
  }

  @Test func everyEntryOfTheRegistryIsMadeBySomeTree() throws {
    let made = Set(try Self.samples().map { $0.declaration.key.metric })
    let missing = MetricRegistry.all.map { $0.name }.filter { !made.contains($0) }
    #expect(missing.isEmpty)
  }

  @Test func everyLabelOfTheRegistryIsUsedBySomeTree() throws {
    var used: [String: Set<String>] = [:]
    for sample in try Self.samples() {
      used[sample.declaration.key.metric, default: []]
        .formUnion(sample.declaration.key.labels.keys)
    }
    for metric in MetricRegistry.all {
      for label in metric.labels where label != "occurrence" {
        #expect(used[metric.name]?.contains(label) == true, "\(metric.name) \(label)")
      }
    }
    #expect(used["lustre_stats_total"]?.contains("occurrence") == true)
  }

  @Test func everySeriesIsMadeOnceACycle() throws {
    for layout in Layout.allCases {
      let keys = try ServerTree(layout).tree.look().samples
        .map { $0.declaration.key }
      #expect(Set(keys).count == keys.count)
    }
  }

  @Test func everySectionIsMadeByTheCollectorThatSaysSo() throws {
    let sections = try ServerTree(.v217).tree.look().sections
    for section in sections {
      let maker = allCollectors.first { $0.name == section.collector }
      #expect(maker?.sections.contains(section.key.name) == true)
    }
    let made = Set(sections.map { $0.key.name })
    #expect(made == Set(allCollectors.flatMap { $0.sections }))
    #expect(Set(sections.map { $0.key }).count == sections.count)
  }
}
