import Protocol

/// A collector whose read has not come back.
extension AlertRule {
  static let collectorStalled = AlertRule(code: .collectorStalled) {
    $0.troubles(.collectorStalled)
  }
}
