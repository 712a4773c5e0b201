import Protocol

/// The whole site at one moment, read-only: what views print and alert rules judge.
struct SiteSnapshot: Sendable {
  let site: ObservedSite
  let moment: Moment
  /// By host name.
  let servers: [ServerAssessment]
  /// By file system, kind and label.
  let targets: [TargetAssessment]
  let fileSystems: [FileSystemAssessment]
  private let namesakes: [String: Int]

  var now: Int64 { moment.monotonicNanoseconds }
  var policy: StatePolicy { site.policy }

  init(_ site: ObservedSite, at moment: Moment) {
    self.site = site
    self.moment = moment
    let now = moment.monotonicNanoseconds
    var assessor = TargetAssessor(site: site, now: now)
    // The order is made of small keys: moving 20,000 assessments about costs ten times as much.
    let order = site.targets.values.map { SiteSnapshot.order($0.record) }.sorted(by: <)
    let targets = order.compactMap { site.targets[$0.3].map { assessor.assess($0) } }
    self.targets = targets
    var doubled: [ServerID: [String]] = [:]
    for target in targets {
      for id in target.entry.double?.servers ?? [] {
        doubled[id, default: []].append(target.record.label)
      }
    }
    servers = site.servers.values
      .map { ServerAssessment($0, doubled: doubled[$0.record.id] ?? [], at: now, site.policy) }
      .sorted { ($0.name, $0.id) < ($1.name, $1.id) }
    fileSystems = SiteSnapshot.fileSystems(of: targets)
    namesakes = servers.reduce(into: [:]) { $0[$1.name, default: 0] += 1 }
  }

  private static func order(_ record: TargetRecord) -> (String, Int, String, String) {
    let kind =
      switch record.kind {
      case .mgt: 0
      case .mdt: 1
      case .ost: 2
      case .unrecognised: 3
      }
    return (record.fileSystem ?? "", kind, record.label, record.id)
  }

  private static func fileSystems(of targets: [TargetAssessment]) -> [FileSystemAssessment] {
    struct Key: Hashable {
      var mgs: String
      var name: String
    }
    var members: [Key: [TargetAssessment]] = [:]
    var mgts: [String: TargetAssessment] = [:]
    for target in targets {
      if target.record.kind == .mgt {
        mgts[target.record.mgs] = target
      } else if let name = target.record.fileSystem {
        members[Key(mgs: target.record.mgs, name: name), default: []].append(target)
      }
    }
    return members.map { key, targets in
      FileSystemAssessment(mgs: key.mgs, name: key.name, targets: targets, mgt: mgts[key.mgs])
    }.sorted { ($0.name, $0.mgs) < ($1.name, $1.mgs) }
  }

  // MARK: Names

  /// The MGS's first NID, or `unknown`.
  func mgsName(_ id: String) -> String {
    guard let record = site.mgss[id] else { return MGSRecord.unknownID }
    if let nid = record.nids.first { return nid }
    let founder = record.foundingServer.flatMap { site.servers[$0]?.name }
    return founder ?? MGSRecord.unknownID
  }

  /// What to type to mean this target and no other.
  func commandName(_ record: TargetRecord) -> String {
    (site.targetsByLabel[record.label]?.count ?? 0) > 1 ? record.id : record.label
  }

  /// What to type to mean this server and no other.
  func commandName(_ server: ReportedServer) -> String {
    (namesakes[server.name] ?? 0) > 1 ? server.record.id.text : server.name
  }

  // MARK: Clients

  /// Who is connected to a target, by the server whose word on it counts, with its evidence.
  func exports(of target: TargetAssessment) -> (section: ExportsSection, evidence: Int64)? {
    guard let id = target.source, let server = site.servers[id],
      let claim = target.entry.claims[id],
      let held = server.sections[SectionKey(ExportsSection.sectionName, claim.key.subject)],
      case .exports(let exports) = held.fact
    else { return nil }
    return (exports, server.evidence(of: held) ?? held.arrived)
  }
}
