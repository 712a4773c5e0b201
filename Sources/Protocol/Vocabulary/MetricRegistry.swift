/// One metric as every part of the product knows it.
package struct Metric: Hashable, Sendable {
  package var name: String
  package var kind: SeriesKind
  /// The unit after `decimals`; `1` for a plain number.
  package var unit: String
  package var decimals: UInt8
  /// Where a counter wraps, in bits.
  package var width: UInt8
  /// Labels beside the subject; target and server are never labels.
  package var labels: [String]
  package var help: String
  /// Where the numbers come from: `lctl` names with holes, or paths of the host.
  package var sources: [String]

  fileprivate init(
    _ name: String, _ kind: SeriesKind, _ unit: String, decimals: UInt8 = 0, width: UInt8 = 64,
    _ labels: [String], _ help: String, _ sources: [String]
  ) {
    self.name = name
    self.kind = kind
    self.unit = unit
    self.decimals = decimals
    self.width = width
    self.labels = labels
    self.help = help
    self.sources = sources
  }

  static func counter(
    _ name: String, _ unit: String = "1", decimals: UInt8 = 0, width: UInt8 = 64,
    labels: [String] = [], help: String, from sources: String...
  ) -> Metric {
    Metric(name, .counter, unit, decimals: decimals, width: width, labels, help, sources)
  }

  static func gauge(
    _ name: String, _ unit: String = "1", decimals: UInt8 = 0, labels: [String] = [],
    help: String, from sources: String...
  ) -> Metric {
    Metric(name, .gauge, unit, decimals: decimals, labels, help, sources)
  }

  /// The declaration of one series of this metric.
  package func declaration(
    of subject: SeriesSubject, _ values: [String: String] = [:], source: String = ""
  ) -> SeriesDeclaration {
    SeriesDeclaration(
      key: SeriesKey(subject: subject, metric: name, labels: values), kind: kind, unit: unit,
      decimals: decimals, width: width, source: kind == .counter ? source : "")
  }
}

/// Every metric that an agent makes, once. `docs/metrics.md` is `markdown()`.
package enum MetricRegistry {
  package static let all: [Metric] = targets + recovery + lnet + lustre + host + interfaces

  private static let byName = Dictionary(
    all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

  package static func metric(named name: String) -> Metric? { byName[name] }

  /// The reference page, complete with its heading.
  package static func markdown() -> String {
    var text = """
      # Metrics

      Made from the metric registry; a test compares this page with it.

      Names are those of lustrefs-exporter, else those of GSI's lustre_exporter, else
      `lustre_<subsystem>_<noun>_<unit>[_total]`. Where a name of theirs would mislead (a gauge that
      ends in `_total`, kilobytes, milliseconds) it follows the Prometheus conventions. Kilobytes of
      the kernel are bytes here. `target` and `server` name the subject of a series and are no labels of
      the table. A counter that is absent has never counted: Lustre leaves out counters of zero.
      The label `occurrence` is there only for the second and further counters of one name in one file.
      The sums of squares of the stats files wrap on busy servers and are not kept.


      """
    let groups: [(String, [Metric])] = [
      ("Targets", targets), ("Recovery", recovery), ("LNet", lnet), ("Lustre node", lustre),
      ("Host", host), ("Network interfaces", interfaces),
    ]
    for (title, metrics) in groups {
      text += "## \(title)\n\n| metric | kind | unit | labels | meaning | from |\n"
      text += "|---|---|---|---|---|---|\n"
      for metric in metrics {
        let labels = metric.labels.map { "`\($0)`" }.joined(separator: ", ")
        let sources = metric.sources.map { "`\($0)`" }.joined(separator: ", ")
        text += "| `\(metric.name)` | \(metric.kind.rawValue) | \(metric.unit) | \(labels) "
        text += "| \(metric.help) | \(sources) |\n"
      }
      text += "\n"
    }
    text.removeLast()
    return text
  }
}
