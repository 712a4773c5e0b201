import Protocol

/// Who is who: MGSs are components of NIDs, targets are (MGS, label).
extension ObservedSite {
  /// Which target a server means. A label without NIDs belongs to what this server itself says
  /// elsewhere, else to the one MGS that knows the label, else to the MGS `unknown`. `nil` for one more
  /// than a server may name.
  package mutating func resolve(_ id: ServerID, _ reference: TargetReference, at now: Moment)
    -> ResolvedTarget?
  {
    if let known = resolutions[id]?[reference] { return known }
    let resolved: ResolvedTarget
    if reference.mgs.isEmpty, let bound = boundTarget(reference.label, of: id) {
      resolved = bound
    } else {
      let mgs = mgsID(of: reference, from: id)
      guard let target = targetID(mgs: mgs, label: reference.label, heardFrom: id, by: id, at: now)
      else { return nil }
      resolved = ResolvedTarget(targetID: target, mgsID: mgs)
    }
    if servers[id] != nil { resolutions[id, default: [:]][reference] = resolved }
    return resolved
  }

  private func boundTarget(_ label: String, of id: ServerID) -> ResolvedTarget? {
    let key = SectionKey(TargetSection.sectionName, label)
    guard let target = servers[id]?.targetIDs[key], let record = targets[target]?.record,
      record.label == label
    else { return nil }
    return ResolvedTarget(targetID: target, mgsID: record.mgs)
  }

  // MARK: MGSs

  /// The loopback NID in a server's mouth is that server.
  func reachable(_ nids: [String], from id: ServerID) -> [String] {
    NID.reachable(nids) + (NID.areLocal(nids) ? servers[id]?.record.nids ?? [] : [])
  }

  mutating func mgsID(of reference: TargetReference, from id: ServerID) -> String {
    let named = reachable(reference.mgs, from: id)
    if reference.label == TargetLabel.mgs { return localMGS(of: id, named: named) }
    if !named.isEmpty {
      guard mayName(id) || named.contains(where: { mgsByNID[$0] != nil }) else {
        return MGSRecord.unknownID
      }
      return join(named)
    }
    if NID.areLocal(reference.mgs) { return localMGS(of: id, named: []) }
    // Every target on a server reaches its MGS through an mgc there: a single mgc names it.
    let mgcs = Set((servers[id]?.mgcs ?? []).map { reachable($0, from: id) }.filter { !$0.isEmpty })
    let known = Set(mgcs.map { join($0) })
    if known.count == 1, let only = known.first { return only }
    let candidates = mgssKnowing(reference.label)
    return candidates.count == 1 ? candidates[0] : MGSRecord.unknownID
  }

  private func mgssKnowing(_ label: String) -> [String] {
    let all = (targetsByLabel[label] ?? []).compactMap { targets[$0]?.record.mgs }
    return Set(all.filter { $0 != MGSRecord.unknownID }).sorted()
  }

  /// The MGS that is active on this server: all NIDs of the server are its NIDs.
  mutating func localMGS(of id: ServerID, named nids: [String]) -> String {
    let all = NID.reachable(nids + (servers[id]?.record.nids ?? []))
    let founded = mgsByFounder[id]
    guard all.isEmpty else {
      return join(all, with: founded)
    }
    if let founded { return founded }
    let record = MGSRecord(
      id: mint.mint(["mgs", "server", id.text]) { mgss[$0] != nil || successors[$0] != nil },
      nids: [], foundingServer: id)
    insert(record)
    effects.mgss.insert(record.id)
    return record.id
  }

  /// The same by the MGS's section. It names the NIDs of all mgcs of the server, and targets here
  /// may belong to other MGSs: only one that stands alone is surely its own.
  mutating func localMGS(of id: ServerID, by section: MGSSection) -> String {
    let isAlone = servers[id]?.record.nids.isEmpty ?? true
    let nids = NID.reachable(section.nids)
    return localMGS(of: id, named: isAlone && nids.count == 1 ? nids : [])
  }

  /// The MGS that has these NIDs; records that turn out to share it are merged.
  mutating func join(_ nids: [String], with known: String? = nil) -> String {
    var owners = Set(nids.compactMap { mgsByNID[$0] })
    if let known { owners.insert(known) }
    let id: String
    if let first = owners.first, owners.count == 1 {
      id = first
    } else if owners.isEmpty {
      let first = nids.first ?? ""
      id = mint.mint(["mgs", "nid", first]) { mgss[$0] != nil || successors[$0] != nil }
      insert(MGSRecord(id: id, nids: []))
      effects.mgss.insert(id)
    } else {
      id = mergeMGSs(owners.sorted())
    }
    for nid in nids where mgsByNID[nid] == nil {
      guard let count = mgss[id]?.nids.count, count < StateLimits.nidsPerMGS else { break }
      mgss[id]?.nids.append(nid)
      mgsByNID[nid] = id
      effects.mgss.insert(id)
    }
    return id
  }

