import Logging
import ManagerCore
import Platform
import Protocol

/// What operators ask.
extension Site {
  /// What is wrong with the manager itself comes first.
  func status() -> SiteStatus {
    noteRevocations()
    var status = observed.status(at: now)
    status.servers = status.servers.map(marked)
    let own = ownFindings()
    status.findings.insert(contentsOf: own, at: 0)
    if !own.isEmpty, status.health == .healthy { status.health = .degraded }
    return status
  }

  /// To be called once a second: the ages of the manager's own findings are true to it.
  package func noteOwnFindings() {
    tellLostJobs()
    _ = ownFindings()
  }

  /// What is wrong with the manager itself. The ages begin with this manager.
  func ownFindings() -> [Finding] {
    let own =
      readiness() + damages + missingFindings() + store.history.damaged.map(\.finding)
      + jobStore.findings()
      + uselessLists() + takenLogFindings() + lostAuthority() + cutRollUps()
    let now = Clock.monotonic()
    var since: [String: Int64] = [:]
    defer { ownSince = since }
    return own.map { finding in
      let key = "\(finding.code) \(finding.subject)"
      let began = ownSince[key] ?? now
      since[key] = began
      return Finding(diagnostic: finding, ageSeconds: Double(now - began) / 1e9)
    }
  }

  private func cutRollUps() -> [Diagnostic] {
    store.history.cutRollUps.map { name in
      Diagnostic(
        .samplesLost, .warning, subject: "history/\(name)",
        reason:
          "at the manager's start its log was gone, or it was another copy: its roll-ups are made again"
          + " from the samples that there are; older ones may be missing",
        remedy: "If there is a newer copy of it, put that in its place with the manager stopped.")
    }
  }

  private func lostAuthority() -> [Diagnostic] {
    settings.authorityFiles.filter(FileStatus.isMissing).map { path in
      Diagnostic(
        .stateDirectoryUnusable, .error, subject: path,
        reason: "it was removed while the manager runs: no start succeeds without it",
        remedy: "Restore it from a backup before the manager stops.")
    }
  }

  /// Lists beside the folders that could not be used at the start.
  private func uselessLists() -> [Diagnostic] {
    let jobs = jobStore.listTrouble.map { [$0.path: $0.reason] } ?? [:]
    return store.history.listTroubles.merging(jobs) { $1 }.sorted { $0.key < $1.key }.map {
      path, reason in
      Diagnostic(
        .stateDirectoryUnusable, .warning, subject: path,
        reason:
          "it was of no use at the manager's start (\(reason)): files that were gone by then are not missed",
        remedy: "If it can be written it is made anew, and this ends with the manager's next start."
      )
    }
  }

  func servers() -> [ServerSummary] { observed.servers(at: now).map(marked) }
  func server(_ name: String) throws(DiagnosticError) -> ServerDetail {
    noteRevocations()
    var detail = try observed.serverDetail(name, at: now)
    detail.summary = marked(detail.summary)
    return detail
  }

  /// With what the trust registry says of its certificate, also where no session was there to cut.
  private func marked(_ server: ServerSummary) -> ServerSummary {
    var server = server
    server.isRevoked = isRevoked(server.id)
    return server
  }

  private func isRevoked(_ server: ServerID) -> Bool {
    let trouble = observed.certificateSerial(of: server).flatMap { distrust(server, $0) }
    return trouble?.code == DiagnosticCode.certificateRevoked.rawValue
  }

  private func noteRevocations() {
    observed.revocationsKnown(Set(observed.hostnames.keys.filter(isRevoked)))
  }
  func fileSystems() -> [FileSystemSummary] { observed.fileSystems(at: now) }
  func fileSystem(_ name: String) throws(DiagnosticError) -> FileSystemDetail {
    try observed.fileSystemDetail(name, at: now)
  }
  func targets() -> [TargetSummary] { observed.targets(at: now) }
  func target(_ name: String) throws(DiagnosticError) -> TargetDetail {
    try observed.targetDetail(name, at: now)
  }

