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
          remedy: remedy(namesakes), since: namesakes.map { begin($0, site) }.max() ?? site.now)
      }
  }

  /// One that is heard is no leftover.
  private static func remedy(_ namesakes: [ServerAssessment]) -> String {
    let silent = namesakes.filter { $0.contact == .lost || $0.contact == .never }
      .min { ($0.server.heard ?? .min) < ($1.server.heard ?? .min) }
    guard let silent else {
      return "All of them report: give each machine its own name, or find out which is a copy."
    }
    return "If the one that is not heard is a leftover: iml server forget "
      + silent.server.record.id.text
  }

  /// Since when it goes by the name, as far as is known.
  private static func begin(_ server: ServerAssessment, _ site: SiteSnapshot) -> Int64 {
    server.server.session?.opened
      ?? site.moment.monotonic(ofWall: server.server.record.enrolledNanoseconds)
  }
}
