import Protocol

/// Enrolment, sessions and contact.
extension ObservedSite {
  /// A server was enrolled, enrolled anew, or has a new certificate.
  package mutating func serverEnrolled(_ record: ServerRecord, at now: Moment) {
    effects.removedServers.remove(record.id)
    effects.servers.insert(record.id)
    guard let old = servers[record.id]?.record else {
      servers[record.id] = ReportedServer(record, at: now)
      nidsChanged(of: record.id, from: [], to: record.nids)
      return
    }
    var record = record
    // An enrolment knows nothing of what the agent said: keep that.
    record.lastBoot = old.lastBoot
    record.lastHeardNanoseconds = old.lastHeardNanoseconds
    record.nids = old.nids
    record.readsTree = old.readsTree
    record.collectorEvidence = old.collectorEvidence
    if servers[record.id]?.sections[SectionKey(HostSection.sectionName)] != nil {
      record.hostname = old.hostname
    }
    servers[record.id]?.record = record
  }

  /// A server is no part of the site any more. What it served becomes unknown, not unmounted.
  package mutating func serverForgotten(_ id: ServerID, at now: Moment) {
    guard let server = servers[id] else { return }
    let named = server.registeredTargets.union(server.importedTargets)
      .union(resolutions[id]?.values.map(\.targetID) ?? []).map { successors[$0] ?? $0 }
    for key in server.sections.keys.sorted() { dropSection(key, of: id, at: now) }
    nidsChanged(of: id, from: server.record.nids, to: [])
    servers[id] = nil
    resolutions[id] = nil
    for (target, entry) in targets where entry.record.servers.contains(id) {
      targets[target]?.record.servers.removeAll { $0 == id }
      effects.targets.insert(target)
    }
    for target in targets.keys { targets[target]?.claims[id] = nil }
    for target in doubled { letGo(of: target, by: id) }
    // What only it named, and nobody ever saw, is no target of the site.
    for target in named where targets[target]?.record.lastActiveServer == nil {
      try? targetForgotten(target, at: now)
    }
    if let mgs = mgsByFounder.removeValue(forKey: id) {
      mgss[mgs]?.foundingServer = nil
      effects.mgss.insert(mgs)
    }
    effects.servers.remove(id)
    effects.memories[id] = nil
    effects.removedServers.insert(id)
  }

  /// An agent has said hello. A boot id other than the last ends everything that was active there.
  /// `address` is the peer's with its port; `sent` is the hello's own stamp.
  package mutating func sessionOpened(
    _ id: ServerID, session: String, hello: Hello, sent: Stamp? = nil, address: String,
    at now: Moment
  ) {
    guard let server = servers[id] else { return }
    let silence = now.monotonicNanoseconds - (server.heard ?? .min / 2)
    servers[id]?.identity.opened(
      IdentityUse.Life(
        boot: hello.boot, incarnation: hello.incarnation,
        hostname: hello.hostname.isEmpty ? server.name : hello.hostname,
        address: IdentityUse.host(of: address)),
      sent: sent?.bootNanoseconds,
      interrupts: server.session != nil && silence <= policy.suspectAfterNanoseconds,
      quiet: policy.sharedIdentityNanoseconds,
      at: now.monotonicNanoseconds)
    if let last = server.record.lastBoot, last != hello.boot {
      for key in server.sections.keys.sorted() { dropSection(key, of: id, at: now) }
      for target in doubled { letGo(of: target, by: id) }
      servers[id]?.rebooted = now.monotonicNanoseconds
      servers[id]?.log.rebooted()
    }
    servers[id]?.startSession(
      session, hello: hello, address: address, at: now.monotonicNanoseconds)
    servers[id]?.record.lastBoot = hello.boot
    servers[id]?.record.readsTree = hello.readsTree
    if !hello.hostname.isEmpty { servers[id]?.record.hostname = hello.hostname }
    servers[id]?.isMemoryDue = true
    persist(id, at: now)
  }

  /// Which agents are proven to use one identity; `nil` when none are.
  package func identitySharing(of id: ServerID, at now: Moment) -> String? {
    let sharing = servers[id]?.identity.sharing(
      at: now.monotonicNanoseconds, quiet: policy.sharedIdentityNanoseconds)
    return sharing == nil ? nil : servers[id]?.identityTrouble(at: now.monotonicNanoseconds, policy)
  }

  /// Which servers' certificates are revoked, all of them.
  package mutating func revocationsKnown(_ revoked: Set<ServerID>) {
    for (id, server) in servers where server.isRevoked != revoked.contains(id) {
      servers[id]?.isRevoked = !server.isRevoked
    }
  }

  /// Any byte came from the agent.
  package mutating func heard(_ id: ServerID, at now: Moment) {
    guard let heard = servers[id]?.heard else {
      servers[id]?.heard = now.monotonicNanoseconds
      return
    }
    servers[id]?.heard = max(heard, now.monotonicNanoseconds)
  }

