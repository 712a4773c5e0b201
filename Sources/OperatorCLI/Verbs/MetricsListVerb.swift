import ArgumentParser
import ManagerCore

/// `iml metrics list`
struct MetricsListVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the metrics and what they mean.")
  @OptionGroup var options: ConnectionOptions

  mutating func run() async throws {
    let metrics = try await options.client.get([MetricListing].self, Route("metrics"))
    try options.show(metrics) { MetricListPage.render($0.elements(), $1) }
    if metrics.view.isEmpty { options.hint("No metric yet: no server has sent a sample.") }
  }
}
