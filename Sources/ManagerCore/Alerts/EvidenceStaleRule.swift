import Protocol

/// A connected agent whose collectors have fallen silent without a word why.
extension AlertRule {
  static let evidenceStale = AlertRule(code: .evidenceStale) { $0.troubles(.evidenceStale) }
}
