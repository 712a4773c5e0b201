import Protocol

/// A target as it stands at one moment, and why.
struct TargetAssessment: Sendable {
  var entry: ObservedTarget
  var state: TargetState
  var reason: String
  /// Since when the state holds, as far as evidence tells; monotonic.
  var since: Int64
  /// Where it is active by current evidence.
  var active: ServerID?
  /// Where the words about it come from: the active server, else the one that said most lately.
  var source: ServerID?
  var section: TargetSection?
  /// Since when the section says what it says.
  var sectionSince: Int64?
  /// Age of the evidence behind the state, else of the last that it was active.
  var evidence: Int64?
  /// Enrolled servers that may serve it.
  var hosts: [ServerID]
  /// NIDs that may serve it and belong to no enrolled server.
  var foreignNIDs: [String]

  var record: TargetRecord { entry.record }
  /// By current evidence it is set up somewhere, whatever else of it is not known.
  var isActive: Bool { active != nil }
  var isDegraded: Bool { state == .mounted && section?.degraded == true }
  var isReadOnly: Bool { state == .mounted && section?.readOnly == true }
}

/// Assesses targets at one moment; remembers what is the same for all.
struct TargetAssessor {
  let site: ObservedSite
  let now: Int64
  /// Why not all servers can be said to have no target of a kind; inner `nil`: they can.
  private var siteWide: [TargetKind: String?] = [:]

  init(site: ObservedSite, now: Int64) {
    self.site = site
    self.now = now
  }

  mutating func assess(_ entry: ObservedTarget) -> TargetAssessment {
    let serving = servingServers(of: entry)
    var result = TargetAssessment(
      entry: entry, state: .unknown, reason: "", since: entry.known, hosts: serving.hosts,
      foreignNIDs: serving.foreign)
    let claims = heldClaims(of: entry)
    if let newest = claims.max(by: { ($0.evidence ?? .min) < ($1.evidence ?? .min) }) {
      result.take(newest)
    }
    result.evidence = latest(entry.lastActive, claims.compactMap(\.evidence).max())
    let current = claims.filter(\.isCurrent)
    if let double = entry.double {
      result.state = .twice
      result.since = double.since
      result.reason = describe(double, claims)
      // The one that had it first, whoever spoke last: the facts must not change sides.
      if let first = current.min(by: { $0.seniority < $1.seniority }) {
        result.take(first)
        result.active = first.server
      }
    } else if let newest = current.max(by: { $0.rank < $1.rank }) {
      result.take(newest)
      result.active = newest.server
      result.evidence = newest.evidence
      if let doubt = doubt(newest, claims, serving.hosts, entry) {
        result.since = newest.runStart ?? now
        result.reason = doubt
      } else {
        activeState(newest, &result)
      }
    } else {
      absentState(entry, serving, &result)
    }
    return result
  }

  // MARK: Claims

  struct HeldClaim {
    var server: ServerID
    var name: String
    var isCurrent: Bool
    var evidence: Int64?
    var runStart: Int64?
    var held: ReportedSection
    /// Later evidence wins, then the later begin: in an orderly move, the new server.
    var rank: (Int64, Int64) { (evidence ?? .min, runStart ?? .min) }
    var seniority: (Int64, String) { (runStart ?? .max, name) }
  }

  func heldClaims(of entry: ObservedTarget) -> [HeldClaim] {
    entry.heldClaimants.compactMap { id in
      guard let server = site.servers[id], let claim = entry.claims[id],
        let held = server.sections[claim.key]
      else { return nil }
      return HeldClaim(
        server: id, name: server.name,
        isCurrent: server.isCurrent(held, at: now, site.policy),
        evidence: server.evidence(of: held), runStart: server.evidenceRun(of: held)?.lowerBound,
        held: held)
    }
  }

  /// Why it can not be said that it is active there and nowhere else; `nil` when it can.
  ///
  /// - Parameter claim: a current one of `claims`.
  private func doubt(
    _ claim: HeldClaim, _ claims: [HeldClaim], _ hosts: [ServerID], _ entry: ObservedTarget
  ) -> String? {
    // An orderly move looks like this too, until the first server has said that it let go.
    let others = claims.filter { $0.isCurrent && $0.server != claim.server }
    if let other = others.max(by: { $0.rank < $1.rank }) {
      let age = AgeText.text(nanoseconds: now - (other.evidence ?? now))
      return "active on \(claim.name), but \(other.name) said \(age) ago that it is active there, "
        + "and has not said since that it let go"
    }
    // One that had it after this one began to, and fell silent: no move that was in order.
    let later = claims.filter { other in
      other.server != claim.server && other.evidence.map { $0 > claim.held.unchangedSince } == true
    }
    if let other = later.max(by: { $0.rank < $1.rank }) {
      let age = AgeText.text(nanoseconds: now - (other.evidence ?? now))
      let isHeard = site.servers[other.server]?.isHeard(at: now, site.policy) ?? false
      return "active on \(claim.name), but \(other.name)\(isHeard ? "" : ", which is silent,")"
        + " said \(age) ago that it is active there" + (isHeard ? ", and has not said since" : "")
    }
    for id in hosts {
      guard let server = site.servers[id] else { continue }
      if id == claim.server {
        if let shared = server.identityTrouble(at: now, site.policy) { return shared }
        if case .lustre(let body)? = server.currentFact(.lustre, at: now, site.policy),
          !body.devices.isEmpty, !body.devices.contains(where: { $0.name == entry.record.label })
        {
          return "\(claim.name) shows it, but its list of devices does not have it"
        }
      } else if let contradiction = contradiction(entry.record.label, on: server) {
        return "active on \(claim.name), but " + contradiction
      }
    }
    return nil
  }

