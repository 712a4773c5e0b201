import Protocol

/// What the API answers about the site as a whole and its servers.
extension ObservedSite {
  /// `GET /api/v1/status`
  package func status(at now: Moment) -> SiteStatus {
    let site = SiteSnapshot(self, at: now)
    let findings = AlertRules.findings(in: site)
    return SiteStatus(
      managerVersion: managerVersion,
      upSeconds: seconds(from: started.monotonicNanoseconds, to: site.now),
      health: site.health(findings), servers: site.servers.map(site.summary(of:)),
      fileSystems: site.fileSystems.map(site.summary(of:)),
      findings: findings.map { $0.finding(at: site.now) })
  }

  /// `GET /api/v1/servers`, by host name.
  package func servers(at now: Moment) -> [ServerSummary] {
    let site = SiteSnapshot(self, at: now)
    return site.servers.map(site.summary(of:))
  }

  /// `GET /api/v1/servers/{name or id}`
  package func serverDetail(_ name: String, at now: Moment) throws(DiagnosticError)
    -> ServerDetail
  {
    let id = try serverID(named: name)
    let site = SiteSnapshot(self, at: now)
    guard let server = site.servers.first(where: { $0.id == id }) else {
      throw ObservedSite.noSuch("server", name, list: "iml server list")
    }
    let findings = AlertRules.findings(in: site).filter { $0.servers.contains(id) }
    return site.detail(of: server, findings)
  }

  /// The server of this id or host name.
  package func serverID(named name: String) throws(DiagnosticError) -> ServerID {
    if let id = ServerID(name), servers[id] != nil { return id }
    let found = servers.values.filter { $0.record.hostname == name }
      .sorted { $0.record.id < $1.record.id }
    if found.count > 1 {
      // Mostly a machine that was enrolled anew, and what it was before.
      throw ObservedSite.ambiguous(
        "servers", name,
        found.map { server in
          let contact = server.session != nil ? "connected" : "not connected"
          return "\(server.record.id.text) (\(server.heard == nil ? "never heard" : contact))"
        })
    }
    guard let id = found.first?.record.id else {
      throw ObservedSite.noSuch("server", name, list: "iml server list")
    }
    return id
  }

  /// Of the newest certificate that a server was given.
  package func certificateSerial(of id: ServerID) -> String? {
    servers[id]?.record.certificateSerial
  }

  static func noSuch(_ kind: String, _ name: String, list: String) -> DiagnosticError {
    DiagnosticError(
      .notFound, subject: name, reason: "there is no \(kind) of this name or id", remedy: list)
  }

  static func ambiguous(_ kind: String, _ name: String, _ ids: [String]) -> DiagnosticError {
    // Twenty are enough to see what is meant; more would not fit a screen.
    let shown = ids.prefix(20).joined(separator: ", ")
    return DiagnosticError(
      .ambiguousName, subject: name, reason: "\(ids.count) \(kind) have this name: \(shown)",
      remedy: "Give one of these ids instead of the name.")
  }
}

extension SiteSnapshot {
  /// Unhealthy when data or a whole file system are affected, unknown when that can not be told.
  func health(_ findings: [RaisedFinding]) -> Health {
    if findings.contains(where: { $0.diagnostic.severity == .emergency })
      || servers.contains(where: { $0.health == .unhealthy })
      || fileSystems.contains(where: { $0.state == .unavailable })
    {
      return .unhealthy
    }
    if servers.allSatisfy({ $0.health == .unknown })
      || fileSystems.contains(where: { $0.state == .unknown })
    {
      return .unknown
    }
    let isFine =
      servers.allSatisfy { $0.health == .healthy }
      && fileSystems.allSatisfy { $0.state == .available || $0.state == .stopped }
      && findings.allSatisfy { $0.diagnostic.severity == .info }
    return isFine ? .healthy : .degraded
  }

  func summary(of assessed: ServerAssessment) -> ServerSummary {
    let server = assessed.server
    var version: String?
    if case .lustre(let lustre)? = server.sections[.lustre]?.fact { version = lustre.version }
    return ServerSummary(
      id: server.record.id, hostname: server.record.hostname, profile: server.record.profile,
      contact: assessed.contact, heardSecondsAgo: server.heard.map { seconds(from: $0, to: now) },
      health: assessed.health, reason: assessed.reason, lustreVersion: version,
      targets: server.targetIDs.values.compactMap { site.targets[$0]?.record.label }.sorted(),
      bootID: server.hello?.boot ?? server.record.lastBoot,
      readsTree: server.hello?.readsTree ?? server.record.readsTree ?? false)
  }

  func detail(of assessed: ServerAssessment, _ findings: [RaisedFinding]) -> ServerDetail {
    let server = assessed.server
    let sections = server.sections.values.sorted { $0.section.key < $1.section.key }.map { held in
      SectionView(
        key: held.section.key, collector: held.section.collector,
        evidenceSecondsAgo: seconds(from: server.evidence(of: held) ?? held.arrived, to: now),
        isCurrent: server.isCurrent(held, at: now, policy), body: held.section.body)
    }
    var detail = ServerDetail(
      summary: summary(of: assessed), sections: sections,
      findings: findings.map { $0.finding(at: now) }, losses: server.losses.map(\.loss),
      batchesReceived: server.batches, samplesReceived: server.samples,
      recentLog: server.log.lines)
    detail.agentVersion = server.hello?.agentVersion
    detail.address = server.session?.address
    detail.certificateSerial = server.record.certificateSerial
    detail.certificateExpiresNanoseconds = server.record.certificateExpiresNanoseconds
    detail.sessionSeconds = server.session.map { seconds(from: $0.opened, to: now) }
    detail.clockOffsetSeconds = server.clockOffset.map { Double($0) / 1e9 }
    return detail
  }
}
