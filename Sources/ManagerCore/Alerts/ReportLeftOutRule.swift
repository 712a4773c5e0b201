import Protocol

/// An agent says more than any server has to say: it is broken, or not ours.
extension AlertRule {
  static let reportLeftOut = AlertRule(code: .reportLeftOut) { $0.troubles(.reportLeftOut) }
}
