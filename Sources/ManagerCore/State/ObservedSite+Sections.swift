import Protocol

/// Sections as they come and go.
extension ObservedSite {
  /// A section came. It becomes evidence when the cycle that made it has ended.
  ///
  /// - Returns: whether it is taken; one that is not makes a finding.
  @discardableResult
  package mutating func sectionArrived(_ id: ServerID, _ section: Section, at now: Moment) -> Bool {
    guard let server = servers[id], server.session != nil else { return true }
    heard(id, at: now)
    servers[id]?.awaited.remove(section.key)
    let old = server.sections[section.key]
    if let old, old.section.digest == section.digest, old.section.collector == section.collector,
      old.section.body == section.body
    {
      servers[id]?.confirm(section.key)
      return true
    }
    let monotonic = now.monotonicNanoseconds
    let bytes = section.body.textBytes
    let others = server.sectionBytes - (old?.bytes ?? 0)
    guard others + bytes <= StateLimits.sectionBytesPerServer,
      old != nil || server.sections.count < StateLimits.sectionsPerServer
    else {
      // What was said before is no evidence any more, and that it ended was not said either: a target
      // that is let go here might be believed elsewhere.
      if let old {
        servers[id]?.sections[section.key]?.earlierEvidence = server.evidence(of: old)
        servers[id]?.sections[section.key]?.standing = .unconfirmed
      }
      servers[id]?.leftOut.leave(section.key, at: monotonic)
      return false
    }
    servers[id]?.leftOut.settle(section.key)
    servers[id]?.sectionBytes = others + bytes
    var held = ReportedSection(
      section: section, bytes: bytes, fact: ReportedFact(section), standing: .pending,
      earlierEvidence: old.flatMap { server.evidence(of: $0) }, arrived: monotonic,
      unchangedSince: monotonic)
    if let old, case .confirmed = old.standing, old.section.collector == section.collector {
      held.standing = old.standing
    } else {
      servers[id]?.pending[section.collector, default: []].append(section.key)
    }
    servers[id]?.sections[section.key] = held
    memoryChanged(section.key, of: id)
    apply(held.fact, key: section.key, of: id, at: now)
    return true
  }

  /// The agent no longer makes a section.
  package mutating func sectionGone(_ id: ServerID, _ key: SectionKey, at now: Moment) {
    guard servers[id]?.session != nil else { return }
    heard(id, at: now)
    servers[id]?.awaited.remove(key)
    servers[id]?.leftOut.settle(key)
    dropSection(key, of: id, at: now)
  }

  /// All that the agent holds. Gives what must be sent again; what is not listed is gone.
  package mutating func digests(_ id: ServerID, _ digests: [SectionDigest], at now: Moment)
    -> [SectionKey]
  {
    guard let server = servers[id], server.session != nil else { return [] }
    heard(id, at: now)
    var listed: Set<SectionKey> = []
    var awaited: [SectionKey] = []
    for digest in digests where listed.insert(digest.key).inserted {
      if server.sections[digest.key]?.section.digest == digest.digest {
        servers[id]?.confirm(digest.key)
      } else {
        awaited.append(digest.key)
      }
    }
    servers[id]?.awaited = Set(awaited)
    for key in server.sections.keys.sorted() where !listed.contains(key) {
      guard !server.mayHoldUnread(key) else { continue }
      dropSection(key, of: id, at: now)
    }
    return awaited
  }

  /// Whether these are the sections that are held of a server, each repeated in this session.
  package func holds(sections: Int, digest: UInt64, of id: ServerID) -> Bool {
    // What is left out would be asked for again and again.
    if servers[id]?.leftOut.sections.isEmpty == false { return true }
    guard let server = servers[id], server.awaited.isEmpty, server.sections.count == sections,
      server.sections.values.allSatisfy({ $0.standing != .unconfirmed })
    else { return false }
    let held = server.sections.values.map {
      SectionDigest(key: $0.section.key, digest: $0.section.digest)
    }
    return SectionDigest.summary(of: held) == digest
  }

  /// Takes a section away, and with it all that was known by it.
  mutating func dropSection(_ key: SectionKey, of id: ServerID, at now: Moment) {
    guard let held = servers[id]?.sections[key] else { return }
    let evidence = servers[id]?.evidence(of: held)
    servers[id]?.sections[key] = nil
    servers[id]?.sectionBytes -= held.bytes
    memoryChanged(key, of: id)
    switch held.fact {
    case .target: endClaim(key, of: id, evidence: evidence, at: now)
    case .mgs: setRegistered([], by: id)
    case .imports: setImports([], of: id, at: now)
    case .host, .lnet, .lustre, .exports, .collectors, .mounts, .opaque: break
    }
  }

