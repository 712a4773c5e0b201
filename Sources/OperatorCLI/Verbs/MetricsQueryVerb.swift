import ArgumentParser
import ManagerCore

/// `iml metrics query NAME`
struct MetricsQueryVerb: ReadingVerb {
  static let configuration = CommandConfiguration(
    commandName: "query", abstract: "Show what a metric was, one row a group.",
    discussion: """
      Of a gauge the last value; of a counter its last reading, or with --rate its increase a \
      second, resets accounted for. Without --by each series has its own row. Of a rate, MIN and MAX \
      are the least and the greatest of the curve's points, and PEAK is the greatest increase a second \
      from one sample to the next, which a point over a longer time evens out; a sum over several \
      series has none, and from roll-ups it is up to 0.8 % too high.
      """)
  @Argument(help: "The metric; see `iml metrics list`.", completion: .live(.metrics)) var name:
    NameArgument
  @Option(
    help: ArgumentHelp(
      "Sum over the series that share this label, for example target; may be repeated.",
      valueName: "label"))
  var by: [NameArgument] = []
  @Option(
    help: ArgumentHelp(
      "Only series with this label's value; may be repeated.", valueName: "label=value"))
  var match: [LabelMatch] = []
  @Option(help: ArgumentHelp("How far back: 90s, 15m, 1h, 2d, 1w.", valueName: "span"))
  var last = SpanArgument(seconds: 3_600)
  @Flag(help: "The increase of a counter a second.") var rate = false
  @OptionGroup var watching: WatchOptions
  @OptionGroup var options: ConnectionOptions

  func ask(_ manager: ManagerClient) async throws -> Answer {
    var route = Route("metrics", name.text)
      .with("seconds", String(last.seconds)).with("rate", rate ? "true" : nil)
    for label in by { route = route.with("by", label.text) }
    for label in match { route = route.with("match", label.text) }
    let answer = try await manager.get(MetricAnswer.self, route)
    let hint = "No series of \(printable(name.text)) matches in this time."
    var told = Answer(
      answer, CSVTable(answer), hint: answer.groups.isEmpty ? hint : nil, table: MetricPage.render)
    told.lacking = MetricPage.unreadable(answer.view)
    return told
  }
}

/// `LABEL=VALUE`
struct LabelMatch: ExpressibleByArgument, Hashable, Sendable {
  var text: String
  init?(argument: String) {
    guard let mark = argument.firstIndex(of: "="), mark != argument.startIndex else { return nil }
    text = argument
  }
}
