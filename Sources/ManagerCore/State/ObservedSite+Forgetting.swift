import Protocol

/// Targets that an operator takes out of the site.
extension ObservedSite {
  /// Refuses a target that somebody tells of, as active, by an import, or as registered at an MGS; or that a
  /// server may have of which that can not be said: silence releases nothing, over a restart too.
  ///
  /// - Parameter name: as of `targetID(named:)`.
  /// - Returns: its label and id, for `targetForgotten`.
  /// - Throws: `not-found`, `ambiguous-name`, or `conflict` with who tells of it and how.
  package func forgettableTarget(
    _ name: String, at now: Moment
  ) throws(DiagnosticError) -> (label: String, id: String) {
    let id = try targetID(named: name)
    guard let target = targets[id] else {
      throw ObservedSite.noSuch("target", name, list: "iml target list")
    }
    if let witness = witness(of: target, at: now.monotonicNanoseconds) {
      throw DiagnosticError(
        .conflict, subject: target.record.label, reason: witness.reason,
        remedy: "Unmount it or take it out of the file system first; if \(witness.server) is gone,"
          + " run: iml server forget \(witness.server)")
    }
    return (target.record.label, id)
  }

  /// Forgets a target. It is one again as soon as a server tells of it; its history is kept.
  ///
  /// - Throws: as `forgettableTarget`.
  package mutating func targetForgotten(_ name: String, at now: Moment) throws(DiagnosticError) {
    dropTarget(try forgettableTarget(name, at: now).id)
  }

  /// Refuses to forget a server that is heard, or was a moment ago, and claims or shows a target that another one claims: the danger
  /// would be there still, and nobody would say so.
  ///
  /// - Throws: `conflict`.
  package func checkForgettable(_ id: ServerID, at now: Moment) throws(DiagnosticError) {
    guard let server = servers[id], let presence = presence(of: server, at: now) else { return }
    // Its own of that name, which may be another MGS's, explain what it shows.
    let own = Set(server.targetIDs.values.compactMap { targets[$0]?.record.label })
    let shown = server.shownTargets.subtracting(own)
    func isThere(_ target: ObservedTarget) -> Bool {
      target.claims[id]?.isHeld == true || target.double?.servers.contains(id) == true
        || shown.contains(target.record.label)
    }
    func others(_ target: ObservedTarget) -> Set<ServerID> {
      (target.double?.servers ?? []).union(target.heldClaimants).subtracting([id])
    }
    guard
      let target = targets.values.filter({ isThere($0) && !others($0).isEmpty })
        .min(by: { $0.record.label < $1.record.label })
    else { return }
    let names = others(target).compactMap { servers[$0]?.name }.sorted().joined(separator: ", ")
    let label = target.record.label
    let isShown = target.claims[id]?.isHeld != true && target.double?.servers.contains(id) != true
    throw DiagnosticError(
      .conflict, subject: server.name,
      reason: (isShown
        ? "its devices or mounts have \(label), which is active on \(names)"
        : "\(label) is active there and on \(names)") + ", and \(presence)",
      remedy:
        "Power off or fence one of them first; once \(server.name) is off for certain, run this again."
    )
  }

  /// Why a server may be there, `nil` when nothing says so.
  private func presence(of server: ReportedServer, at now: Moment) -> String? {
    if server.session != nil { return "\(server.name) is heard" }
    let monotonic = now.monotonicNanoseconds
    if let heard = server.heard, monotonic - heard < policy.forgetNanoseconds {
      return "\(server.name) was heard \(AgeText.text(nanoseconds: monotonic - heard)) ago"
    }
    let up = monotonic - started.monotonicNanoseconds
    return up < policy.forgetNanoseconds
      ? "the manager was started \(AgeText.text(nanoseconds: up)) ago: \(server.name) may be about to come"
        + " back" : nil
  }

  /// Who tells of a target, and how; or who may have it, and why that can not be said.
  private func witness(
    of target: ObservedTarget, at now: Int64
  ) -> (server: String, reason: String)? {
    func name(_ id: ServerID) -> String { servers[id]?.name ?? id.text }
    if let server = target.heldClaimants.first {
      return (
        name(server), "\(name(server)) says that it is active there, or did when it was last heard"
      )
    }
    if let server = target.double?.servers.min(by: { name($0) < name($1) }) {
      return (name(server), "it was active on \(name(server)) and elsewhere, and nobody let go")
    }
    let label = target.record.label
    if let server = servers.values.filter({ $0.shows(label) }).min(by: { $0.name < $1.name }) {
      return (
        server.name,
        "the devices or mounts of \(server.name) have it, or did when it was last heard"
      )
    }
    if let server = target.importNIDs.keys.min(by: { name($0) < name($1) }) {
      return (name(server), "\(name(server)) is connected to it, or was when it was last heard")
    }
    if let server = target.registeredBy.min(by: { name($0) < name($1) }) {
      return (name(server), "the MGS on \(name(server)) has it among its targets")
    }
    let assessor = TargetAssessor(site: self, now: now)
    for server in assessor.servingServers(of: target).hosts {
      if let trouble = assessor.absenceTrouble(on: server, target) {
        return (name(server), trouble)
      }
    }
    return nil
  }
}

extension ReportedServer {
  /// Whether its list of devices or its mount table has a target, as it said last: silence releases nothing.
  fileprivate func shows(_ label: String) -> Bool { shownTargets.contains(label) }

  /// The names of its devices, and the labels of the targets in its mount table, as it said last.
  fileprivate var shownTargets: Set<String> {
    sections.values.reduce(into: []) { shown, held in
      switch held.fact {
      case .lustre(let body): shown.formUnion(body.devices.map(\.name))
      case .mounts(let body):
        shown.formUnion(body.mounts.filter { $0.role == .target }.compactMap(\.label))
      default: break
      }
    }
  }
}
