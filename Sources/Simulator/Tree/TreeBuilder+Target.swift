import Protocol

extension TreeBuilder {
  /// Everything that a target shows of itself, but its exports and imports.
  mutating func addTarget(_ active: Active) {
    switch active.target.kind {
    case .mgt: addManagement(active)
    case .mdt: addMetadata(active)
    case .ost: addObjects(active)
    case .unrecognised: return
    }
    addBackend(active)
  }

  private mutating func addMetadata(_ active: Active) {
    let folder = "mdt/" + active.target.label
    add(.metadataStats, folder + "/md_stats", stats(active))
    addServing(active, folder)
    let objects = site.plan.siblings(of: active.target, .ost)
    let lod = "lod/\(active.target.label)-mdtlov"
    let list = objects.enumerated().map { "\($0): \(site.plan.targets[$1].label)_UUID ACTIVE\n" }
    add(.objectTargetList, lod + "/target_obd", list.joined())
    add(.objectTargetCount, lod + "/numobd", value: objects.count)
    add(.objectTargetCount, lod + "/activeobd", value: objects.count)
  }

  private mutating func addObjects(_ active: Active) {
    let folder = "obdfilter/" + active.target.label
    add(.objectStats, folder + "/stats", stats(active))
    addServing(active, folder)
    addSpace(active, .objectSpace, folder)
    add(.degraded, folder + "/degraded", value: 0)
  }

  /// What metadata and object targets have in common.
  private mutating func addServing(_ active: Active, _ folder: String) {
    let remembered = active.mount.jobs.enumerated().compactMap { place, entry in
      entry.flatMap { entry in
        site.now - entry.changedAt > JobEntry.cleanupNanoseconds
          ? nil : (name: JobTable.names[place], entry: entry)
      }
    }
    let jobs = JobStatsText(layout: layout)
    add(
      .jobStats, folder + "/job_stats",
      jobs.file(remembered, of: active.target.kind, wallAtStart: site.startedAt))
    add(.recovery, folder + "/recovery_status", recoveryText(active))
    add(.recoveryTime, folder + "/recovery_time_soft", value: 150)
    add(.recoveryTime, folder + "/recovery_time_hard", value: 900)
    add(.uuid, folder + "/uuid", value: active.target.label + "_UUID")
    add(.instance, folder + "/instance", value: active.mount.instance)
    add(.evictionCount, folder + "/eviction_count", value: 0)
    for total in ["tot_dirty", "tot_granted", "tot_pending"] {
      let clients = active.mount.clients.count { $0.isConnected(at: site.now) }
      add(.grants, "\(folder)/\(total)", value: total == "tot_granted" ? clients << 21 : 0)
    }
  }

  private func stats(_ active: Active) -> String {
    StatsText(layout: layout).file(
      active.mount.totals, of: active.target.kind, snapshot: wallNow,
      startedAt: site.wall(active.mount.startedAt))
  }

  // MARK: Space

  private mutating func addBackend(_ active: Active) {
    let folder = "\(active.target.osdName)/\(active.target.label)"
    addSpace(active, .osdSpace, folder)
    add(.osdFacts, folder + "/fstype", value: active.target.backend.rawValue)
    add(.osdFacts, folder + "/mntdev", value: active.target.source)
    add(.osdFacts, folder + "/nonrotational", value: active.target.kind == .ost ? 0 : 1)
  }

  private mutating func addSpace(_ active: Active, _ family: ParameterFamily, _ folder: String) {
    let state = site.states[active.position]
    let target = active.target
    let free = target.totalBytes - min(state.usedBytes, target.totalBytes)
    // ldiskfs keeps five hundredths for root.
    let kept = target.backend == .ldiskfs ? target.totalBytes / 20 : 0
    add(family, folder + "/kbytestotal", value: target.totalBytes / 1_024)
    add(family, folder + "/kbytesfree", value: free / 1_024)
    add(family, folder + "/kbytesavail", value: (free - min(kept, free)) / 1_024)
    add(family, folder + "/filestotal", value: target.totalFiles)
    add(
      family, folder + "/filesfree",
      value: target.totalFiles - min(state.usedFiles, target.totalFiles))
    add(family, folder + "/blocksize", value: target.backend == .zfs ? 1_048_576 : 4_096)
  }

  // MARK: Recovery

  private func recoveryText(_ active: Active) -> String {
    let recovery = active.mount.recovery(at: site.now)
    let state = site.states[active.position]
    switch recovery.phase {
    case .waitingForClients: return "status: WAITING_FOR_CLIENTS\n"
    case .recovering:
      return """
        status: RECOVERING
        recovery_start: \(recoveryClock(recovery.startedAt))
        time_remaining: \(timeRemaining(recovery))
        connected_clients: \(recovery.returned)/\(recovery.total)
        req_replay_clients: \(recovery.returned - recovery.finished)
        lock_repay_clients: 0
        completed_clients: \(recovery.finished)
        evicted_clients: 0
        replayed_requests: 0
        queued_requests: 0
        next_transno: \(state.lastTransaction + 1)

        """
    case .complete:
      let duration = ((recovery.endedAt ?? site.now) - recovery.startedAt) / 1_000_000_000
      return """
        status: COMPLETE
        recovery_start: \(recoveryClock(recovery.startedAt))
        recovery_duration: \(duration)
        completed_clients: \(recovery.returned)/\(recovery.total)
        replayed_requests: 0
        last_transno: \(state.lastTransaction)
        VBR: DISABLED
        IR: ENABLED

        """
    }
  }

  /// 2.12 shows the boot clock where a wall clock belongs (LU-13449).
  private func recoveryClock(_ time: Int64) -> Int64 {
    let base = layout == .lustre2_12 ? time - server.bootedAt : site.wall(time)
    return base / 1_000_000_000
  }

  /// 2.12 always shows 0 (LU-13449).
  private func timeRemaining(_ recovery: Recovery) -> Int64 {
    guard layout != .lustre2_12 else { return 0 }
    return max(0, 150 - (site.now - recovery.startedAt) / 1_000_000_000)
  }

  // MARK: Management

  private mutating func addManagement(_ active: Active) {
    let folder = "mgs/MGS"
    let generation = 3 + site.states.reduce(0) { $0 + $1.lastInstance }
    for whole in site.plan.fileSystems {
      let labels = (whole.metadataTargets + whole.objectTargets).map {
        site.plan.targets[$0].label
      }
      add(.mgsLive, "\(folder)/live/\(whole.name)", live(whole.name, labels, generation))
    }
    add(.mgsLive, folder + "/live/params", live("params", [], 1))
    add(
      .mgsFileSystems, folder + "/filesystems",
      site.plan.fileSystems.map { $0.name + "\n" }.joined())
    add(.uuid, folder + "/uuid", value: "MGS")
    add(.mgsFacts, folder + "/fstype", value: active.target.backend.rawValue)
    add(.mgsFacts, folder + "/mntdev", value: active.target.source)
    add(.evictionCount, folder + "/eviction_count", value: 0)
  }

  private func live(_ name: String, _ labels: [String], _ generation: Int64) -> String {
    """
    fsname: \(name)
    flags: 0x20     gen: \(generation)
    \(labels.map { $0 + "\n" }.joined())
    Secure RPC Config Rules:

    imperative_recovery_state:
        state: full
        nonir_clients: 0
        nidtbl_version: \(labels.count * 2 + 2)
        notify_duration_total: 0.004211706
        notify_duation_max: 0.000853740
        notify_count: \(labels.count)

    """
  }
}