  private func activeState(_ claim: HeldClaim, _ result: inout TargetAssessment) {
    let age = AgeText.text(nanoseconds: now - (claim.evidence ?? now))
    result.since = claim.runStart ?? now
    switch result.section?.recovery {
    case .waiting, .waitingForClients, .recovering:
      result.state = .recovering
      result.since = claim.held.unchangedSince
      result.reason = "in recovery on \(claim.name), seen \(age) ago"
    case .inactive, .complete:
      result.state = .mounted
      result.reason = "active on \(claim.name), seen \(age) ago"
    case nil where result.record.kind == .mgt && result.section != nil:
      // The MGS knows no recovery.
      result.state = .mounted
      result.reason = "active on \(claim.name), seen \(age) ago"
    case .unrecognised, nil:
      result.state = .unknown
      result.since = claim.held.unchangedSince
      let why =
        result.section == nil
        ? "what is said of it is not understood"
        : result.section?.recovery == nil
          ? "recovery_status tells nothing" : "recovery_status says what this manager does not know"
      result.reason =
        "active on \(claim.name), seen \(age) ago, but whether it is in recovery is not known: \(why)"
    }
  }

  private func describe(_ double: DoubleClaim, _ claims: [HeldClaim]) -> String {
    let known = claims.filter { double.servers.contains($0.server) }
    // After a restart of the manager one may be known by the double claim alone.
    let parts =
      known.map { claim in
        let age = claim.evidence.map { AgeText.text(nanoseconds: now - $0) + " ago" } ?? "earlier"
        return "\(claim.name) (seen \(age))"
      }
      + double.servers.subtracting(known.map(\.server)).compactMap { site.servers[$0]?.name }
      .sorted().map { "\($0) (seen earlier)" }
    return "active on \(parts.joined(separator: " and "))"
  }

  // MARK: Absence

  func servingServers(of entry: ObservedTarget) -> (
    hosts: [ServerID], foreign: [String], isTold: Bool
  ) {
    let record = entry.record
    let nids = record.kind == .mgt ? site.mgss[record.mgs]?.nids ?? [] : record.servingNIDs
    var hosts = Set(record.servers)
    hosts.formUnion(entry.claims.keys)
    var foreign: [String] = []
    for nid in nids {
      if let servers = site.serversByNID[nid] {
        hosts.formUnion(servers)
      } else {
        foreign.append(nid)
      }
    }
    let known = hosts.filter { site.servers[$0] != nil }
    return (known.sorted(), foreign, !nids.isEmpty)
  }

  /// Nobody says now that it is active. It is unmounted only if everyone who may serve it says so;
  /// when nobody ever told who may, that is not known.
  private mutating func absentState(
    _ entry: ObservedTarget, _ serving: (hosts: [ServerID], foreign: [String], isTold: Bool),
    _ result: inout TargetAssessment
  ) {
    let last = entry.record.lastActiveServer
    let order = serving.hosts.filter { $0 == last } + serving.hosts.filter { $0 != last }
    result.since = result.evidence ?? entry.known
    for id in order {
      if let trouble = absenceTrouble(on: id, entry) {
        result.reason = trouble + lastSeen(entry, result.evidence, troubled: id)
        return
      }
    }
    let elsewhere = notSeenHere(serving.hosts)
    if let foreign = serving.foreign.first {
      result.reason =
        elsewhere + "\(foreign) may serve it, and no enrolled server has that NID"
        + lastSeen(entry, result.evidence, troubled: nil)
    } else if serving.isTold, serving.hosts.isEmpty {
      result.reason = "no enrolled server may serve it"
    } else if !serving.isTold {
      // A server that is not enrolled may have it, and nobody could say so.
      let trouble = siteWideTrouble(entry.record.kind) ?? "one that is not enrolled may have it"
      result.reason =
        elsewhere + "no import tells which servers may serve it, and \(trouble)"
        + lastSeen(entry, result.evidence, troubled: nil)
    } else {
      result.state = .unmounted
      result.reason =
        "not active on \(names(serving.hosts))" + lastSeen(entry, result.evidence, troubled: nil)
    }
  }

