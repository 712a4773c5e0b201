import ManagerCore
import Protocol

/// `iml metrics query`: one row a group.
enum MetricPage {
  static func render(_ answer: Reply<MetricAnswer>, _ style: Style) -> String {
    let shared = sharedLabels(answer.groups)
    return page([
      title(answer, shared, style),
      unreadable(answer.view).flatMap { wrap($0, to: style.width) }.map { $0 + "\n" }.joined(),
      table(answer.view, without: Set(shared.keys), style).render(style),
    ])
  }

  /// Labels of which all of several groups have the same value: said once, above the table.
  private static func sharedLabels(_ groups: [MetricAnswer.Group]) -> [String: String] {
    guard groups.count > 1, let first = groups.first else { return [:] }
    let shared = first.labels.filter { label in
      groups.allSatisfy { $0.labels[label.key] == label.value }
    }
    return groups.allSatisfy { $0.labels == shared } ? [:] : shared
  }

  private static func title(
    _ answer: Reply<MetricAnswer>, _ shared: [String: String], _ style: Style
  ) -> String {
    let span = (Double(answer.throughNanoseconds) - Double(answer.fromNanoseconds)) / 1e9
    let kind = answer.word("kind", answer.kind)
    let unit = answer.unit == "1" || answer.unit.isEmpty ? "" : " in \(answer.unit)"
    let what = answer.isRate ? "rate of a \(kind)\(unit)" : "\(kind)\(unit)"
    let labels = shared.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    let all = labels.isEmpty ? "" : "; all of \(labels.joined(separator: ", "))"
    let text = "\(answer.metric): \(what), the last \(Quantities.span(span))\(all)"
    return wrap(printable(text), to: style.width).map { $0 + "\n" }.joined()
  }

  /// What an answer may lack must not pass for a time without samples.
  static func unreadable(_ answer: MetricAnswer) -> [String] {
    let gaps = unreadable(answer.unreadable)
    guard let others = answer.seriesOfOtherKinds else { return gaps }
    return gaps + [
      "Left out: \(plural(others, "series", "series")) of another kind or unit than \(answer.kind.rawValue) in \(printable(answer.unit))."
    ]
  }

  static func unreadable(_ gaps: [MetricAnswer.Gap]?) -> [String] {
    (gaps ?? []).map { gap in
      printable(
        "Not readable from \(Quantities.moment(gap.fromNanoseconds)) to "
          + "\(Quantities.moment(gap.throughNanoseconds)): \(gap.file): \(gap.reason)")
    }
  }

  private static func table(
    _ answer: MetricAnswer, without shared: Set<String>, _ style: Style
  ) -> Table {
    let labels = Set(answer.groups.flatMap(\.labels.keys)).subtracting(shared).sorted()
    let hasCurve = style.hasBlocks && answer.groups.contains { !$0.points.isEmpty }
    let hasPeak = answer.groups.contains { $0.peak != nil }
    let hasResets = answer.groups.contains { $0.resets > 0 }
    var columns = labels.isEmpty ? [Table.Column("GROUP")] : labels.map { .init($0.uppercased()) }
    // How many series stand behind a sum may give way only where all of them speak.
    let isWhole = answer.groups.allSatisfy { $0.silentSeries == 0 }
    columns.append(.init("SERIES", .number, isSpare: isWhole))
    columns += ["VALUE", "MIN", "MAX"].map { .init($0, .number) }
    if hasPeak { columns.append(.init("PEAK", .number, isSpare: true)) }
    columns.append(.init("SAMPLES", .number, isSpare: true))
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
      ]
      if hasPeak { row.append(measure(group.peak)) }
      row.append(Cell(group.samples))
      if hasResets { row.append(Cell(group.resets)) }
      row.append(Cell(Quantities.briefAgo(group.lastSecondsAgo)))
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
    ? "\(group.series)" : "\(group.series &- group.silentSeries) of \(group.series)"
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
