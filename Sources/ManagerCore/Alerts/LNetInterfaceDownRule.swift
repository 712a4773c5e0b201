import Protocol

/// LNet's own interfaces (`nis`) that are down: by these NIDs nobody reaches the server.
extension AlertRule {
  static let lnetInterfaceDown = AlertRule(code: .lnetInterfaceDown) { site in
    site.servers.compactMap { server in
      guard case .lnet(let body)? = server.server.currentFact(.lnet, at: site.now, site.policy)
      else { return nil }
      let down = body.interfaces.filter { $0.status == "down" }.map(\.nid)
      guard !down.isEmpty else { return nil }
      let shown = down.prefix(shownMax).joined(separator: ", ")
      let rest = down.count - shownMax
      return RaisedFinding(
        .lnetInterfaceDown, .warning, on: server, in: site,
        reason: "LNet is down at \(shown)\(rest > 0 ? " and \(rest) more" : ""): "
          + "no peer reaches \(server.name) by it",
        since: server.server.sections[.lnet]?.unchangedSince ?? site.now)
    }
  }

  /// A server with more of them has one cause for all.
  private static let shownMax = 3
}
