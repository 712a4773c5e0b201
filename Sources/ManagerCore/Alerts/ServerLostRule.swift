import Protocol

/// A lost agent is not a dead server: what it served becomes unknown, nothing more.
extension AlertRule {
  static let serverLost = AlertRule(code: .serverLost) { site in
    site.servers.compactMap { server in
      switch server.contact {
      case .lost:
        return RaisedFinding(
          .serverLost, .error, on: server, in: site, reason: server.reason,
          since: server.server.heard ?? site.now)
      case .never:
        return RaisedFinding(
          .serverLost, .warning, on: server, in: site, reason: server.reason,
          since: site.moment.monotonic(ofWall: server.server.record.enrolledNanoseconds))
      case .connected, .suspect, .unrecognised: return nil
      }
    }
  }
}