  private mutating func memoryChanged(_ key: SectionKey, of id: ServerID) {
    if ServerMemory.sectionNames.contains(key.name) { servers[id]?.isMemoryDue = true }
  }

  mutating func apply(
    _ fact: ReportedFact, key: SectionKey, of id: ServerID, at now: Moment
  ) {
    switch fact {
    case .lnet(let lnet):
      let nids = NID.reachable(lnet.interfaces.map(\.nid))
      nidsChanged(of: id, from: servers[id]?.record.nids ?? [], to: nids)
      bindAll(of: id, at: now)
    case .mgs(let mgs): applyMGS(mgs, of: id, at: now)
    case .target(let target): bind(target, key: key, of: id, at: now)
    case .imports(let imports):
      setImports(imports.imports, of: id, at: now)
      bindAll(of: id, at: now)
    // Its name comes with the hello: there the operator may have said another than the kernel's.
    case .host, .lustre, .exports, .collectors, .mounts, .opaque: break
    }
    // A body that is no target any more must not keep a claim alive.
    if case .target = fact { return }
    if servers[id]?.targetIDs[key] != nil {
      endClaim(key, of: id, evidence: nil, isUnderstood: false, at: now)
    }
  }

  /// The MGS's own word on which targets are registered there.
  private mutating func applyMGS(_ section: MGSSection, of id: ServerID, at now: Moment) {
    let mgs = localMGS(of: id, by: section)
    var registered: Set<String> = []
    for label in section.fileSystems.flatMap(\.targets) {
      guard let parsed = TargetLabel(label), parsed.kind != .mgt else { continue }
      if let target = targetID(mgs: mgs, label: label, heardFrom: nil, by: id, at: now) {
        registered.insert(target)
      }
    }
    setRegistered(registered, by: id)
  }

  private mutating func setRegistered(_ new: Set<String>, by id: ServerID) {
    for target in servers[id]?.registeredTargets.subtracting(new) ?? [] {
      targets[successors[target] ?? target]?.registeredBy.remove(id)
    }
    for target in new { targets[successors[target] ?? target]?.registeredBy.insert(id) }
    servers[id]?.registeredTargets = new
  }

  /// What imports tell: which MGSs this server knows, and who may serve which target.
  private mutating func setImports(
    _ imports: [ImportsSection.Import], of id: ServerID, at now: Moment
  ) {
    let all = imports.filter { $0.target == TargetLabel.mgs }.map { $0.failoverNIDs + $0.mgs }
    // Each target without NIDs is looked for among them.
    var met: Set<[String]> = []
    let mgcs = Array(all.filter { met.insert($0).inserted }.prefix(StateLimits.mgcsPerServer))
    if met.count > mgcs.count { servers[id]?.leftOut.leaveName(at: now.monotonicNanoseconds) }
    if servers[id]?.mgcs != mgcs {
      servers[id]?.mgcs = mgcs
      resolutions[id] = nil
    }
    var named: [String: [String]] = [:]
    var connected: [String: String] = [:]
    for one in mgcs {
      let nids = reachable(one, from: id)
      guard !nids.isEmpty, let mgt = mgtID(mgs: join(nids), by: id, at: now) else { continue }
      named[mgt] = nids
    }
    for one in imports where one.target != TargetLabel.mgs && TargetLabel(one.target) != nil {
      let reference = TargetReference(label: one.target, mgs: one.mgs)
      let mgs = mgsID(of: reference, from: id)
      // Imports without a known MGS make no targets: they are no evidence of where one lives.
      guard mgs != MGSRecord.unknownID || targetsByMGS[mgs]?[one.target] != nil else { continue }
      guard let target = targetID(mgs: mgs, label: one.target, heardFrom: nil, by: id, at: now)
      else { continue }
      named[target, default: []] += reachable(one.failoverNIDs, from: id)
      if one.state == "FULL" || one.state == "IDLE" { connected[target] = one.currentConnection }
    }
    for target in servers[id]?.importedTargets.subtracting(named.keys) ?? [] {
      setImport(nil, of: target, by: id)
    }
    for (target, nids) in named {
      setImport(NID.reachable(nids), connectedTo: connected[target], of: target, by: id)
    }
    servers[id]?.importedTargets = Set(named.keys)
  }

  private mutating func setImport(
    _ nids: [String]?, connectedTo nid: String? = nil, of target: String, by id: ServerID
  ) {
    let target = successors[target] ?? target
    targets[target]?.importNIDs[id] = nids
    targets[target]?.importConnections[id] = nid.map(NID.normalised(_:))
    if targets[target]?.importsChanged() == true { effects.targets.insert(target) }
  }
}
