import ManagerCore
import Protocol

/// `iml job top`: one row a job, then what is left.
enum JobTopPage {
  static func render(_ answer: Reply<JobTopView>, _ style: Style) -> String {
    let view = answer.view
    return page([
      lines(title(view), style),
      MetricPage.unreadable(view.unreadable).flatMap { wrap($0, to: style.width) }
        .map { $0 + "\n" }.joined(),
      table(view).render(style),
      notes(view).map { lines($0, style) }.joined(),
    ])
  }

  private static func title(_ view: JobTopView) -> String {
    let asked = (Double(view.throughNanoseconds) - Double(view.fromNanoseconds)) / 1e9
    let span = (Double(view.throughNanoseconds) - Double(view.beganNanoseconds)) / 1e9
    let seen = Int(view.coverage.isFinite ? min(max(view.coverage, 0), 1) * 100 : 0)
    let all = view.targets + view.silentTargets.count
    let targets =
      view.silentTargets.isEmpty
      ? plural(view.targets, "target") : "\(view.targets) of \(plural(all, "target"))"
    var text = "Jobs by \(word(view.by)), the last \(Quantities.span(span)) on \(targets)"
    text += "; \(seen) % of that time was looked at"
    if let age = view.newestSecondsAgo { text += ", last \(Quantities.ago(age))" }
    if span > asked * 1.1 {
      text += " (asked were \(Quantities.span(asked)): jobs are kept by the minute)"
    }
    return text
  }

  private static func lines(_ text: String, _ style: Style) -> String {
    wrap(printable(text), to: style.width).map { $0 + "\n" }.joined()
  }

  private static func word(_ measure: JobMeasure) -> String {
    switch measure {
    case .read: "bytes read"
    case .write: "bytes written"
    case .iops: "I/O operations"
    case .metadata: "metadata operations"
    }
  }

  private static func table(_ view: JobTopView) -> Table {
    let columns: [Table.Column] = [
      // Amounts give way to rates where the page is narrow: both tell the same of one time.
      .init("JOB"), .init("SHARE", .number), .init("READ", .number, isSpare: true),
      .init("READ/S", .number), .init("WRITTEN", .number, isSpare: true),
      .init("WRITTEN/S", .number), .init("IO OPS", .number, isSpare: true),
      .init("IO OPS/S", .number), .init("MD OPS", .number, isSpare: true),
      .init("MD OPS/S", .number), .init("TARGETS", .number),
    ]
    func row(_ name: Cell, _ increase: JobCounters, _ targets: Cell) -> [Cell] {
      let seconds = view.coveredSeconds
      func rate(_ amount: UInt64, _ unit: String) -> Cell {
        guard seconds > 0 else { return Cell(Quantities.nothing) }
        return Cell(
          Quantities.measure(Double(amount) / seconds, unit: unit, perSecond: true))
      }
      return [
        name, Cell(Quantities.percent(increase[view.by], of: view.total[view.by])),
        Cell(Quantities.bytes(increase.readBytes)), rate(increase.readBytes, "bytes"),
        Cell(Quantities.bytes(increase.writtenBytes)), rate(increase.writtenBytes, "bytes"),
        Cell(Quantities.count(increase.ioOperations)), rate(increase.ioOperations, "1"),
        Cell(Quantities.count(increase.metadataOperations)),
        rate(increase.metadataOperations, "1"), targets,
      ]
    }
    var rows = view.jobs.map { row(Cell(name: $0.job), $0.increase, Cell($0.targets)) }
    let none = Cell(Quantities.nothing)
    if view.otherJobs > 0 {
      let name = view.otherJobs == 1 ? "1 other job" : "\(view.otherJobs) other jobs"
      rows.append(row(Cell("(\(name))"), view.others, none))
    }
    if !view.unnamed.isZero { rows.append(row(Cell("(unnamed)"), view.unnamed, none)) }
    rows.append(row(Cell("(all)"), view.total, Cell(view.targets)))
    return Table(columns: columns, rows: rows)
  }

  private static func notes(_ view: JobTopView) -> [String] {
    var lines: [String] = []
    if !view.unnamed.isZero {
      lines.append(
        "Jobs that were not among those that did most of a target count as unnamed: each job's numbers are at least what stands here."
      )
    }
    if !view.silentTargets.isEmpty {
      lines.append("No job was told of by: \(view.silentTargets.joined(separator: ", ")).")
    }
    if view.untrackedJobs > 0 {
      lines.append(
        "Up to \(view.untrackedJobs) jobs of a target could not be followed and are in no number.")
    }
    return lines
  }
}
