import Protocol

/// A file system as it stands at one moment. Derived from its targets; nothing of it is stored.
struct FileSystemAssessment: Sendable {
  var mgs: String
  var name: String
  /// MDTs, then OSTs, by label.
  var targets: [TargetAssessment]
  var mgt: TargetAssessment?
  var state = FileSystemState.unknown
  var reason = ""

  var id: String { "\(mgs)/\(name)" }

  /// `targets` in the order in which they are shown.
  init(mgs: String, name: String, targets: [TargetAssessment], mgt: TargetAssessment?) {
    self.mgs = mgs
    self.name = name
    self.targets = targets
    self.mgt = mgt
    (state, reason) = assess()
  }

  private func assess() -> (FileSystemState, String) {
    func sentence(_ target: TargetAssessment) -> String {
      "\(target.record.label) is \(word(target)): \(target.reason)"
    }
    if targets.allSatisfy({ $0.state == .unknown }) {
      return (.unknown, "the state of no target is known; " + (targets.first.map(sentence) ?? ""))
    }
    if targets.allSatisfy({ $0.state == .unmounted }) {
      return (.stopped, "all \(targets.count) targets are unmounted")
    }
    guard let root = targets.first(where: { $0.record.label == "\(name)-MDT0000" }) else {
      return (.unknown, "no server tells of \(name)-MDT0000")
    }
    if root.state == .unmounted { return (.unavailable, sentence(root)) }
    if root.state == .unknown { return (.unknown, sentence(root)) }
    if !targets.contains(where: { $0.record.kind == .ost }) {
      return (.unknown, "no server tells of an OST")
    }
    let impaired = targets.filter { $0.state != .mounted || $0.isReadOnly || $0.isDegraded }
      .sorted { (rank($0), $0.record.label) < (rank($1), $1.record.label) }
    if let worst = impaired.first {
      let others = impaired.count > 1 ? "; \(impaired.count - 1) more impaired" : ""
      return (.degraded, sentence(worst) + others)
    }
    if let mgt, mgt.state == .unmounted {
      return (.degraded, "its MGS is not active, so no client can mount: \(mgt.reason)")
    }
    if let mgt, mgt.state == .twice { return (.degraded, sentence(mgt)) }
    return (.available, "all \(targets.count) targets are mounted")
  }

  private func rank(_ target: TargetAssessment) -> Int {
    switch target.state {
    case .twice: 0
    case .unmounted: 1
    case .unknown, .unrecognised: 2
    case .recovering: 3
    case .mounted: 4
    }
  }

  private func word(_ target: TargetAssessment) -> String {
    switch target.state {
    case .twice: "active on two servers"
    case .unmounted: "unmounted"
    case .unknown, .unrecognised: "unknown"
    case .recovering: "recovering"
    case .mounted: target.isReadOnly ? "read-only" : target.isDegraded ? "degraded" : "mounted"
    }
  }
}
