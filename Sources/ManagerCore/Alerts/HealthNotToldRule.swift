import Protocol

/// A server whose `health_check` is not there, is empty or says what nobody knows: its health is unknown,
/// which no other finding explains.
extension AlertRule {
  static let healthNotTold = AlertRule(code: .healthNotTold) { site in
    site.servers.compactMap { server in
      guard case .lustre(let body)? = server.server.currentFact(.lustre, at: site.now, site.policy),
        server.health == .unknown, body.health == nil || body.health == .unrecognised
      else { return nil }
      return RaisedFinding(
        .healthNotTold, .warning, on: server, in: site,
        reason: "\(server.reason): whether Lustre is well there is not known",
        since: server.server.sections[.lustre]?.unchangedSince ?? site.now)
    }
  }
}
