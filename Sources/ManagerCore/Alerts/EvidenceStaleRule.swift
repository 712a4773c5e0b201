import Protocol

/// A connected agent whose collectors have fallen silent without a word why.
extension AlertRule {
  static let evidenceStale = AlertRule(code: .evidenceStale) { site in
    site.servers.flatMap { server in
      server.troubles.filter { $0.outcome == .sampled }.map { trouble in
        RaisedFinding(
          .evidenceStale, .warning, on: server, in: site, reason: trouble.reason,
          since: trouble.since)
      }
    }
  }
}
