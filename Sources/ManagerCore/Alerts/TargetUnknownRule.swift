import Protocol

/// A target of which nobody can say now where it is. One that was never seen active and that no
/// file system hangs on (the MGT of a server without an agent) is only mentioned.
extension AlertRule {
  static let targetUnknown = AlertRule(code: .targetUnknown) { site in
    site.targets.compactMap { target in
      guard target.state == .unknown, !target.isAway else { return nil }
      let isOutside = target.record.kind == .mgt && target.evidence == nil
      return RaisedFinding(
        .targetUnknown, isOutside ? .info : .warning, on: target, in: site,
        reason: target.reason, since: target.since)
    }
  }
}

extension TargetAssessment {
  /// Registered or served before, and no server so much as claimed it last.
  var isAway: Bool {
    (state == .unknown || state == .unmounted) && entry.heldClaimants.isEmpty
      && record.kind != .mgt
  }
}
