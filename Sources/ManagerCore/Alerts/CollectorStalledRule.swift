import Protocol

extension AlertRule {
  static let collectorStalled = AlertRule(code: .collectorStalled) { site in
    site.servers.flatMap { server in
      server.troubles.filter { $0.outcome == .stalled }.map { trouble in
        RaisedFinding(
          .collectorStalled, .warning, on: server, in: site, reason: trouble.reason,
          since: trouble.since)
      }
    }
  }
}
