import ManagerCore
import Protocol

/// `iml metrics query`: one row a group.
enum MetricPage {
  static func render(_ answer: Reply<MetricAnswer>, _ style: Style) -> String {
    page([title(answer), table(answer.view, style).render(style)])
  }

  private static func title(_ answer: Reply<MetricAnswer>) -> String {
    let span = (Double(answer.throughNanoseconds) - Double(answer.fromNanoseconds)) / 1e9
    let kind = answer.word("kind", answer.kind)
    let unit = answer.unit == "1" || answer.unit.isEmpty ? "" : " in \(answer.unit)"
    let what = answer.isRate ? "rate of a \(kind)\(unit)" : "\(kind)\(unit)"
    return printable("\(answer.metric): \(what), the last \(Quantities.span(span))") + "\n"
  }

  private static func table(_ answer: MetricAnswer, _ style: Style) -> Table {
    let labels = Set(answer.groups.flatMap(\.labels.keys)).sorted()
    let hasCurve = style.hasBlocks && answer.groups.contains { !$0.points.isEmpty }
    let hasResets = answer.groups.contains { $0.resets > 0 }
    var columns = labels.isEmpty ? [Table.Column("GROUP")] : labels.map { .init($0.uppercased()) }
    columns += ["SERIES", "VALUE", "MIN", "MAX", "SAMPLES"].map { .init($0, .number) }
    if hasResets { columns.append(.init("RESETS", .number)) }
    columns.append(.init("SEEN", .number))
    if hasCurve { columns.append(.init("CURVE", isSpare: true)) }
    let rows = answer.groups.map { group in
      func measure(_ value: Double?) -> Cell {
        Cell(Quantities.measure(value, unit: answer.unit, perSecond: answer.isRate))
      }
      var row = labels.isEmpty ? [Cell("all")] : labels.map { Cell(name: group.labels[$0]) }
      row += [
        Cell(seriesText(group)), measure(group.value), measure(group.minimum),
        measure(group.maximum),
        Cell(group.samples),
      ]
      if hasResets { row.append(Cell(group.resets)) }
      row.append(Cell(Quantities.ago(group.lastSecondsAgo)))
      if hasCurve {
        row.append(
          Cell(
            Sparkline.draw(
              group.points, from: answer.fromNanoseconds, through: answer.throughNanoseconds)))
      }
      return row
    }
    return Table(columns: columns, rows: rows)
  }
}

/// How many series stand behind a value: a sum over those that still speak must not pass for all.
private func seriesText(_ group: MetricAnswer.Group) -> String {
  group.silentSeries == 0
    ? "\(group.series)" : "\(group.series - group.silentSeries) of \(group.series)"
}

/// `iml metrics list`
enum MetricListPage {
  static func render(_ metrics: [Reply<MetricListing>], _ style: Style) -> String {
    Table(
      columns: [.init("METRIC"), .init("KIND"), .init("UNIT"), .init("HELP", .flow)],
      rows: metrics.map { metric in
        [
          Cell(name: metric.name), Cell(metric.word("kind", metric.kind)), Cell(name: metric.unit),
          Cell(metric.help),
        ]
      }
    ).render(style)
  }
}
