import Protocol

/// A collector that reads most of what it is for, and some of it not: a number is missing, and what
/// hangs on it is unknown.
extension AlertRule {
  static let readsFailing = AlertRule(code: .readsFailing) { $0.troubles(.readsFailing) }
}

extension SiteSnapshot {
  /// A warning for each trouble of this code.
  func troubles(_ code: DiagnosticCode) -> [RaisedFinding] {
    servers.flatMap { server in
      server.troubles.filter { $0.code == code }.map { raised($0, .warning, on: server) }
    }
  }

  func raised(
    _ trouble: ServerAssessment.Trouble, _ severity: Severity, on server: ServerAssessment
  ) -> RaisedFinding {
    var finding = RaisedFinding(
      trouble.code, severity, on: server, in: self, reason: trouble.reason, since: trouble.since)
    finding.targets = trouble.targets
    return finding
  }
}
