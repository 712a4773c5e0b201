import Protocol

/// Cycles end: what was said becomes evidence, and evidence is compared.
extension ObservedSite {
  /// A cycle of a collector has ended; `evidenceNanoseconds` is when its reads began, corrected to
  /// the manager's wall clock.
  ///
  /// A session begins with all sections, and cycle ends follow them: so a section of an earlier
  /// session that was not repeated by then, and that nobody asked for again, is gone.
  package mutating func cycleEnded(
    _ id: ServerID, _ end: CycleEnd, evidenceNanoseconds: Int64, at now: Moment
  ) {
    guard let server = servers[id], server.session != nil else { return }
    heard(id, at: now)
    let evidence = now.monotonic(ofWall: evidenceNanoseconds)
    if server.collectors[end.collector] == nil {
      servers[id]?.collectors[end.collector] = CollectorProgress(
        end, evidence: evidence, at: now.monotonicNanoseconds)
    } else {
      servers[id]?.collectors[end.collector]?.cycleEnded(
        end, evidence: evidence, policy, at: now.monotonicNanoseconds)
    }
    if end.outcome == .sampled || end.outcome == .notApplicable {
      dropUnrepeated(by: end.collector, of: id, at: now)
    }
    if end.outcome == .sampled { confirmPending(by: end.collector, of: id, at: now) }
    if end.outcome == .notApplicable, CollectorName.isUnit(end.collector) {
      // What it read is gone; it has nothing more to say.
      servers[id]?.collectors[end.collector] = nil
    }
    compareClaims(of: id, at: now)
    let limit =
      servers[id]?.isMemoryDue == true ? policy.rememberNanoseconds : policy.persistNanoseconds
    if now.monotonicNanoseconds - server.persisted >= limit {
      persist(id, at: now)
    }
  }

  private mutating func dropUnrepeated(by collector: String, of id: ServerID, at now: Moment) {
    guard let server = servers[id] else { return }
    for (key, held) in server.sections
    where held.standing == .unconfirmed && held.section.collector == collector
      && !server.awaited.contains(key)
    {
      dropSection(key, of: id, at: now)
    }
  }

  private mutating func confirmPending(by collector: String, of id: ServerID, at now: Moment) {
    guard let keys = servers[id]?.pending.removeValue(forKey: collector),
      let evidence = servers[id]?.collectors[collector]?.sampledEvidence
    else { return }
    for key in keys {
      guard let held = servers[id]?.sections[key], held.standing == .pending,
        held.section.collector == collector
      else { continue }
      servers[id]?.sections[key]?.standing = .confirmed(since: evidence)
      guard let target = servers[id]?.targetIDs[key], let server = servers[id] else { continue }
      if targets[target]?.wasActive(on: server, evidence: evidence, at: now) == true {
        effects.targets.insert(target)
      }
    }
  }

  /// A target is twice active when the runs of evidence of two current claims overlap. An orderly
  /// move is none: the first server's last evidence is then older than the second's first.
  private mutating func compareClaims(of id: ServerID, at now: Moment) {
    guard !contested.isEmpty else { return }
    for target in contested.sorted() {
      guard let entry = targets[target], entry.claims[id]?.isHeld == true,
        let own = currentRun(of: entry, on: id, at: now.monotonicNanoseconds)
      else { continue }
      for other in entry.heldClaimants where other != id {
        guard let run = currentRun(of: entry, on: other, at: now.monotonicNanoseconds),
          own.overlaps(run)
        else { continue }
        if targets[target]?.double == nil {
          targets[target]?.double = DoubleClaim(
            servers: [], since: max(own.lowerBound, run.lowerBound))
        }
        targets[target]?.double?.servers.formUnion([id, other])
      }
    }
  }

  private func currentRun(of target: ObservedTarget, on id: ServerID, at now: Int64)
    -> ClosedRange<Int64>?
  {
    guard let server = servers[id], let claim = target.claims[id],
      let held = server.sections[claim.key], server.isCurrent(held, at: now, policy)
    else { return nil }
    return server.evidenceRun(of: held)
  }

  /// Attaches a section to the target that it speaks of.
  mutating func startClaim(_ key: SectionKey, of id: ServerID, on target: String) {
    servers[id]?.targetIDs[key] = target
    targets[target]?.claims[id] = TargetClaim(key: key, isHeld: true, lastEvidence: nil)
    claimsChanged(on: target)
  }

  /// A server stops to say that a target is active there.
  mutating func endClaim(
    _ key: SectionKey, of id: ServerID, evidence: Int64?, at now: Moment
  ) {
    guard let target = servers[id]?.targetIDs.removeValue(forKey: key) else { return }
    guard targets[target]?.claims[id]?.key == key else { return }
    targets[target]?.claims[id]?.isHeld = false
    targets[target]?.claims[id]?.lastEvidence = evidence
    if let evidence, let server = servers[id] {
      _ = targets[target]?.wasActive(on: server, evidence: evidence, at: now)
      effects.targets.insert(target)
    }
    claimsChanged(on: target)
    // A name that is no label names nothing that could be elsewhere.
    if let entry = targets[target], entry.record.kind == .unrecognised, entry.heldClaimants.isEmpty
    {
      dropTarget(target)
    }
  }

  func isClaimHeld(_ target: String, by id: ServerID) -> Bool {
    targets[target]?.claims[id]?.isHeld == true
  }

  /// Keeps what hangs on the number of claims; a double claim ends when one server lets go.
  mutating func claimsChanged(on target: String) {
    guard let entry = targets[target] else {
      contested.remove(target)
      return
    }
    let claimants = Set(entry.heldClaimants)
    if claimants.count > 1 { contested.insert(target) } else { contested.remove(target) }
    if let double = entry.double {
      let left = double.servers.intersection(claimants)
      targets[target]?.double =
        left.count > 1 ? DoubleClaim(servers: left, since: double.since) : nil
    }
  }
}
