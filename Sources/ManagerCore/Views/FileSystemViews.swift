import Protocol

/// What the API answers about file systems.
extension ObservedSite {
  /// `GET /api/v1/filesystems`, by name.
  package func fileSystems(at now: Moment) -> [FileSystemSummary] {
    let site = SiteSnapshot(self, at: now)
    return site.fileSystems.map(site.summary(of:))
  }

  /// `GET /api/v1/filesystems/{name or id}`; an id is `MGS/name`, the MGS by id or any NID of it.
  package func fileSystemDetail(_ name: String, at now: Moment) throws(DiagnosticError)
    -> FileSystemDetail
  {
    let site = SiteSnapshot(self, at: now)
    let fileSystem = try site.fileSystem(named: name)
    var targets = Set(fileSystem.targets.map(\.record.id))
    if let mgt = fileSystem.mgt { targets.insert(mgt.record.id) }
    let findings = AlertRules.findings(in: site).filter {
      $0.fileSystems.contains(fileSystem.id) || !$0.targets.isDisjoint(with: targets)
    }
    return site.detail(of: fileSystem, findings)
  }
}

extension SiteSnapshot {
  func fileSystem(named name: String) throws(DiagnosticError) -> FileSystemAssessment {
    var found = fileSystems.filter { $0.id == name }
    if found.isEmpty, let slash = name.lastIndex(of: "/"),
      let mgs = site.mgsID(named: String(name[..<slash]))
    {
      let plain = String(name[name.index(after: slash)...])
      found = fileSystems.filter { $0.mgs == mgs && $0.name == plain }
    }
    if found.isEmpty { found = fileSystems.filter { $0.name == name } }
    if found.count > 1 {
      throw ObservedSite.ambiguous(
        "file systems", name, found.map { "\(mgsName($0.mgs))/\($0.name)" })
    }
    guard let only = found.first else {
      throw ObservedSite.noSuch("file system", name, list: "iml fs list")
    }
    return only
  }

  func summary(of fileSystem: FileSystemAssessment) -> FileSystemSummary {
    let mdts = fileSystem.targets.filter { $0.record.kind == .mdt }
    let osts = fileSystem.targets.filter { $0.record.kind == .ost }
    var summary = FileSystemSummary(
      id: fileSystem.id, name: fileSystem.name, mgs: mgsName(fileSystem.mgs),
      state: fileSystem.state, reason: fileSystem.reason, mdts: mdts.count, osts: osts.count,
      targetsActive: fileSystem.targets.filter(\.isActive).count)
    var oldest: Int64?
    let bytes = sums(CapacityMetric.bytes, of: osts, &oldest)
    summary.bytesTotal = bytes.totals[CapacityMetric.bytesTotal]
    summary.bytesFree = bytes.totals[CapacityMetric.bytesFree]
    summary.bytesAvailable = bytes.totals[CapacityMetric.bytesAvailable]
    summary.bytesTargets = bytes.covered
    let inodes = sums(CapacityMetric.inodes, of: mdts, &oldest)
    summary.inodesTotal = inodes.totals[CapacityMetric.inodesTotal]
    summary.inodesFree = inodes.totals[CapacityMetric.inodesFree]
    summary.inodesTargets = inodes.covered
    let told = mdts.compactMap(exports(of:))
    summary.clientsTargets = told.count
    if !told.isEmpty {
      summary.clients = Set(told.flatMap { $0.section.clients.map(\.uuid) }).count
      for exports in told { oldest = min(oldest ?? exports.evidence, exports.evidence) }
    }
    summary.evidenceSecondsAgo = oldest.map { seconds(from: $0, to: now) }
    return summary
  }

  /// Sums of several metrics and how many targets all of them cover. Only targets that have every
  /// metric count, for a size of one and the free space of another make no share; where no target
  /// has all, each metric is summed by itself and the least covered tells the number.
  private func sums(
    _ metrics: [String], of targets: [TargetAssessment], _ oldest: inout Int64?
  ) -> (totals: [String: UInt64], covered: Int) {
    func having(_ metric: String, _ targets: [TargetAssessment]) -> [TargetAssessment] {
      targets.filter { value(metric, of: $0) != nil }
    }
    let targets = targets.filter { isSane($0, metrics) }
    var whole = targets
    for metric in metrics { whole = having(metric, whole) }
    var totals: [String: UInt64] = [:]
    for metric in metrics {
      totals[metric] = sum(metric, of: whole.isEmpty ? targets : whole, &oldest)
    }
    guard whole.isEmpty else { return (totals, whole.count) }
    return (totals, totals.keys.map { having($0, targets).count }.min() ?? 0)
  }

  /// Whether a target's figures can be true: a size of nothing, or more free than there is, can not.
  /// The first metric is the size.
  private func isSane(_ target: TargetAssessment, _ metrics: [String]) -> Bool {
    guard let first = metrics.first, let size = value(first, of: target)?.number else {
      return true
    }
    return size > 0
      && metrics.dropFirst().allSatisfy { value($0, of: target).map { $0.number <= size } ?? true }
  }

  /// A sum over the targets that have a value; it saturates rather than traps.
  private func sum(_ metric: String, of targets: [TargetAssessment], _ oldest: inout Int64?)
    -> UInt64?
  {
    var total: UInt64?
    for target in targets {
      guard let value = value(metric, of: target) else { continue }
      let (sum, overflow) = (total ?? 0).addingReportingOverflow(value.number)
      total = overflow ? .max : sum
      oldest = min(oldest ?? value.evidence, value.evidence)
    }
    return total
  }

  func detail(of fileSystem: FileSystemAssessment, _ findings: [RaisedFinding])
    -> FileSystemDetail
  {
    let clients = fileSystem.targets.filter { $0.record.kind == .mdt }
      .compactMap { exports(of: $0)?.section.clients }
    let mgt = fileSystem.mgt
    let active = mgt.map { target in
      if target.entry.double != nil { return activeServers(of: target) }
      let assessor = TargetAssessor(site: site, now: now)
      return assessor.heldClaims(of: target.entry).filter(\.isCurrent).map(\.name).sorted()
    }
    return FileSystemDetail(
      summary: summary(of: fileSystem), mgsNIDs: site.mgss[fileSystem.mgs]?.nids ?? [],
      mgsActiveOn: active ?? [], targets: fileSystem.targets.map(summary(of:)),
      clients: Set(clients.joined()).sorted(), findings: findings.map { $0.finding(at: now) })
  }
}
