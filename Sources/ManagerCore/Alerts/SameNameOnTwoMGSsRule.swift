import Protocol

/// Two file systems of one name are lawful, and easily confused.
extension AlertRule {
  static let sameNameOnTwoMGSs = AlertRule(code: .sameNameOnTwoMGSs) { site in
    let known = site.fileSystems.filter { $0.mgs != MGSRecord.unknownID }
    return Dictionary(grouping: known, by: \.name).sorted { $0.key < $1.key }.compactMap {
      name, namesakes in
      guard namesakes.count > 1 else { return nil }
      let ids = namesakes.map { "\(site.mgsName($0.mgs))/\(name)" }
      var finding = RaisedFinding(
        .sameNameOnTwoMGSs, .info, subject: name,
        reason: "\(namesakes.count) file systems have this name: \(ids.joined(separator: ", "))",
        remedy: "iml fs show \(ids[0])",
        since: namesakes.flatMap { $0.targets.map(\.entry.known) }.max() ?? site.now)
      finding.fileSystems = Set(namesakes.map(\.id))
      return finding
    }
  }
}