  mutating func insert(_ record: MGSRecord) {
    mgss[record.id] = record
    for nid in record.nids { mgsByNID[nid] = record.id }
    if let founder = record.foundingServer { mgsByFounder[founder] = record.id }
    for former in record.formerIDs { successors[former] = record.id }
  }

  /// The record with most targets survives, so that least changes its name.
  private mutating func mergeMGSs(_ ids: [String]) -> String {
    func weight(_ id: String) -> Int { targetsByMGS[id]?.count ?? 0 }
    let survivor = ids.max { (weight($0), $1) < (weight($1), $0) } ?? MGSRecord.unknownID
    for loser in ids where loser != survivor {
      guard let record = mgss.removeValue(forKey: loser) else { continue }
      for nid in record.nids { mgsByNID[nid] = survivor }
      mgss[survivor]?.nids += record.nids
      mgss[survivor]?.formerIDs += [loser] + record.formerIDs
      if let founder = record.foundingServer {
        mgsByFounder[founder] = survivor
        if mgss[survivor]?.foundingServer == nil { mgss[survivor]?.foundingServer = founder }
      }
      for former in [loser] + record.formerIDs { successors[former] = survivor }
      for (_, target) in (targetsByMGS[loser] ?? [:]).sorted(by: { $0.key < $1.key }) {
        move(target, to: survivor)
      }
      targetsByMGS[loser] = nil
      effects.merged.append(.mergedMGS(from: loser, into: survivor))
      effects.mgss.remove(loser)
      effects.removedMGSs.insert(loser)
    }
    effects.mgss.insert(survivor)
    resolutions = [:]
    return survivor
  }

  // MARK: Targets

  /// The target of this label at an MGS, made when it is new. A target of that label whose MGS
  /// nobody knew is adopted when this MGS is the only one that it can belong to.
  ///
  /// - Parameters:
  ///   - heardFrom: who has it.
  ///   - teller: by whose word it is known.
  /// - Returns: `nil` for a new one when the teller has named as many as any server has.
  mutating func targetID(
    mgs: String, label: String, heardFrom id: ServerID?, by teller: ServerID, at now: Moment
  ) -> String? {
    if mgs != MGSRecord.unknownID { adoptUnknown(label, by: mgs, heardFrom: id) }
    if let known = targetsByMGS[mgs]?[label] { return known }
    guard mayName(teller) else {
      servers[teller]?.leftOut.leaveName(at: now.monotonicNanoseconds)
      return nil
    }
    servers[teller]?.named += 1
    let new = mint.mint(["target", mgs, label]) {
      targets[$0] != nil || successors[$0] != nil
    }
    let parsed = TargetLabel(label)
    insert(
      ObservedTarget(
        TargetRecord(
          id: new, mgs: mgs, label: label, kind: parsed?.kind ?? .unrecognised,
          fileSystem: parsed?.fileSystem), at: now))
    effects.targets.insert(new)
    return new
  }

  /// The management target of an MGS.
  mutating func mgtID(mgs: String, by teller: ServerID, at now: Moment) -> String? {
    targetID(mgs: mgs, label: TargetLabel.mgs, heardFrom: nil, by: teller, at: now)
  }

  private func mayName(_ id: ServerID) -> Bool {
    servers[id].map { $0.named < StateLimits.targetsPerServer } ?? true
  }

  mutating func insert(_ target: ObservedTarget) {
    let record = target.record
    targets[record.id] = target
    targetsByMGS[record.mgs, default: [:]][record.label] = record.id
    targetsByLabel[record.label, default: []].insert(record.id)
    if target.double != nil { doubled.insert(record.id) }
  }

  private mutating func adoptUnknown(_ label: String, by mgs: String, heardFrom id: ServerID?) {
    guard let orphan = targetsByMGS[MGSRecord.unknownID]?[label], let entry = targets[orphan]
    else { return }
    var witnesses = Set(entry.record.servers)
    witnesses.formUnion(entry.heldClaimants)
    let isOwnWord = id.map { !witnesses.isEmpty && witnesses == [$0] } ?? false
    guard isOwnWord || Set(mgssKnowing(label)).union([mgs]).count == 1 else { return }
    move(orphan, to: mgs)
    resolutions = [:]
  }