  private func notSeenHere(_ hosts: [ServerID]) -> String {
    hosts.isEmpty ? "" : "not active on \(names(hosts)); "
  }

  private func names(_ ids: [ServerID]) -> String {
    ids.compactMap { site.servers[$0]?.name }.sorted().joined(separator: ", ")
  }

  private func lastSeen(_ entry: ObservedTarget, _ evidence: Int64?, troubled: ServerID?)
    -> String
  {
    guard let evidence else { return "; never seen active" }
    let age = AgeText.text(nanoseconds: now - evidence)
    let last = entry.record.lastActiveServer
    if let troubled, troubled == last { return "; last seen active there \(age) ago" }
    let name = last.flatMap { site.servers[$0]?.name } ?? entry.record.lastActiveHostname
    guard let name else { return "; last seen active \(age) ago" }
    let forgotten = last.map { site.servers[$0] == nil } ?? false
    return "; last seen active on \(name) \(age) ago"
      + (forgotten ? ", which was forgotten since" : "")
  }

  /// Why a server can not be said to have the target nowhere active; `nil` when it can.
  func absenceTrouble(on id: ServerID, _ entry: ObservedTarget) -> String? {
    guard let server = site.servers[id] else { return "a server was forgotten" }
    if let shared = server.identityTrouble(at: now, site.policy) { return shared }
    if let claim = entry.claims[id], claim.isHeld {
      return server.trouble(
        of: server.sections[claim.key]?.section.collector, at: now, site.policy)
    }
    let key = SectionKey(TargetSection.sectionName, entry.record.label)
    if let held = server.sections[key], case .opaque = held.fact {
      return "what \(server.name) says of it is not understood"
    }
    let told = entry.claims[id]?.lastEvidence
    return kindTrouble(entry.record.kind, on: server, since: told)
      ?? contradiction(entry.record.label, on: server)
  }

  /// A server whose collectors of targets see none of this label, while its list of devices or its
  /// mount table still has it.
  private func contradiction(_ label: String, on server: ReportedServer) -> String? {
    if case .lustre(let body)? = server.currentFact(.lustre, at: now, site.policy),
      body.devices.contains(where: { $0.name == label })
    {
      return "\(server.name) shows no such target, but its list of devices has it"
    }
    if case .mounts(let body)? = server.currentFact(.mounts, at: now, site.policy),
      body.mounts.contains(where: { $0.role == .target && $0.label == label })
    {
      return "\(server.name) shows no such target, but its mount table has it"
    }
    return nil
  }

  private func kindTrouble(_ kind: TargetKind, on server: ReportedServer, since: Int64?)
    -> String?
  {
    if let shared = server.identityTrouble(at: now, site.policy) { return shared }
    if server.awaited.contains(where: { $0.name == TargetSection.sectionName }) {
      return "\(server.name) has not repeated all of its report yet"
    }
    let tellers = site.collectors(of: kind)
    let present = tellers.filter { server.collectors[$0] != nil }
    guard !present.isEmpty else {
      return server.trouble(of: tellers.first, at: now, site.policy)
    }
    for collector in present {
      guard server.isComplete(collector, at: now, site.policy) else {
        return server.trouble(of: collector, at: now, site.policy)
      }
      // The cycle that no longer had it must have begun after the last that had.
      if let since, let complete = server.collectors[collector]?.completeEvidence,
        complete <= since
      {
        return "\(server.name) has not ended a cycle without it yet"
      }
    }
    return nil
  }

  private mutating func siteWideTrouble(_ kind: TargetKind) -> String? {
    if let known = siteWide[kind] { return known }
    var trouble: String?
    for id in site.servers.keys.sorted() {
      guard let server = site.servers[id] else { continue }
      trouble = kindTrouble(kind, on: server, since: nil)
      if trouble != nil { break }
    }
    if site.servers.isEmpty { trouble = "no server is enrolled" }
    siteWide[kind] = .some(trouble)
    return trouble
  }
}

extension TargetAssessment {
  fileprivate mutating func take(_ claim: TargetAssessor.HeldClaim) {
    source = claim.server
    sectionSince = claim.held.unchangedSince
    if case .target(let body) = claim.held.fact { section = body }
  }
}

extension ObservedSite {
  /// The collectors that tell of targets of a kind: those that did, else those named after it.
  func collectors(of kind: TargetKind) -> [String] {
    if let learnt = collectorsByKind[kind], !learnt.isEmpty { return learnt.sorted() }
    return switch kind {
    case .mgt: ["mgs"]
    case .mdt: ["mdt"]
    case .ost: ["ost"]
    case .unrecognised: ["target"]
    }
  }
}

private func latest(_ a: Int64?, _ b: Int64?) -> Int64? {
  if let a, let b { max(a, b) } else { a ?? b }
}
