import Protocol

/// Targets that an operator takes out of the site.
extension ObservedSite {
  /// Forgets a target that nobody tells of any more: neither as active, nor by an import, nor as
  /// registered at an MGS. It is one again as soon as a server tells of it; its history is kept.
  ///
  /// - Parameter name: as of `targetID(named:)`.
  /// - Returns: its label and id.
  /// - Throws: `not-found`, `ambiguous-name`, or `conflict` with who tells of it and how. One that a
  ///   lost server held when it was last heard is told of: silence releases nothing.
  package mutating func targetForgotten(
    _ name: String
  ) throws(DiagnosticError) -> (label: String, id: String) {
    let id = try targetID(named: name)
    guard let target = targets[id] else {
      throw ObservedSite.noSuch("target", name, list: "iml target list")
    }
    if let witness = witness(of: target) {
      throw DiagnosticError(
        .conflict, subject: target.record.label, reason: witness.reason,
        remedy: "Unmount it or take it out of the file system first; if \(witness.server) is gone,"
          + " run: iml server forget \(witness.server)")
    }
    dropTarget(id)
    return (target.record.label, id)
  }

  /// Who tells of a target, and how.
  private func witness(of target: ObservedTarget) -> (server: String, reason: String)? {
    func name(_ id: ServerID) -> String { servers[id]?.name ?? id.text }
    if let server = target.heldClaimants.first {
      return (
        name(server), "\(name(server)) says that it is active there, or did when it was last heard"
      )
    }
    if let server = target.importNIDs.keys.min(by: { name($0) < name($1) }) {
      return (name(server), "\(name(server)) is connected to it, or was when it was last heard")
    }
    if let server = target.registeredBy.min(by: { name($0) < name($1) }) {
      return (name(server), "the MGS on \(name(server)) has it among its targets")
    }
    return nil
  }
}
