import Protocol

/// Devices that Lustre's `devices` does not list as `UP` (`obd_status` in obdclass): being stopped,
/// set inactive, or attached and not set up. On a healthy server all are up, but for connections
/// that an operator deactivated, as of an OST that was emptied: those are told without alarm.
extension AlertRule {
  static let deviceNotUp = AlertRule(code: .deviceNotUp) { site in
    site.servers.flatMap { server -> [RaisedFinding] in
      let key = SectionKey.lustre
      guard case .lustre(let body)? = server.server.currentFact(key, at: site.now, site.policy)
      else { return [] }
      var groups: [DeviceTrouble: [String]] = [:]
      for device in body.devices where device.status != "UP" {
        groups[DeviceTrouble(device), default: []].append(device.name)
      }
      return groups.sorted { $0.key < $1.key }.map { trouble, names in
        trouble.finding(of: names.sorted(), on: server, in: site)
      }
    }
  }
}

/// What ails a device, so that the hundred connections of one MDT make one finding.
private struct DeviceTrouble: Hashable, Comparable {
  var status: String
  /// A connection to a target elsewhere, not a part of one that is served here.
  var isConnection: Bool

  /// More names than these nobody reads; `iml server show` has them all in its JSON.
  private static let shownMax = 3
  private static let connections: Set<String> = ["osp", "osc", "mdc", "lwp", "mgc", "lov", "lmv"]

  init(_ device: LustreSection.Device) {
    status = device.status
    isConnection = DeviceTrouble.connections.contains(device.type)
  }

  static func < (a: DeviceTrouble, b: DeviceTrouble) -> Bool {
    (a.isConnection ? 1 : 0, a.status) < (b.isConnection ? 1 : 0, b.status)
  }

  private var severity: Severity { status == "IN" && isConnection ? .info : .warning }

  private var meaning: String {
    switch (status, isConnection) {
    case ("ST", _): "being stopped: it serves no new request, and an unmount waits for it"
    case ("IN", true): "set inactive by an operator: nothing is sent to the target behind it"
    case ("IN", false): "set inactive: it answers no request"
    case ("AT", _): "attached and not set up: its target is not mounted, or its mount failed"
    case ("--", _): "neither attached nor set up"
    default: "in a state that this manager does not know"
    }
  }

  func finding(of names: [String], on server: ServerAssessment, in site: SiteSnapshot)
    -> RaisedFinding
  {
    let shown = names.prefix(DeviceTrouble.shownMax).joined(separator: ", ")
    let rest = names.count - DeviceTrouble.shownMax
    let what = names.count == 1 ? "device" : "devices"
    var finding = RaisedFinding(
      .deviceNotUp, severity, on: server, in: site,
      reason: "\(what) \(shown)\(rest > 0 ? " and \(rest) more" : "") \(status): \(meaning)",
      since: server.server.sections[.lustre]?.unchangedSince ?? site.now)
    let candidates = Set(server.server.targetIDs.values).union(server.server.importedTargets)
    for target in candidates.compactMap({ site.site.targets[$0]?.record }) {
      // `fs1-OST0000`, its `fs1-OST0000-osd`, and `fs1-OST0000-osc-MDT0000`, a connection to it.
      let label = target.label
      guard names.contains(where: { $0 == label || $0.hasPrefix(label + "-") }) else { continue }
      finding.targets.insert(target.id)
      if let name = target.fileSystem { finding.fileSystems.insert("\(target.mgs)/\(name)") }
    }
    return finding
  }
}
