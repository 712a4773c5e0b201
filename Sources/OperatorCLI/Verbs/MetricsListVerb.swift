import ArgumentParser
import ManagerCore

/// `iml metrics list`
struct MetricsListVerb: ReadingVerb {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the metrics and what they mean.")
  @OptionGroup var watching: WatchOptions
  @OptionGroup var options: ConnectionOptions

  func ask(_ manager: ManagerClient) async throws -> Answer {
    let metrics = try await manager.get([MetricListing].self, Route("metrics"))
    return Answer(
      list: metrics.elements(), hint: "No metric yet: no server has sent a sample.",
      table: MetricListPage.render)
  }
}
