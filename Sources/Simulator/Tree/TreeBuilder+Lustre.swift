import Protocol

extension TreeBuilder {
  /// The node as such: version, health, devices, memory, the management client.
  mutating func addLustreNode() {
    let active = activeTargets
    add(.node, "version", value: layout.version)
    add(.node, "health_check", value: "healthy")
    add(.healthDetail, "health_check", value: "healthy")
    let memory = 180_000_000 + active.count * 41_234_567
    add(.node, "memused", value: memory)
    add(.node, "memused_max", value: memory + 52_428_800)
    add(.node, "jobid_var", value: "procname_uid")
    add(.node, "timeout", value: 100)
    add(.node, "ldlm_timeout", value: 20)
    add(.devices, "devices", devices(active))
    if !active.isEmpty { addManagementClient() }
  }

  private func devices(_ active: [Active]) -> String {
    var lines: [String] = []
    func device(_ type: String, _ name: String, _ uuid: String, _ references: Int) {
      lines.append("\(trailing(lines.count, 3)) UP \(type) \(name) \(uuid) \(references)\n")
    }
    guard !active.isEmpty else { return "" }
    for one in active {
      let label = one.target.label
      device(one.target.osdName, label + "-osd", label + "-osd_UUID", 7)
    }
    device("mgc", site.plan.mgcName, shape.mgcUUID, 4)
    if active.contains(where: { $0.target.kind == .mgt }) { device("mgs", "MGS", "MGS", 91) }
    if active.contains(where: { $0.target.kind == .mdt }) { device("mds", "MDS", "MDS_uuid", 2) }
    if active.contains(where: { $0.target.kind == .ost }) { device("ost", "OSS", "OSS_uuid", 2) }
    for one in active {
      let label = one.target.label
      let clients = one.mount.clients.count { $0.isConnected(at: site.now) }
      switch one.target.kind {
      case .mdt:
        let prefix = label.dropLast(7)
        device("lod", label + "-mdtlov", label + "-mdtlov_UUID", 3)
        device("mdt", label, label + "_UUID", clients * 2 + 10)
        device("mdd", "\(prefix)MDD\(label.suffix(4))", "\(prefix)MDD\(label.suffix(4))_UUID", 3)
        if one.target.index == 0 { device("qmt", prefix + "QMT0000", prefix + "QMT0000_UUID", 3) }
      case .ost: device("obdfilter", label, label + "_UUID", clients * 2 + 6)
      case .mgt, .unrecognised: continue
      }
      for remote in remotes(of: one) {
        let uuid =
          remote.kind == "osp" ? label + "-mdtlov_UUID" : remote.name + "_UUID"
        device(remote.kind, remote.name, uuid, 4)
      }
    }
    return lines.joined()
  }
}
