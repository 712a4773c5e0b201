import Protocol

/// Parameters whose text this agent does not know, of a newer Lustre or garbled. Only a word: what
/// hangs on them (a state, a recovery) is unknown by itself.
extension AlertRule {
  static let parametersNotUnderstood = AlertRule(code: .parametersNotUnderstood) { site in
    site.servers.compactMap { server in
      server.notUnderstood.map { site.raised($0, .info, on: server) }
    }
  }
}