  /// What can not be written down is not done.
  func forget(target name: String, by who: String) async throws(DiagnosticError) {
    let (label, id) = try observed.forgettableTarget(name, at: now)
    func record(_ outcome: String) async throws(DiagnosticError) {
      try await store.record(
        AuditEntry(
          nanoseconds: Clock.wall(), who: who, action: "target.forget", subject: "\(label) \(id)",
          outcome: outcome))
    }
    // First: what can not be written down is not done.
    try await record("asked")
    do throws(DiagnosticError) {
      try observed.targetForgotten(id, at: now)
    } catch {
      // A server tells of it by now.
      try await record(error.diagnostic.code)
      throw error
    }
    try await record("done")
    logger.notice("a target was forgotten", metadata: ["target": "\(label)", "by": "\(who)"])
    await flush()
    if let storeFailure { throw DiagnosticError(storeFailure) }
  }

  func readiness() -> [Diagnostic] {
    [storeFailure ?? store.damage, logFailure, jobFailure, rollUpFailure].compactMap { $0 }
      .reduce(into: []) { all, one in if !all.contains(one) { all.append(one) } }
  }

  func checkForgettable(_ id: ServerID) throws(DiagnosticError) {
    try observed.checkForgettable(id, at: now)
  }

  func forgotten(_ id: ServerID) {
    observed.serverForgotten(id, at: now)
    newlyFound += missing.removeValue(forKey: id) ?? []
    interruptions[id] = nil
    lossSpans[id] = nil
    timeline.forget(id)
    lastBatch[id] = nil
    clocks[id] = nil
    toldForgery[id] = nil
    toldLeftOut[id] = nil
    seriesBudgets[id] = nil
    paces[id] = nil
  }

  func enrolled(_ answer: EnrolmentAnswer, hostname: String) async {
    await certified(answer.server, hostname: hostname)
  }

  /// A session's certificate was renewed.
  func renewed(_ server: ServerID) async {
    let name = observed.hostname(of: server)
    await certified(server, hostname: name)
    logger.notice(
      "an agent's certificate was renewed", metadata: ["server": "\(name ?? server.text)"])
  }

  private func certified(_ server: ServerID, hostname: String?) async {
    guard let entry = try? await store.server(server) else { return }
    observed.serverEnrolled(
      ServerRecord(
        id: server, hostname: hostname ?? entry.hostname, profile: entry.profile.rawValue,
        enrolledNanoseconds: entry.enrolledNanoseconds,
        certificateSerial: entry.certificateSerial,
        certificateExpiresNanoseconds: entry.certificateExpiresNanoseconds), at: now)
  }

  func metricNames() -> [MetricListing] {
    catalogue.metrics.map { name in
      let ids = catalogue.ids(ofMetric: name)
      let known = MetricRegistry.metric(named: name)
      let last = ids.last.flatMap(catalogue.series)
      // As in a query: one odd series makes no other metric of it.
      if let known, ids.contains(where: { catalogue.series($0)?.isLike(known) == true }) {
        return MetricListing(name: name, unit: known.unit, kind: known.kind, help: known.help)
      }
      return MetricListing(
        name: name, unit: last?.unit ?? "", kind: last?.kind ?? .unrecognised,
        help: known?.help ?? "")
    }
  }

