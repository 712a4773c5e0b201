import Protocol

extension AlertRule {
  static let serverUnhealthy = AlertRule(code: .serverUnhealthy) { site in
    site.servers.compactMap { server in
      guard case .lustre(let body)? = server.server.currentFact(.lustre, at: site.now, site.policy),
        body.health == .unhealthy || body.health == .lbug, server.health == .unhealthy
      else { return nil }
      let devices = body.unhealthyDevices.prefix(3).joined(separator: ", ")
      let reason =
        body.health == .lbug
        ? "health_check says LBUG: the kernel found a defect in Lustre"
        : "health_check says unhealthy" + (devices.isEmpty ? "" : ": \(devices)")
      return RaisedFinding(
        .serverUnhealthy, .error, on: server, in: site, reason: reason,
        since: server.server.sections[.lustre]?.unchangedSince ?? site.now)
    }
  }
}
