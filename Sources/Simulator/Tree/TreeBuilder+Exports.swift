import Protocol

extension TreeBuilder {
  /// One directory a NID, as the kernel has it: a NID that went away keeps its directory, with an
  /// empty `uuid` and the counters it had.
  private struct Connections {
    var uuids: [String] = []
    var export = ExportState(changedAt: 0, connectsAt: nil)
    var registered: UInt64 = 0
  }

  mutating func addExports(_ active: Active) {
    let folder: String
    switch active.target.kind {
    case .mgt: folder = "mgs/MGS"
    case .mdt: folder = "mdt/" + active.target.label
    case .ost: folder = "obdfilter/" + active.target.label
    case .unrecognised: return
    }
    let connections = connections(active)
    let count = connections.values.reduce(0) { $0 + $1.uuids.count }
    // The target's own export counts too.
    add(.exportCount, folder + "/num_exports", value: count + 1)
    add(.exports, folder + "/exports/clear", "")
    let text = StatsText(layout: layout)
    let start = site.wall(active.mount.startedAt)
    for (nid, connection) in connections {
      let place = "\(folder)/exports/\(nid)"
      add(.exports, place + "/uuid", connection.uuids.map { $0 + "\n" }.joined())
      let snapshot = site.wall(connection.export.changedAt)
      guard active.target.kind == .mgt else {
        add(
          .exports, place + "/stats",
          text.file(
            connection.export.counters, of: active.target.kind, snapshot: snapshot,
            startedAt: start))
        continue
      }
      let count = connection.registered
      add(
        .exports, place + "/stats",
        text.header(snapshot: snapshot, startedAt: start)
          + (count > 0 ? text.plain("tgtreg", count) : ""))
    }
  }

  private func connections(_ active: Active) -> [String: Connections] {
    var found: [String: Connections] = [:]
    for (client, export) in active.mount.clients.enumerated()
    where export.isConnected(at: site.now) {
      let shape = site.plan.clients[client]
      let whole = active.target.fileSystem
      let uuid = shape.uuids.indices.contains(whole) ? shape.uuids[whole] : shape.mgcUUID
      found[shape.nid] = Connections(uuids: [uuid], export: export)
    }
    // A second mount is one that nobody knows of.
    guard active.mount.clients.contains(where: { $0.connectsAt != nil }) else { return found }
    for (peer, export) in active.mount.servers.enumerated() where !export.counters.isEmpty {
      found[nid(of: peer), default: Connections()].export = export
    }
    for (peer, uuid) in serverConnections(active) {
      found[nid(of: peer), default: Connections()].uuids.append(uuid)
    }
    if active.target.kind == .mgt {
      for (peer, server) in site.servers.enumerated() where server.isPoweredOn {
        let mounts = site.states.count { state in state.mounts.contains { $0.server == peer } }
        found[nid(of: peer), default: Connections()].registered = UInt64(mounts)
      }
    }
    return found
  }

  /// A server's NID as this one sees it.
  private func nid(of server: Int) -> String {
    server == position ? "0@lo" : site.plan.servers[server].nid
  }

  /// The connections that servers make for themselves, with the server each comes from now.
  private func serverConnections(_ active: Active) -> [(server: Int, uuid: String)] {
    let target = active.target
    guard target.kind != .mgt else {
      return site.servers.indices.filter { site.servers[$0].isPoweredOn }.map {
        ($0, site.plan.servers[$0].mgcUUID)
      }
    }
    var found: [(server: Int, uuid: String)] = []
    for sibling in site.plan.siblings(of: target, .mdt) {
      guard let server = site.states[sibling].mounts.first?.server else { continue }
      let peer = site.plan.targets[sibling]
      if sibling != active.position { found.append((server, peer.label + "-mdtlov_UUID")) }
      if target.kind == .mdt, target.index == 0 { found.append((server, lwp(target, peer))) }
    }
    guard target.kind == .mdt else { return found }
    for sibling in site.plan.siblings(of: target, .ost) {
      guard let server = site.states[sibling].mounts.first?.server else { continue }
      found.append((server, lwp(target, site.plan.targets[sibling])))
    }
    return found
  }

  /// The light-weight connection of `peer` to the metadata target.
  private func lwp(_ metadata: SitePlan.Target, _ peer: SitePlan.Target) -> String {
    "\(metadata.label)-lwp-\(peer.label.suffix(7))_UUID"
  }
}