  func query(_ request: MetricRequest) async throws(DiagnosticError) -> MetricAnswer {
    store.history.queries.enter()
    defer { store.history.queries.leave() }
    let now = self.now
    let catalogue = self.catalogue
    let ids = catalogue.ids(ofMetric: request.metric)
    guard !ids.isEmpty else {
      throw DiagnosticError(
        .notFound, subject: request.metric, reason: "no series of this metric is known",
        remedy: "List the metrics there are: iml metrics list")
    }
    let (span, overflow) = request.seconds.multipliedReportingOverflow(by: 1_000_000_000)
    var query = MetricQuery(
      metric: request.metric, by: request.by, match: request.match,
      fromNanoseconds: overflow ? 0 : max(0, now.wallNanoseconds - span),
      throughNanoseconds: now.wallNanoseconds, isRate: request.isRate)
    query.repeated = repeatedTimes
    let names = ManagerFigures.serverLabels(hostnames: observed.hostnames)
    let candidates = try await Self.candidates(query, catalogue, observed, names)
    let noRate = DiagnosticError(
      .requestMalformed, subject: request.metric, reason: "it is a gauge and has no rate",
      remedy: "Leave --rate out.")
    // Of what was a gauge and a counter only its history tells which it is.
    if request.isRate, candidates.allSatisfy({ $0.series.kind == .gauge }) { throw noRate }
    let held: [SeriesID: [HistoryPoint]]
    do {
      held = try head.columns(
        for: Set(candidates.map(\.id)), range: query.fromNanoseconds...query.throughNanoseconds)
    } catch {
      throw DiagnosticError(.databaseCorrupt, subject: "history", reason: "\(error)")
    }
    let heldHours = head.hours
    let length = UInt64(query.throughNanoseconds - query.fromNanoseconds)
    let answer = try await Self.answer(
      query, candidates, held, heldHours, store,
      tier: settings.keeping.tier(
        forSpan: length, raw: settings.retention.wholeNanoseconds, series: candidates.count,
        interval: Int64(settings.collectMilliseconds) * 1_000_000),
      blocksPerPage: settings.blocksPerPage, now)
    if request.isRate, answer.kind == .gauge { throw noRate }
    return answer
  }

  /// The series that a query is about. Of a large site they are many, so they are looked for beside the
  /// actor, in what it knew a moment ago.
  private nonisolated static func candidates(
    _ query: MetricQuery, _ catalogue: SeriesCatalogue, _ observed: ObservedSite,
    _ names: [ServerID: String]
  ) async throws(DiagnosticError) -> [MetricQuery.Candidate] {
    let all = { (ids: [SeriesID]) in
      ids.compactMap { id -> MetricQuery.Candidate? in
        guard let series = catalogue.series(id),
          let subject = labels(of: series.subject, names, observed)
        else { return nil }
        return MetricQuery.Candidate(
          id: id, series: series, labels: series.labels.merging(subject) { $1 })
      }
    }
    // Most series of a metric are out by their own labels, before any of their targets are looked up.
    let early = catalogue.ids(ofMetric: query.metric) { labels in
      query.match.allSatisfy { key, value in
        ["server", "target", "fs", "mgs"].contains(key) || labels[key].map { $0 == value } ?? true
      }
    }
    let candidates = all(early).filter(query.chooses)
    let asked = query.by + query.match.keys.sorted()
    if let first = candidates.first, asked.allSatisfy({ first.labels[$0] != nil }) {
      // All labels that were asked for are there.
    } else {
      let known = Set(all(catalogue.ids(ofMetric: query.metric)).flatMap { $0.labels.keys })
      if let unknown = asked.first(where: { !known.contains($0) }) {
        throw DiagnosticError(
          .requestMalformed, subject: query.metric,
          reason: "no series of it has a label \(unknown)",
          remedy: "Its labels are: \(known.sorted().joined(separator: ", ")).")
      }
    }
    if candidates.isEmpty {
      throw DiagnosticError(
        .notFound, subject: query.metric, reason: "no series of it has these labels",
        remedy: "See what there is: iml metrics query \(query.metric)")
    }
    return candidates
  }