  /// History holds what a server sent at that time, so it was heard then at the latest.
  package mutating func wasHeard(_ id: ServerID, wallNanoseconds: Int64, at now: Moment) {
    guard let server = servers[id] else { return }
    servers[id]?.heard = max(server.heard ?? .min, now.monotonic(ofWall: wallNanoseconds))
  }

  /// A session ended. The end of one that was replaced meanwhile is no news.
  package mutating func sessionClosed(
    _ id: ServerID, session: String, reason: Diagnostic, at now: Moment
  ) {
    guard servers[id]?.session?.id == session else { return }
    if reason.code == DiagnosticCode.agentStopping.rawValue {
      servers[id]?.identity.stopped()
      servers[id]?.isMemoryDue = true
    }
    servers[id]?.session = nil
    servers[id]?.lastClose = reason
    persist(id, at: now)
  }

  /// The manager's wall clock minus the agent's was measured.
  package mutating func clockMeasured(
    _ id: ServerID, offsetNanoseconds offset: Int64, at now: Moment
  ) {
    servers[id]?.clockOffset = offset
    if offset.magnitude <= policy.skewNanoseconds.magnitude {
      servers[id]?.skewedSince = nil
    } else if servers[id]?.skewedSince == nil {
      servers[id]?.skewedSince = now.monotonicNanoseconds
    }
  }

  /// A batch was stored.
  package mutating func batchIngested(_ id: ServerID, samples: Int, at now: Moment) {
    servers[id]?.batches += 1
    servers[id]?.samples += UInt64(max(0, samples))
  }

  /// Samples are missing for good.
  package mutating func lossFound(_ id: ServerID, _ loss: SampleLoss, at now: Moment) {
    servers[id]?.found(loss, at: now.monotonicNanoseconds)
  }

  /// Log lines came, perhaps again.
  package mutating func logged(_ id: ServerID, _ lines: [LogLine], at now: Moment) {
    for line in lines { servers[id]?.log.append(line) }
    heard(id, at: now)
  }

  /// The wall clock was set: what is written down by it is written anew, or every restart would take it for
  /// another time.
  ///
  /// - Parameter step: by how much; `nil` when only what is still to come is known to be wrong.
  package mutating func wallClockSet(by step: Int64?, at now: Moment) {
    for id in servers.keys.sorted() {
      let evidence = servers[id]?.record.collectorEvidence?.mapValues {
        step.map($0.addingReportingOverflow)?.partialValue ?? min($0, now.wallNanoseconds)
      }
      servers[id]?.record.collectorEvidence = evidence
      servers[id]?.isMemoryDue = true
      persist(id, at: now)
    }
    for id in targets.keys {
      targets[id]?.writeTimes(at: now)
      effects.targets.insert(id)
    }
  }

  /// Writes down when a server was last heard, its targets last seen active, and what it said anew.
  package mutating func persist(_ id: ServerID, at now: Moment) {
    guard let server = servers[id] else { return }
    servers[id]?.persisted = now.monotonicNanoseconds
    servers[id]?.record.lastHeardNanoseconds = server.heard.map { now.wall(ofMonotonic: $0) }
    var dated = server.record.collectorEvidence ?? [:]
    for (name, progress) in server.collectors {
      if let evidence = progress.sampledEvidence { dated[name] = now.wall(ofMonotonic: evidence) }
    }
    let tellers = Set(server.sections.values.map(\.section.collector))
    servers[id]?.record.collectorEvidence = dated.filter { tellers.contains($0.key) }
    effects.servers.insert(id)
    if server.isMemoryDue {
      servers[id]?.isMemoryDue = false
      effects.memories[id] = memory(of: id, at: now)
    }
    for (key, target) in server.targetIDs {
      let values = targets[target]?.values.mapValues {
        KeptValue(bits: $0.bits, nanoseconds: now.wall(ofMonotonic: $0.evidence))
      }
      targets[target]?.record.values = values
      guard let held = server.sections[key], let evidence = server.evidence(of: held) else {
        continue
      }
      _ = targets[target]?.wasActive(on: server, evidence: evidence, at: now)
      effects.targets.insert(target)
    }
  }

  /// Keeps the index of NIDs, and looks anew at what hangs on them.
  mutating func nidsChanged(of id: ServerID, from old: [String], to new: [String]) {
    guard old != new else { return }
    for nid in old where !new.contains(nid) {
      serversByNID[nid]?.remove(id)
      if serversByNID[nid]?.isEmpty == true { serversByNID[nid] = nil }
    }
    for nid in new { serversByNID[nid, default: []].insert(id) }
    servers[id]?.record.nids = new
    if servers[id] != nil { effects.servers.insert(id) }
  }
}
