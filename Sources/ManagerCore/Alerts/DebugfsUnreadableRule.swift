import Protocol

/// A server that hides what Lustre keeps in debugfs: from 2.12 on that is much, from 2.17 on also
/// whether a target is in recovery.
extension AlertRule {
  static let debugfsUnreadable = AlertRule(code: .debugfsUnreadable) {
    $0.troubles(.debugfsUnreadable)
  }
}