  /// Gives a target to another MGS; if that one has the label already, the two become one.
  private mutating func move(_ id: String, to mgs: String) {
    guard let entry = targets[id] else { return }
    targetsByMGS[entry.record.mgs]?[entry.record.label] = nil
    guard let existing = targetsByMGS[mgs]?[entry.record.label], existing != id else {
      targets[id]?.record.mgs = mgs
      targetsByMGS[mgs, default: [:]][entry.record.label] = id
      effects.targets.insert(id)
      return
    }
    merge(id, into: existing)
  }

  private mutating func merge(_ id: String, into survivor: String) {
    guard let lost = targets.removeValue(forKey: id) else { return }
    targetsByLabel[lost.record.label]?.remove(id)
    contested.remove(id)
    doubled.remove(id)
    for (server, claim) in lost.claims {
      if claim.isHeld { servers[server]?.targetIDs[claim.key] = survivor }
      if claim.isHeld || targets[survivor]?.claims[server] == nil {
        targets[survivor]?.claims[server] = claim
      }
    }
    targets[survivor]?.absorb(lost)
    if targets[survivor]?.double != nil { doubled.insert(survivor) }
    for former in [id] + lost.record.formerIDs { successors[former] = survivor }
    effects.merged.append(.mergedTarget(from: id, into: survivor))
    effects.targets.remove(id)
    effects.removedTargets.insert(id)
    effects.targets.insert(survivor)
    claimsChanged(on: survivor)
    resolutions = [:]
  }

  /// Takes a target out of the site, as if it had never been told of.
  mutating func dropTarget(_ id: String) {
    guard let lost = targets.removeValue(forKey: id) else { return }
    targetsByLabel[lost.record.label]?.remove(id)
    targetsByMGS[lost.record.mgs]?[lost.record.label] = nil
    contested.remove(id)
    doubled.remove(id)
    effects.targets.remove(id)
    effects.removedTargets.insert(id)
    resolutions = [:]
  }

  // MARK: Claims

  /// Attaches a target section to its target, and moves it when the section now names another.
  mutating func bind(_ section: TargetSection, key: SectionKey, of id: ServerID, at now: Moment) {
    let label = section.reference.label
    guard !label.isEmpty, label.utf8.count <= StateLimits.labelBytes else { return }
    if let collector = servers[id]?.sections[key]?.section.collector {
      // A unit (`ost/fs1-OST0003`) tells of one target; its collector lists them all.
      collectorsByKind[section.kind, default: []].insert(CollectorName.whole(collector))
    }
    let mgs = mgsID(of: section.reference, from: id)
    // Without NIDs a section keeps the target that it had: a silence about the MGS moves nothing.
    if mgs == MGSRecord.unknownID, let old = servers[id]?.targetIDs[key],
      targets[old]?.record.label == label
    {
      return
    }
    guard let target = targetID(mgs: mgs, label: label, heardFrom: id, by: id, at: now) else {
      return
    }
    let bound = servers[id]?.targetIDs[key]
    if bound == target { return }
    if bound != nil { endClaim(key, of: id, evidence: nil, at: now) }
    resolutions[id] = nil
    startClaim(key, of: id, on: target)
  }

  /// Looks anew at the targets of a server whose NIDs or mgcs have changed.
  mutating func bindAll(of id: ServerID, at now: Moment) {
    resolutions[id] = nil
    guard let sections = servers[id]?.sections else { return }
    if case .mgs(let mgs)? = sections[SectionKey(MGSSection.sectionName)]?.fact {
      _ = localMGS(of: id, by: mgs)
    }
    for key in sections.keys.sorted() where key.name == TargetSection.sectionName {
      if case .target(let target)? = sections[key]?.fact { bind(target, key: key, of: id, at: now) }
    }
  }
}

extension ObservedTarget {
  /// Takes over what was known of another record of the same target. Claims are not touched.
  mutating func absorb(_ lost: ObservedTarget) {
    for (server, nids) in lost.importNIDs where importNIDs[server] == nil {
      importNIDs[server] = nids
      importConnections[server] = lost.importConnections[server]
    }
    registeredBy.formUnion(lost.registeredBy)
    for (metric, value) in lost.values
    where value.evidence > (values[metric]?.evidence ?? .min) {
      values[metric] = value
    }
    absorbDouble(of: lost)
    if let active = lost.lastActive, active > (lastActive ?? .min) {
      lastActive = active
      record.lastActiveServer = lost.record.lastActiveServer
      record.lastActiveHostname = lost.record.lastActiveHostname
      record.lastActiveNanoseconds = lost.record.lastActiveNanoseconds
    }
    record.servers = Set(record.servers + lost.record.servers).sorted()
    record.servingNIDs = Set(record.servingNIDs + lost.record.servingNIDs).sorted()
    record.formerIDs += [lost.record.id] + lost.record.formerIDs
    known = min(known, lost.known)
  }
}
