import Protocol

extension AlertRule {
  static let collectorFailed = AlertRule(code: .collectorFailed) { site in
    site.servers.flatMap { server in
      server.troubles.filter { $0.outcome == .failed }.map { trouble in
        RaisedFinding(
          .collectorFailed, .warning, on: server, in: site, reason: trouble.reason,
          since: trouble.since)
      }
    }
  }
}
