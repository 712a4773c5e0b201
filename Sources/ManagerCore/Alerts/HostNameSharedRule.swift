import Protocol

/// Two servers of one name: a machine that was enrolled twice, or cloned with its agent's files.
/// Whatever is said of the name may mean either.
extension AlertRule {
  static let hostNameShared = AlertRule(code: .hostNameShared) { site in
    Dictionary(grouping: site.servers, by: { $0.server.record.hostname })
      .sorted { $0.key < $1.key }.compactMap { name, namesakes in
        guard namesakes.count > 1, !name.isEmpty else { return nil }
        let ids = namesakes.map(\.server.record.id.text).sorted()
        return RaisedFinding(
          .hostNameShared, .warning, subject: name,
          reason: "\(ids.count) servers go by this name: \(ids.joined(separator: ", "))",
          remedy: "If one is a leftover: iml server forget \(ids[0])",
          since: namesakes.compactMap { $0.server.session?.opened }.max() ?? site.now)
      }
  }
}
