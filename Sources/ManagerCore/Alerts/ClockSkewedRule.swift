import Protocol

extension AlertRule {
  static let clockSkewed = AlertRule(code: .clockSkewed) { site in
    site.servers.compactMap { server in
      guard let offset = server.server.clockOffset, let since = server.server.skewedSince else {
        return nil
      }
      let amount = AgeText.text(nanoseconds: Int64(clamping: offset.magnitude))
      return RaisedFinding(
        .clockSkewed, .warning, on: server, in: site,
        reason: "its clock is \(amount) \(offset > 0 ? "behind" : "ahead of") the manager's",
        since: since)
    }
  }
}