  /// Adds the store's points to the head's and evaluates; all of it beside the actor, which goes on
  /// taking samples. The head was read first: a block that is stored in between is then seen twice,
  /// which evaluation tolerates, never not at all.
  private nonisolated static func answer(
    _ query: MetricQuery, _ candidates: [MetricQuery.Candidate],
    _ held: [SeriesID: [HistoryPoint]], _ heldHours: [ServerID: Set<Int64>],
    _ store: StateStore, tier: RollUpTier?,
    blocksPerPage: Int, _ now: Moment
  ) async throws(DiagnosticError) -> MetricAnswer {
    HeapMemory.keepForNow()
    let range = query.fromNanoseconds...query.throughNanoseconds
    let wanted = Set(candidates.map(\.id))
    var found = MetricMaterial(columns: held)
    var ids: [StateStore.BlockID]
    if let tier {
      let material = try await store.history.material(
        wanted.sorted(), servers: servers(of: candidates), range, tier: tier, held: heldHours)
      for (id, points) in material.columns { found.columns[id, default: []] += points }
      found.rollUps = material.rollUps
      ids = try await store.earlierBlockIDs(range, servers: servers(of: candidates))
    } else {
      ids = try await store.blockIDs(
        from: range.lowerBound, through: range.upperBound, servers: servers(of: candidates))
    }
    var next = 0
    while next < ids.count {
      let page = ids[next..<min(ids.count, next + max(1, blocksPerPage))]
      next = page.endIndex
      for block in try await store.blocks(Array(page)) {
        do {
          let columns = try BlockCodec.columns(for: wanted, in: block.bytes.span, range: range)
          for (id, points) in columns { found.columns[id, default: []] += points }
        } catch {
          store.history.noteDamage(
            .raw(HistoryDay(of: block.fromNanoseconds)), StoreFailure.unreadable("history", error))
        }
      }
    }
    var answer = await evaluate(query, candidates, found, now)
    let gaps = store.history.unreadable(
      range, tier: tier, servers: servers(of: candidates))
    if !gaps.isEmpty { answer.unreadable = gaps }
    return answer
  }

  /// On two cores: somebody waits for it.
  private nonisolated static func evaluate(
    _ query: MetricQuery, _ candidates: [MetricQuery.Candidate], _ material: MetricMaterial,
    _ now: Moment
  ) async -> MetricAnswer {
    let middle = candidates.count / 2
    async let others = query.tracks(of: candidates[middle...], material)
    let tracks = query.tracks(of: candidates[..<middle], material) + (await others)
    let plan = query.plan(candidates, tracks, material, now: now)
    let half = plan.all.upperBound / 2
    async let last = plan.groups(half..<plan.all.upperBound)
    return plan.answer(plan.groups(0..<half) + (await last))
  }

  /// Whose blocks can hold these; `nil` stands for any: a target may have been on each server.
  private nonisolated static func servers(of candidates: [MetricQuery.Candidate])
    -> Set<ServerID>?
  {
    var servers: Set<ServerID> = []
    for candidate in candidates {
      guard case .server(let server) = candidate.series.subject else { return nil }
      servers.insert(server)
    }
    return servers
  }

  /// Everything that a Prometheus server scrapes: the newest values of servers that are heard, and
  /// the manager's own figures.
  func exposition() -> String {
    let now = self.now
    let servers = observed.servers(at: now)
    let names = ManagerFigures.serverLabels(servers)
    let current = Set(servers.filter { $0.contact == .connected }.map(\.id))
    var figures = ManagerFigures(
      version: ManagerService.version, startedNanoseconds: startedNanoseconds)
    figures.batchesIngested = counters.batches
    figures.samplesIngested = counters.samples
    figures.samplesLost = counters.lostSamples
    figures.seriesRefused = counters.refusedSeries
    figures.blocksStored = counters.blocksStored
    figures.historyBytes = historyBytes
    figures.hoursToRollUp = store.history.dirty.values.reduce(0) { $0 + $1.count }
    figures.daysToJoin = store.history.loose.values.reduce(0) { $0 + $1.count }
    figures.historyRemovedBytes = counters.historyRemovedBytes
    figures.heldBytes = head.heldBytes
    figures.seriesKnown = catalogue.count
    figures.servers = servers
    figures.targets = observed.targets(at: now)
    figures.findings = observed.status(at: now).findings
    let families = latest.families(
      catalogue: catalogue, now: now, isCurrent: current.contains
    ) { subject in Self.labels(of: subject, names, self.observed) }
    return PrometheusText.render(families + figures.families)
  }

  /// The labels that say whose a series is; `nil` for what is forgotten.
  private nonisolated static func labels(
    of subject: StoredSubject, _ servers: [ServerID: String], _ observed: ObservedSite
  ) -> [String: String]? {
    switch subject {
    case .server(let id): return servers[id].map { ["server": $0] }
    case .target(let id):
      let labels = observed.targetLabels(id)
      return labels.isEmpty ? nil : labels
    }
  }
}
