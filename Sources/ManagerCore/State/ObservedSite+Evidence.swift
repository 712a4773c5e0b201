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
    releaseUnclaimed(by: id, at: now)
    if servers[id]?.isMemoryDue == true, isContesting(id) {
      effects.isUrgent = true
      persist(id, at: now)
      return
    }
    let limit =
      servers[id]?.isMemoryDue == true ? policy.rememberNanoseconds : policy.persistNanoseconds
    if now.monotonicNanoseconds - server.persisted >= limit {
      persist(id, at: now)
    }
  }

  private mutating func dropUnrepeated(by collector: String, of id: ServerID, at now: Moment) {
    guard let server = servers[id] else { return }
    for (key, held) in server.sections
    where held.standing == .unconfirmed && !server.awaited.contains(key)
      // A list counts only when all that is on it was read in this life of the agent, so that a unit which did
      // not repeat its section is not on it.
      && (held.section.collector == collector
        || CollectorName.whole(held.section.collector) == collector)
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
      // That there is evidence of it now is news as well.
      if contested.contains(target) { servers[id]?.isMemoryDue = true }
      if targets[target]?.wasActive(on: server, evidence: evidence, at: now) == true {
        effects.targets.insert(target)
      }
    }
  }

  /// Whether it claims what another one claims too: if the manager ends now, that must be known.
  private func isContesting(_ id: ServerID) -> Bool {
    contested.contains { targets[$0]?.claims[id]?.isHeld == true }
  }

  /// A target is twice active when the runs of evidence of two held claims overlap. An orderly move is none:
  /// the first server's last evidence is then older than the second's first. One that has fallen silent since
  /// had it then all the same, and has not let go.
  private mutating func compareClaims(of id: ServerID, at now: Moment) {
    guard !contested.isEmpty else { return }
    for target in contested.sorted() {
      guard let entry = targets[target], entry.claims[id]?.isHeld == true,
        let own = evidenceRun(of: entry, on: id)
      else { continue }
      for other in entry.heldClaimants where other != id {
        guard let run = evidenceRun(of: entry, on: other), own.overlaps(run) else { continue }
        let since = max(own.lowerBound, run.lowerBound)
        if targets[target]?.claimDoubly(on: [id, other], since: since, at: now) == true {
          doubled.insert(target)
          effects.targets.insert(target)
          effects.isUrgent = true
        }
      }
    }
  }

  private func evidenceRun(of target: ObservedTarget, on id: ServerID) -> ClosedRange<Int64>? {
    guard let server = servers[id], let claim = target.claims[id],
      let held = server.sections[claim.key]
    else { return nil }
    return server.evidenceRun(of: held)
  }

  /// A server that had a target with another one, and does not claim it, as after a restart of the manager that
  /// did not hear all of it: it lets go when it can be said to have it nowhere.
  private mutating func releaseUnclaimed(by id: ServerID, at now: Moment) {
    guard !doubled.isEmpty else { return }
    let held = doubled.filter {
      targets[$0]?.double?.servers.contains(id) == true && targets[$0]?.claims[id]?.isHeld != true
    }
    guard !held.isEmpty else { return }
    let assessor = TargetAssessor(site: self, now: now.monotonicNanoseconds)
    let gone = held.filter { target in
      targets[target].map { assessor.absenceTrouble(on: id, $0) == nil } ?? true
    }
    for target in gone { letGo(of: target, by: id) }
  }

  /// Ends its part in a double mount.
  mutating func letGo(of target: String, by id: ServerID) {
    guard targets[target]?.letGo(by: id) == true else { return }
    if targets[target]?.double == nil { doubled.remove(target) }
    effects.targets.insert(target)
  }

  /// Attaches a section to the target that it speaks of.
  mutating func startClaim(_ key: SectionKey, of id: ServerID, on target: String) {
    servers[id]?.targetIDs[key] = target
    targets[target]?.claims[id] = TargetClaim(key: key, isHeld: true, lastEvidence: nil)
    claimsChanged(on: target)
  }

  /// A server stops to say that a target is active there.
  ///
  /// - Parameter isUnderstood: what it says instead; what is not understood releases nothing.
  mutating func endClaim(
    _ key: SectionKey, of id: ServerID, evidence: Int64?, isUnderstood: Bool = true, at now: Moment
  ) {
    guard let target = servers[id]?.targetIDs.removeValue(forKey: key) else { return }
    guard targets[target]?.claims[id]?.key == key else { return }
    targets[target]?.claims[id]?.isHeld = false
    targets[target]?.claims[id]?.lastEvidence = evidence
    if let evidence, let server = servers[id] {
      _ = targets[target]?.wasActive(on: server, evidence: evidence, at: now)
      effects.targets.insert(target)
    }
    if isUnderstood { letGo(of: target, by: id) }
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

  /// Keeps what hangs on the number of claims.
  mutating func claimsChanged(on target: String) {
    guard let entry = targets[target] else {
      contested.remove(target)
      return
    }
    if entry.heldClaimants.count > 1 { contested.insert(target) } else { contested.remove(target) }
  }
}
