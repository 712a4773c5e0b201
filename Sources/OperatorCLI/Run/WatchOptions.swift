import ArgumentParser

/// Whether a reading verb goes on reading.
struct WatchOptions: ParsableArguments {
  @Option(
    name: .customLong("watch"), defaultAsFlag: WatchOptions.usual, parsing: .next,
    help: ArgumentHelp(
      "Ask again and again and redraw, or with -o ndjson print a document each time; every 2 s"
        + " unless a span is given.", valueName: "span"))
  var interval: SpanArgument?

  /// As often as a person looks, and half as often as a site changes.
  static let usual = SpanArgument(seconds: 2)
}

extension SpanArgument: CustomStringConvertible {
  package var description: String { defaultValueDescription }
}
