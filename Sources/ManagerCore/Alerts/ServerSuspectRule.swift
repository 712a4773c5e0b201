import Protocol

extension AlertRule {
  static let serverSuspect = AlertRule(code: .serverSuspect) { site in
    site.servers.compactMap { server in
      guard server.contact == .suspect, let heard = server.server.heard else { return nil }
      return RaisedFinding(
        .serverSuspect, .warning, on: server, in: site,
        reason: server.server.silence(at: site.now), since: heard)
    }
  }
}
