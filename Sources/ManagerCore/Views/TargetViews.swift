import Protocol

/// What the API answers about targets.
extension ObservedSite {
  /// `GET /api/v1/targets`, by file system, kind and label.
  package func targets(at now: Moment) -> [TargetSummary] {
    let site = SiteSnapshot(self, at: now)
    return site.targets.map(site.summary(of:))
  }

  /// `GET /api/v1/targets?filesystem=NAME`: those of one file system, by name or id.
  package func targets(fileSystem name: String, at now: Moment) throws(DiagnosticError)
    -> [TargetSummary]
  {
    try fileSystemDetail(name, at: now).targets
  }

  /// `GET /api/v1/targets/{label or id}`; also `MGS/label`, the MGS by id or by any NID of it.
  package func targetDetail(_ name: String, at now: Moment) throws(DiagnosticError)
    -> TargetDetail
  {
    let id = try targetID(named: name)
    let site = SiteSnapshot(self, at: now)
    guard let target = site.targets.first(where: { $0.record.id == id }) else {
      throw ObservedSite.noSuch("target", name, list: "iml target list")
    }
    let findings = AlertRules.findings(in: site).filter { $0.targets.contains(id) }
    return site.detail(of: target, findings)
  }

  /// The target of this id, former id, label, or `MGS/label`.
  package func targetID(named name: String) throws(DiagnosticError) -> String {
    if targets[name] != nil { return name }
    if let successor = successors[name], targets[successor] != nil { return successor }
    if let slash = name.lastIndex(of: "/"), let mgs = mgsID(named: String(name[..<slash])),
      let id = targetsByMGS[mgs]?[String(name[name.index(after: slash)...])]
    {
      return id
    }
    let found = (targetsByLabel[name] ?? []).sorted()
    if found.count > 1 { throw ObservedSite.ambiguous("targets", name, found) }
    guard let id = found.first else {
      throw ObservedSite.noSuch("target", name, list: "iml target list")
    }
    return id
  }

  /// An MGS by its id, a former id, or any of its NIDs.
  func mgsID(named name: String) -> String? {
    if mgss[name] != nil || name == MGSRecord.unknownID { return name }
    if let successor = successors[name], mgss[successor] != nil { return successor }
    return mgsByNID[NID.normalised(name)]
  }
}

extension SiteSnapshot {
  func summary(of target: TargetAssessment) -> TargetSummary {
    let record = target.record
    let last = record.lastActiveServer.flatMap { site.servers[$0]?.name }
    var excluded = target.entry.double?.servers ?? []
    if let last = target.active ?? record.lastActiveServer { excluded.insert(last) }
    let others = target.hosts.filter { !excluded.contains($0) }
      .compactMap { site.servers[$0]?.name }
    var summary = TargetSummary(
      id: record.id, label: record.label, kind: record.kind, fileSystem: record.fileSystem,
      mgs: mgsName(record.mgs), state: target.state, reason: target.reason,
      activeOn: target.active.flatMap { site.servers[$0]?.name },
      lastActiveOn: last ?? record.lastActiveHostname,
      failoverServers: others.sorted() + serversWithoutAgent(target))
    summary.activeServers = activeServers(of: target)
    summary.evidenceSecondsAgo = target.evidence.map { seconds(from: $0, to: now) }
    summary.bytesTotal = value(CapacityMetric.bytesTotal, of: target)?.number
    summary.bytesFree = value(CapacityMetric.bytesFree, of: target)?.number
    summary.bytesAvailable = value(CapacityMetric.bytesAvailable, of: target)?.number
    summary.inodesTotal = value(CapacityMetric.inodesTotal, of: target)?.number
    summary.inodesFree = value(CapacityMetric.inodesFree, of: target)?.number
    summary.capacitySecondsAgo = (CapacityMetric.bytes + CapacityMetric.inodes)
      .compactMap { value($0, of: target)?.evidence }.min().map { seconds(from: $0, to: now) }
    summary.clients = exports(of: target)?.section.clients.count
    summary.backend = target.section?.backend
    summary.recovery = target.section?.recovery
    return summary
  }

  /// NIDs of servers that may serve it too. Where it is active on a server that tells no NID of its own,
  /// one of them is that server's: the only one, or those that others are connected to.
  private func serversWithoutAgent(_ target: TargetAssessment) -> [String] {
    let nids = target.foreignNIDs
    guard let active = target.active, site.servers[active]?.record.nids.isEmpty == true else {
      return nids
    }
    let connected = Set(target.entry.importConnections.values)
    return nids.count == 1 ? [] : nids.filter { !connected.contains($0) }
  }

  /// Host names of the servers where it is active, the one that had it first in front.
  func activeServers(of target: TargetAssessment) -> [String] {
    guard let first = target.active else {
      return (target.entry.double?.servers ?? []).compactMap { site.servers[$0]?.name }.sorted()
    }
    let others = (target.entry.double?.servers ?? []).filter { $0 != first }
    return [first].compactMap { site.servers[$0]?.name }
      + others.compactMap { site.servers[$0]?.name }.sorted()
  }

  func detail(of target: TargetAssessment, _ findings: [RaisedFinding]) -> TargetDetail {
    var detail = TargetDetail(
      summary: summary(of: target), clientList: exports(of: target)?.section.clients ?? [],
      claims: claims(of: target), findings: findings.map { $0.finding(at: now) })
    detail.device = target.section?.device
    detail.mountPoint = target.section?.mountPoint
    detail.uuid = target.section?.uuid
    return detail
  }

  /// What each server that may serve it says: those that have it, and those that say they do not.
  private func claims(of target: TargetAssessment) -> [TargetDetail.Claim] {
    let assessor = TargetAssessor(site: site, now: now)
    let held = assessor.heldClaims(of: target.entry)
    var list: [(name: String, isActive: Bool, isCurrent: Bool, evidence: Int64)] = held.map {
      ($0.name, true, $0.isCurrent, $0.evidence ?? $0.held.arrived)
    }
    for id in target.hosts where !held.contains(where: { $0.server == id }) {
      guard let server = site.servers[id] else { continue }
      let evidence = site.collectors(of: target.record.kind)
        .compactMap { server.collectors[$0]?.completeEvidence }.max()
      guard let evidence else { continue }
      let isCurrent = assessor.absenceTrouble(on: id, target.entry) == nil
      list.append((server.name, false, isCurrent, evidence))
    }
    return list.sorted { ($1.evidence, $0.name) < ($0.evidence, $1.name) }.map {
      TargetDetail.Claim(
        server: $0.name, isActive: $0.isActive, isCurrent: $0.isCurrent,
        evidenceSecondsAgo: seconds(from: $0.evidence, to: now))
    }
  }

  /// A held value; gauges are signed, and a size below zero is none.
  func value(_ metric: String, of target: TargetAssessment) -> (number: UInt64, evidence: Int64)? {
    guard let held = target.entry.values[metric], Int64(bitPattern: held.bits) >= 0 else {
      return nil
    }
    return (held.bits, held.evidence)
  }
}
