import Protocol

extension AlertRule {
  static let targetRecovering = AlertRule(code: .targetRecovering) { site in
    site.targets.compactMap { target in
      guard target.state == .recovering else { return nil }
      return RaisedFinding(
        .targetRecovering, .warning, on: target, in: site, reason: target.reason,
        since: target.since)
    }
  }
}
