import Protocol

/// Invariant 1 is broken: two servers write to one target. Nothing is done by itself.
extension AlertRule {
  static let targetOnTwoServers = AlertRule(code: .targetOnTwoServers) { site in
    site.targets.compactMap { target in
      guard let double = target.entry.double else { return nil }
      var finding = RaisedFinding(
        .targetOnTwoServers, .emergency, on: target, in: site,
        reason: target.reason + ": two servers writing to one target destroy its data",
        since: double.since)
      finding.diagnostic.remedy =
        "Power off or fence one of them now, then: iml target show \(site.commandName(target.record))"
      // What such a server said last stands until it speaks again, or is forgotten.
      for server in site.servers
      where double.servers.contains(server.id) && server.contact != .connected
        && server.contact != .suspect
      {
        finding.diagnostic.remedy +=
          "; \(server.name) does not report: once it is off for certain,"
          + " iml server forget \(site.commandName(server.server)) ends its claim"
      }
      finding.servers = double.servers
      return finding
    }
  }
}
