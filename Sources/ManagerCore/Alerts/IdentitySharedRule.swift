import Protocol

/// An agent's state directory was copied to a second machine: two agents use one identity and replace
/// each other's sessions. What is said of the server may be said of either.
extension AlertRule {
  static let identityShared = AlertRule(code: .identityShared) { site in
    site.servers.compactMap { assessed in
      let server = assessed.server
      guard
        let sharing = server.identity.sharing(
          at: site.now, quiet: site.policy.sharedIdentityNanoseconds)
      else { return nil }
      let agents = sharing.lives.map { life in
        "\(life.hostname) at \(life.address) (boot \(life.boot.text.prefix(8)),"
          + " process \(life.incarnation.prefix(8)))"
      }.sorted()
      let name = site.commandName(server)
      var raised = RaisedFinding(
        .identityShared, .error, subject: server.name,
        reason: "two agents use one identity and replace each other: "
          + agents.joined(separator: " and ")
          + "; until one of them is gone, nothing said of \(server.name) is sure."
          + " This is said until an agent of the two stops in order, or for"
          + " \(AgeText.text(nanoseconds: site.policy.sharedIdentityNanoseconds)) after they last"
          + " replaced each other: a link that is down for a while hides a copy, and ends it not",
        remedy: "On the copy: systemctl stop iml-agent; rm -r /var/lib/iml-agent. Here: "
          + "iml server revoke \(name); iml server token create --uses 2. "
          + "On both: iml-agent enroll --manager HOST --token TOKEN",
        since: sharing.since)
      raised.servers = [server.record.id]
      return raised
    }
  }
}
