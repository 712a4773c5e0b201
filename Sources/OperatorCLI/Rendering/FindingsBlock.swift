import ManagerCore
import Protocol

/// Findings, worst first: what, since when, and what to do.
enum FindingsBlock {
  /// More than this on a screen nobody reads; the worst are shown.
  private static let shownMax = 20

  static func render(_ findings: [Reply<Finding>], seeAll: String, _ style: Style) -> String {
    limited(sorted(findings), to: shownMax, "findings", seeAll: seeAll) { shown in
      var table = Table(columns: [.init(""), .init("", .flow)], hasHeader: false)
      for finding in shown {
        let diagnostic = finding.member("diagnostic", finding.diagnostic)
        let subject = diagnostic.subject.isEmpty ? "" : "\(diagnostic.subject): "
        let since = "(for \(Quantities.span(finding.ageSeconds)), \(diagnostic.code))"
        table.rows.append([
          Cell(state: diagnostic.word("severity", diagnostic.severity)),
          Cell("\(subject)\(diagnostic.reason) \(since)"),
        ])
        if !diagnostic.remedy.isEmpty { table.rows.append(["", Cell(diagnostic.remedy)]) }
      }
      return table.render(style)
    }
  }

  /// `1 emergency, 2 errors`, of those that are more than information.
  static func counts(_ findings: [Finding]) -> String {
    func count(_ severity: Severity, _ one: String, _ many: String) -> String? {
      let count = findings.count { $0.diagnostic.severity == severity }
      return count == 0 ? nil : plural(count, one, many)
    }
    return [
      count(.emergency, "emergency", "emergencies"), count(.error, "error", "errors"),
      count(.warning, "warning", "warnings"),
    ].compactMap { $0 }.joined(separator: ", ")
  }

  /// By severity; within one the manager's order is kept.
  private static func sorted(_ findings: [Reply<Finding>]) -> [Reply<Finding>] {
    findings.enumerated().sorted { a, b in
      (rank(a.element.diagnostic.severity), a.offset)
        < (rank(b.element.diagnostic.severity), b.offset)
    }.map(\.element)
  }

  /// A severity that nobody knows is from a newer manager: next to the errors it is seen.
  private static func rank(_ severity: Severity) -> Int {
    switch severity {
    case .emergency: 0
    case .error: 1
    case .unrecognised: 2
    case .warning: 3
    case .info: 4
    }
  }
}
