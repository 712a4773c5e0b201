import Protocol

/// A lost agent is not a dead server: what it served becomes unknown, nothing more.
extension AlertRule {
  static let serverLost = AlertRule(code: .serverLost) { site in
    site.servers.compactMap { server in
      switch server.contact {
      case .lost:
        return raised(.error, server, site, since: server.server.heard ?? site.now)
      case .never:
        return raised(
          .warning, server, site,
          since: site.moment.monotonic(ofWall: server.server.record.enrolledNanoseconds))
      case .connected, .suspect, .unrecognised: return nil
      }
    }
  }

  /// Of a revoked server nobody has to look for a cause.
  private static func raised(
    _ severity: Severity, _ server: ServerAssessment, _ site: SiteSnapshot, since: Int64
  ) -> RaisedFinding {
    var raised = RaisedFinding(
      .serverLost, severity, on: server, in: site, reason: server.reason, since: since)
    guard server.server.isRevoked else { return raised }
    let name = site.commandName(server.server)
    raised.diagnostic.reason += "; its certificate is revoked, so its agent is not let in"
    raised.diagnostic.remedy =
      "To have it back: iml server token create, and there: iml-agent enroll --manager HOST"
      + " --token TOKEN. To be rid of it: iml server forget \(name)"
    return raised
  }
}
