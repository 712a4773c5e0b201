import ArgumentParser

/// `iml metrics …`
package struct MetricsVerbs: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "metrics", abstract: "What was measured.",
    subcommands: [MetricsListVerb.self, MetricsQueryVerb.self])
  package init() {}
}
