import Protocol

/// A target that belongs to a file system and that no server claims. Of a file system that is
/// stopped as a whole that is only worth a word.
extension AlertRule {
  static let targetAway = AlertRule(code: .targetAway) { site in
    let stopped = Set(site.fileSystems.filter { $0.state == .stopped }.map(\.id))
    return site.targets.compactMap { target -> RaisedFinding? in
      guard target.isAway else { return nil }
      let fileSystem = target.record.fileSystem.map { "\(target.record.mgs)/\($0)" } ?? ""
      var finding = RaisedFinding(
        .targetAway, stopped.contains(fileSystem) ? .info : .warning, on: target, in: site,
        reason: target.reason, since: target.since)
      if !target.entry.isToldOf {
        finding.diagnostic.remedy +=
          "; if it is no more: iml target forget \(site.commandName(target.record))"
      }
      return finding
    }
  }
}
