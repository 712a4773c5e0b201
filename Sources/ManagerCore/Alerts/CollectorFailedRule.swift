import Protocol

/// A collector that could read nothing of what it is for.
extension AlertRule {
  static let collectorFailed = AlertRule(code: .collectorFailed) { $0.troubles(.collectorFailed) }
}
