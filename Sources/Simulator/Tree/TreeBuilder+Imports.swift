import Protocol

extension TreeBuilder {
  /// What this server's targets know of targets elsewhere: `osp` and `lwp` devices.
  mutating func addImports(_ active: Active) {
    for remote in remotes(of: active) {
      let folder = "\(remote.kind)/\(remote.name)"
      let peer = site.plan.targets[remote.target]
      let link = link(to: remote.target)
      add(
        .importDetail, folder + "/import",
        importText(
          name: remote.name, target: peer.label + "_UUID", link, site.plan.nids(of: peer),
          instance: site.states[remote.target].lastInstance))
      add(.importDetail, folder + "/state", stateText(link.state))
      guard remote.kind == "osp" else { continue }
      let file = peer.kind == .ost ? "ost_server_uuid" : "mdt_server_uuid"
      add(.importDetail, "\(folder)/\(file)", "\(peer.label)_UUID\t\(link.state)\n")
      add(.importScalar, folder + "/active", value: 1)
      if peer.kind == .ost {
        add(.importScalar, folder + "/max_create_count", value: 20_000)
        add(.importScalar, folder + "/prealloc_status", value: 0)
      }
    }
  }

  /// The devices through which a target reaches others.
  func remotes(of active: Active) -> [(kind: String, name: String, target: Int)] {
    let target = active.target
    var found: [(kind: String, name: String, target: Int)] = []
    let short = target.label.suffix(7)
    let metadata = site.plan.siblings(of: target, .mdt)
    if target.kind == .mdt {
      for object in site.plan.siblings(of: target, .ost) {
        found.append(("osp", "\(site.plan.targets[object].label)-osc-\(short)", object))
      }
      for sibling in metadata where sibling != active.position {
        found.append(("osp", "\(site.plan.targets[sibling].label)-osp-\(short)", sibling))
      }
    }
    for sibling in target.kind == .ost ? metadata[...] : metadata.prefix(1) {
      found.append(("lwp", "\(site.plan.targets[sibling].label)-lwp-\(short)", sibling))
    }
    return found
  }

  /// The management client; only a server with a target has one.
  mutating func addManagementClient() {
    let name = site.plan.mgcName
    let mgs = site.plan.targets[site.plan.mgs]
    let nids = site.plan.nids(of: mgs)
    let isLocal = site.states[site.plan.mgs].mounts.contains { $0.server == position }
    var link = link(to: site.plan.mgs)
    if isLocal { link.connection = "0@lo" }
    let failover = isLocal ? nids + ["0@lo"] : nids
    add(
      .importDetail, "mgc/\(name)/import",
      importText(
        name: name, target: "MGS", link, failover,
        instance: site.states[site.plan.mgs].lastInstance))
    add(.importDetail, "mgc/\(name)/state", stateText(link.state))
    add(.importDetail, "mgc/\(name)/mgs_server_uuid", "MGS\t\(link.state)\n")
  }

  private struct Link {
    var state: String
    var connection: String
  }

  private func link(to target: Int) -> Link {
    let shape = site.plan.targets[target]
    guard let mount = site.states[target].mounts.first else {
      return Link(state: "DISCONN", connection: site.plan.servers[shape.primary].nid)
    }
    let nid = mount.server == position ? "0@lo" : site.plan.servers[mount.server].nid
    let isReady = shape.kind == .mgt || mount.recovery(at: site.now).phase == .complete
    return Link(state: isReady ? "FULL" : "REPLAY_WAIT", connection: nid)
  }

  private func stateText(_ state: String) -> String {
    "current_state: \(state)\nstate_history:\n - [ \(site.startedAt / 1_000_000_000), CONNECTING ]\n"
  }

  private func importText(
    name: String, target: String, _ link: Link, _ failover: [String], instance: Int64
  ) -> String {
    """
    import:
        name: \(name)
        target: \(target)
        state: \(link.state)
        connect_flags: [ version, adaptive_timeouts, full20, imp_recov, bulk_mbits ]
        connect_data:
           flags: 0x2000011005002020
           instance: \(instance)
           target_version: \(layout.version).0
        import_flags: [ pingable, connect_tried ]
        connection:
           failover_nids: [ \(failover.joined(separator: ", ")) ]
           current_connection: \(link.connection)
           connection_attempts: 1
           generation: 1
           in-progress_invalidations: 0
           idle: 0 sec
        rpcs:
           inflight: 0
           unregistering: 0
           timeouts: 0
           avg_waittime: 331 usec
        service_estimates:
           services: 1 sec
           network: 1 sec
        transactions:
           last_replay: 0
           peer_committed: 0
           last_checked: 0

    """
  }
}
