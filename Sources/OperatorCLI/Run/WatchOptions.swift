import ArgumentParser

/// Whether a reading verb goes on reading. `--watch` without a span is completed before parsing, by
/// `CommandLineWords`.
struct WatchOptions: ParsableArguments {
  @Option(
    name: .customLong("watch"),
    help: ArgumentHelp(
      "Ask again and again and redraw, or with -o ndjson print a document each time; every 2 s"
        + " unless a span is given.", valueName: "span"))
  var interval: SpanArgument?

  /// As often as a person looks, and half as often as a site changes.
  static let usual = SpanArgument(seconds: 2)
}
