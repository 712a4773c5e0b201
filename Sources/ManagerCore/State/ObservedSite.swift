import Protocol

/// The site as its agents report it, merged, with the age of all evidence. A pure struct: facts come
/// in with the manager's clocks, effects are taken out, views answer for any moment.
///
/// Silence, staleness and a dropped link are never evidence: they only make what is known old.
package struct ObservedSite: Sendable {
  let managerVersion: String
  let started: Moment
  package var policy: StatePolicy
  let mint: IdentityMint
  var servers: [ServerID: ReportedServer] = [:]
  var targets: [String: ObservedTarget] = [:]
  var mgss: [String: MGSRecord] = [:]

  // Indexes over the above.
  var targetsByMGS: [String: [String: String]] = [:]
  var targetsByLabel: [String: Set<String>] = [:]
  var mgsByNID: [String: String] = [:]
  var mgsByFounder: [ServerID: String] = [:]
  var serversByNID: [String: Set<ServerID>] = [:]
  /// Ids that were merged away, and into what.
  var successors: [String: String] = [:]
  /// Targets that more than one server claims.
  var contested: Set<String> = []
  /// Those that have a double claim.
  var doubled: Set<String> = []
  /// Which collectors tell of which kind, learnt from all servers.
  var collectorsByKind: [TargetKind: Set<String>] = [:]
  var resolutions: [ServerID: [TargetReference: ResolvedTarget]] = [:]
  var effects = PendingEffects()

  /// Begins with what was persisted: all of it known, none of it current. `seed` must stay the same
  /// over restarts of one site.
  package init(
    managerVersion: String, startedAt: Moment, seed: UInt64, known: [ServerRecord],
    targets: [TargetRecord], mgs: [MGSRecord], memories: [ServerMemory] = [],
    policy: StatePolicy = StatePolicy()
  ) {
    self.managerVersion = managerVersion
    started = startedAt
    self.policy = policy
    mint = IdentityMint(seed: seed)
    // The clock was set back while no manager ran. By how much is not known; the last manager wrote down the
    // newest of these times at its end or somewhat before, so that counts from now, and what it had put
    // before that stays as long before.
    let newest =
      (known.compactMap(\.lastHeardNanoseconds) + targets.compactMap(\.lastActiveNanoseconds)).max()
    let ahead =
      newest.map { max(0, $0.subtractingReportingOverflow(startedAt.wallNanoseconds).0) } ?? 0
    func since(_ wall: Int64?) -> Int64? {
      wall.map { $0 > startedAt.wallNanoseconds ? $0 - ahead : $0 }
    }
    for var record in known {
      record.lastHeardNanoseconds = since(record.lastHeardNanoseconds)
      record.collectorEvidence = record.collectorEvidence?.compactMapValues(since)
      servers[record.id] = ReportedServer(record, at: startedAt)
      for nid in record.nids { serversByNID[nid, default: []].insert(record.id) }
    }
    for record in mgs.sorted(by: { $0.id < $1.id }) { insert(record) }
    for var record in targets.sorted(by: { $0.id < $1.id }) {
      record.lastActiveNanoseconds = since(record.lastActiveNanoseconds)
      insert(ObservedTarget(record, at: startedAt))
      for former in record.formerIDs { successors[former] = record.id }
    }
    for var memory in memories.sorted(by: { $0.server < $1.server }) {
      for place in memory.sections.indices {
        let kept = memory.sections[place]
        memory.sections[place].evidenceNanoseconds = since(kept.evidenceNanoseconds)
        memory.sections[place].unchangedSinceNanoseconds =
          since(kept.unchangedSinceNanoseconds) ?? kept.unchangedSinceNanoseconds
      }
      remember(memory, at: startedAt)
    }
    // Written down with the clock as it is now, once.
    if ahead > 0 { wallClockSet(by: nil, at: startedAt) }
  }

  /// Whether what is to be written down must not wait.
  package var isUrgent: Bool { effects.isUrgent }

  /// What the shell must do since the last call, in an order that is safe to follow.
  package mutating func takeEffects() -> [StateEffect] {
    let done = effects
    effects = PendingEffects()
    var list = done.merged
    list += done.removedServers.sorted().map(StateEffect.removeServer)
    list += done.removedTargets.sorted().map(StateEffect.removeTarget)
    list += done.removedMGSs.sorted().map(StateEffect.removeMGS)
    list += done.servers.sorted().compactMap { servers[$0].map { .persistServer($0.record) } }
    list += done.memories.sorted { $0.key < $1.key }.filter { servers[$0.key] != nil }
      .map { .persistMemory($0.value) }
    list += done.mgss.sorted().compactMap { mgss[$0].map(StateEffect.persistMGS) }
    list += done.targets.sorted().compactMap { targets[$0].map { .persistTarget($0.record) } }
    return list
  }
}
