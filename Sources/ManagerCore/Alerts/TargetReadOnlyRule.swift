import Protocol

extension AlertRule {
  static let targetReadOnly = AlertRule(code: .targetReadOnly) { site in
    site.targets.compactMap { target in
      guard target.isReadOnly, let active = target.active else { return nil }
      let name = site.site.servers[active]?.name ?? ""
      return RaisedFinding(
        .targetReadOnly, .error, on: target, in: site,
        reason: "mounted read-only on \(name): writes to it fail",
        since: target.sectionSince ?? target.since)
    }
  }
}
