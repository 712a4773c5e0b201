import Protocol

/// Connections of servers to targets elsewhere (`osp`, `lwp`, `mgc` imports) that are not connected
/// (`DISCONN`). While the target is not mounted that is a consequence, told without alarm. One that an
/// operator deactivated is told by its device.
extension AlertRule {
  static let importDisconnected = AlertRule(code: .importDisconnected) { site in
    site.servers.flatMap { server -> [RaisedFinding] in
      guard
        case .imports(let body)? = server.server.currentFact(.imports, at: site.now, site.policy)
      else { return [] }
      let inactive = server.server.devicesNotUp(at: site.now, site.policy)
      let cut = body.imports.filter { $0.state == "DISCONN" && !inactive.contains($0.name) }
      guard !cut.isEmpty else { return [] }
      let imported = site.targets.filter { server.server.importedTargets.contains($0.record.id) }
      let serving = imported.filter { $0.state == .mounted || $0.state == .recovering }
      let labels = Set(serving.map(\.record.label))
      return [true, false].compactMap { isServed in
        let names = cut.filter { labels.contains($0.target) == isServed }
        return names.isEmpty
          ? nil : disconnected(names, from: isServed ? serving : imported, isServed, server, site)
      }
    }
  }

  /// Of the hundreds of an MDT.
  private static let shownMax = 3

  private static func disconnected(
    _ imports: [ImportsSection.Import], from targets: [TargetAssessment], _ isServed: Bool,
    _ server: ServerAssessment, _ site: SiteSnapshot
  ) -> RaisedFinding {
    let shown = imports.prefix(shownMax).map(\.name).joined(separator: ", ")
    let rest = imports.count - shownMax
    let what = imports.count == 1 ? "connection" : "connections"
    var finding = RaisedFinding(
      .importDisconnected, isServed ? .warning : .info, on: server, in: site,
      reason: "\(what) \(shown)\(rest > 0 ? " and \(rest) more" : "") DISCONN: "
        + (isServed
          ? "\(server.name) does not reach what is mounted there"
          : "what is behind it is not known to be mounted"),
      since: server.server.sections[.imports]?.unchangedSince ?? site.now)
    let named = Set(imports.map(\.target))
    for target in targets.map(\.record) where named.contains(target.label) {
      finding.targets.insert(target.id)
      if let name = target.fileSystem { finding.fileSystems.insert("\(target.mgs)/\(name)") }
    }
    return finding
  }
}

extension ReportedServer {
  /// Names of the devices that Lustre does not list as `UP`.
  fileprivate func devicesNotUp(at now: Int64, _ policy: StatePolicy) -> Set<String> {
    guard case .lustre(let body)? = currentFact(.lustre, at: now, policy) else { return [] }
    return Set(body.devices.filter { $0.status != "UP" }.map(\.name))
  }
}
