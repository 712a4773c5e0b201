import Logging
import ManagerCore
import Platform
import Protocol

/// What agents say, in the order in which each says it.
extension Site {
  func opened(
    _ hello: Hello, sent: Stamp, address: String, serial: String, writer: AgentWriter
  ) async throws(DiagnosticError) -> (SessionHandle, Welcome) {
    let stream = StreamKey(
      server: hello.server, boot: hello.boot, incarnation: hello.incarnation)
    let received = noteOwnStep()
    let aheadThen = wallAhead
    let clock = model(of: hello, sent, received)
    var chain: [LifeChain.Link] = []
    try await settleMissingOrders(hello)
    let lives = try await openLives(hello, clock, sent, &chain)
    // Last, for a server's oldest idle streams are forgotten when others are resumed.
    try await resume(stream)
    // From here on nothing waits: of two sessions that open at once, one sees the other, and a
    // revocation either is seen here or finds the session live.
    if isStopping { throw DiagnosticError(Self.stopping) }
    if let distrust = distrust(hello.server, serial) { throw DiagnosticError(distrust) }
    replaceSession(of: hello, by: address)
    let now = self.now
    let shared = observed.identitySharing(of: hello.server, at: now)
    let handle = SessionHandle(
      server: hello.server, session: nextSession(), stream: stream, lives: lives.map(\.life))
    observed.sessionOpened(
      hello.server, session: handle.session, hello: hello, sent: sent, address: address, at: now)
    if shared == nil, let trouble = observed.identitySharing(of: hello.server, at: now) {
      logger.error(
        "two agents use one identity",
        metadata: [
          "code": "\(DiagnosticCode.identityShared.rawValue)", "server": "\(hello.server)",
          "reason": "\(trouble)",
        ])
    }
    noteHoles(hello, stream, clock, chain, now)
    let told = Set([stream] + lives.map(\.life.stream))
    let interval = hello.collectMilliseconds.flatMap(Self.interval)
    setPaces(told, hello.server, speaks: stream, since: sent, interval: interval)
    // The life that could send its reports again is over.
    if let last = lastBatch[hello.server]?.stream, last != stream {
      Task { await self.flushJobs(force: true) }
    }
    let acknowledged = head.acknowledgedOrder(stream)
    // The manager's own clock may have been set while the store was read.
    noteOwnStep()
    let step = (wallAhead ?? 0).subtractingReportingOverflow(aheadThen ?? 0).partialValue
    clocks[hello.server] = model(
      of: hello, sent, received.addingReportingOverflow(step).partialValue)
    live[hello.server] = Live(
      handle: handle, serial: serial, writer: writer, intervalBefore: interval,
      acknowledged: acknowledged,
      lives: lives.map { (settled: 0, acknowledged: $0.durable) })
    counters.sessionsOpened += 1
    serverLog.log(
      .info, "an agent's session is open", about: hello.server.text,
      [
        "server": "\(hello.hostname)", "peer": "\(address)", "session": "\(handle.session)",
      ])
    return (
      handle,
      Welcome(
        session: handle.session, collectMilliseconds: settings.collectMilliseconds,
        durableOrder: acknowledged, renewWithinSeconds: settings.renewWithinSeconds,
        lives: hello.lives == nil ? nil : lives.map(\.durable))
    )
  }

  /// The clock model of an agent whose hello came then.
  private func model(of hello: Hello, _ sent: Stamp, _ received: Int64) -> ClockModel {
    let known = clocks[hello.server].flatMap { $0.boot == hello.boot ? $0 : nil }
    var clock = known ?? ClockModel(boot: hello.boot)
    clock.observed(sent: sent, received: received)
    return clock
  }

  /// In nanoseconds; `nil` for one that no agent collects at.
  private static func interval(milliseconds: Int) -> Int64? {
    (100...86_400_000).contains(milliseconds) ? Int64(milliseconds) * 1_000_000 : nil
  }

  /// - Parameter lives: the one that speaks, and those of which the agent has something.
  private func setPaces(
    _ lives: Set<StreamKey>, _ server: ServerID, speaks own: StreamKey, since hello: Stamp,
    interval: Int64?
  ) {
    let known = paces[server] ?? [:]
    let last = lastBatch[server]
    paces[server] = Dictionary(
      uniqueKeysWithValues: lives.map { life in
        let new = SamplingPace(
          since: life == own ? hello : nil, interval: interval,
          earlier: last?.stream == life ? last : nil)
        return (life, known[life] ?? new)
      })
  }

  /// The newest session of a server counts; the one before is told and ends. The observed site learns
  /// of it by the new one's opening, and must: that another was still open then is what it judges by.
  private func replaceSession(of hello: Hello, by address: String) {
    guard let old = live.removeValue(forKey: hello.server) else { return }
    let reason = Diagnostic(
      .sessionReplaced, .warning, subject: hello.hostname,
      reason: "a newer session of this server came from \(address)",
      remedy: "If that is another machine, its agent's state directory is a copy: stop the agent"
        + " there, delete that directory, and enrol it anew: iml-agent enroll --manager HOST"
        + " --token TOKEN")
    serverLog.log(
      .warning, "an agent's session was replaced by a newer one", about: hello.server.text,
      [
        "code": "\(reason.code)", "server": "\(hello.hostname)", "peer": "\(address)",
        "session": "\(old.handle.session)",
      ])
    let writer = old.writer
    Task { await writer.end(reason) }
  }

  func resume(_ stream: StreamKey) async throws(DiagnosticError) {
    guard !head.knows(stream) else { return }
    let stored = try await store.stored(stream)
    guard !head.knows(stream) else { return }
    head.resume(stream, durable: stored.durable)
  }

  /// What is missing before and between the batches that the agent still has.
  func noteHoles(
    _ hello: Hello, _ stream: StreamKey, _ clock: ClockModel, _ earlier: [LifeChain.Link],
    _ now: Moment
  ) {
    let began = hello.began.flatMap { clock.corrected($0) }
    noteInterruptions(stream, began: began.map { min($0, now.wallNanoseconds) }, earlier)
    settleMissing(hello, stream, clock, now)
    for life in earlier.map(\.stream) + [stream] { closeLostInterruption(life, now) }
  }

  /// Other lives of the agent than the last one that was heard: nothing was sampled between them.
  private func noteInterruptions(
    _ stream: StreamKey, began: Int64?, _ earlier: [LifeChain.Link]
  ) {
    let server = stream.server
    let own = LifeChain.Link(
      stream: stream, lastOrder: nil, endNanoseconds: 0, beginNanoseconds: began,
      highestSeen: head.highestOrder(stream))
    let chain = LifeChain(links: earlier + [own], last: lastBatch[server], stopped: stopped)
    interruptions[server] = chain.interruptions
    timeline.forget(server, but: Set(chain.links.map(\.stream.boot)))
    let told = Set(chain.links.map(\.stream))
    lossSpans[server] = lossSpans[server]?.filter { told.contains($0.key) }
    stopped = stopped.filter {
      $0.server != server || told.contains($0) || $0 == lastBatch[server]?.stream
    }
  }

  /// Batches that the agent can not send again and that are not here will never come.
  private func settleMissing(
    _ hello: Hello, _ stream: StreamKey, _ clock: ClockModel, _ now: Moment
  ) {
    guard let first = hello.firstHeldOrder, first > 1 else { return }
    let lost = head.dropped(stream, from: 1, through: first - 1)
    let end = hello.heldSince.flatMap { clock.corrected($0) }
    record(lost, givenUp: hello.givenUp, stream, now, end: end)
  }

  func dropped(_ givenUp: GivenUp, _ handle: SessionHandle) async throws(DiagnosticError) {
    try await resume(handle.stream)
    let lost = head.dropped(handle.stream, from: givenUp.from, through: givenUp.through)
    record(lost, givenUp: givenUp, handle.stream, now)
    closeLostInterruption(handle.stream, now)
  }

  private func record(
    _ lost: [ClosedRange<UInt64>], givenUp: GivenUp?, _ stream: StreamKey, _ now: Moment,
    end: Int64? = nil
  ) {
    let batches = lost.reduce(0) { $0 + UInt64($1.count) }
    guard batches > 0 else { return }
    newLost += lost.map { (stream, $0) }
    let isOverflow =
      givenUp.map { up in
        lost.allSatisfy { up.from <= $0.lowerBound && $0.upperBound <= up.through }
      } ?? false
    // The agent counted the values of all it gave up; they are these batches' only if it is all.
    let told = givenUp.map { $0.through - $0.from + 1 }
    let clock = clocks[stream.server]
    let times = isOverflow ? lostTimes(givenUp?.stamps, now) { clock?.corrected($0) } : nil
    let before = times?.before ?? min(end ?? .max, now.wallNanoseconds)
    let last = lastBatch[stream.server].flatMap { last in
      last.stream == stream && last.order >= lost[0].lowerBound || last.nanoseconds > before
        ? nil : last.nanoseconds
    }
    let after = times?.after ?? last
    let span = lossTimes(after: after, before: before, lost, of: stream)
    let loss = SampleLoss(
      afterNanoseconds: span.after, beforeNanoseconds: span.before, batches: batches,
      samples: isOverflow && told == batches ? givenUp?.samples : nil,
      reason: isOverflow
        ? "the agent had no room left for them while nothing was acknowledged"
        : "the agent no longer holds them and the manager's store does not have them")
    found(loss, stream.server, now)
  }

  /// Between which times batches lay that are lost, as their agent tells it. Never in the future.
  func lostTimes(
    _ stamps: LostStamps?, _ now: Moment, _ time: (Stamp) -> Int64?
  ) -> (after: Int64, before: Int64)? {
    guard let stamps, let first = time(stamps.first), let last = time(stamps.last), first <= last
    else { return nil }
    let wall = now.wallNanoseconds
    return (min(max(first, .min + 1) - 1, wall), last < wall ? last + 1 : wall)
  }

  /// Between which times batches are lost. An agent gives up whole segments, and tells of each when it was
  /// begun; what it lost before, it tells again with what it lost now. Not before what is known of the same life
  /// from earlier orders, nor after what is known of later ones.
  func lossTimes(
    after: Int64?, before: Int64, _ lost: [ClosedRange<UInt64>], of stream: StreamKey
  ) -> (after: Int64?, before: Int64) {
    guard let first = lost.first?.lowerBound, let last = lost.last?.upperBound else {
      return (after, before)
    }
    let spans = lossSpans[stream.server]?[stream] ?? []
    var begins = spans.filter { $0.orders.upperBound < first }.map(\.before)
    var ends = spans.filter { $0.orders.lowerBound > last }.compactMap(\.after)
    if let known = lastBatch[stream.server], known.stream == stream {
      if known.order < first { begins.append(known.nanoseconds) }
      if known.order > last { ends.append(known.nanoseconds) }
    }
    // What contradicts what the agent tells is of a clock that was set meanwhile.
    let begin = (begins.filter { $0 <= before } + [after].compactMap { $0 }).max()
    let end = (ends.filter { $0 >= begin ?? .min } + [before]).min() ?? before
    let span = (first...last, begin, max(end, begin ?? end))
    lossSpans[stream.server, default: [:]][stream] = (spans + [span]).suffix(64)
    return (begin, span.2)
  }

  func found(_ loss: SampleLoss, _ server: ServerID, _ now: Moment) {
    take(loss, server, now)
    log(loss, server)
  }

  func take(_ loss: SampleLoss, _ server: ServerID, _ now: Moment) {
    observed.lossFound(server, loss, at: now)
    counters.lostSamples =
      counters.lostSamples.addingReportingOverflow(loss.samples ?? 0)
      .partialValue
    newLosses.append(ServerLoss(server: server, loss: loss))
  }

  func log(_ loss: SampleLoss, _ server: ServerID) {
    guard loss.batches != 0 else { return }
    serverLog.log(
      .warning, "samples are lost", about: server.text,
      [
        "server": "\(server)", "batches": "\(loss.batches.map { "\($0)" } ?? "unknown")",
        "reason": "\(loss.reason)",
      ])
  }

  /// - Parameter isTold: a line of the log says it already.
  func closed(_ handle: SessionHandle, _ reason: Diagnostic, isTold: Bool = false) {
    // The agent says this after its last sample; what came before it on the wire was taken.
    if reason.code == DiagnosticCode.agentStopping.rawValue { stopped.insert(handle.stream) }
    observed.sessionClosed(handle.server, session: handle.session, reason: reason, at: now)
    guard live[handle.server]?.handle == handle else { return }
    live[handle.server] = nil
    guard !isTold else { return }
    serverLog.log(
      .info, "an agent's session ended", about: handle.server.text,
      [
        "server": "\(observed.hostname(of: handle.server) ?? handle.server.text)",
        "code": "\(reason.code)", "reason": "\(reason.reason)",
      ])
  }

  /// - Parameter sent: of the newest frame, which may be a heartbeat: they are the fastest.
  func heard(_ handle: SessionHandle, sent: Stamp? = nil) {
    guard isLive(handle) else { return }
    observed.heard(handle.server, at: now)
    if let sent { observeClock(sent, handle) }
  }

  /// Whether this is the session that speaks for its server. What a replaced one still had on the
  /// wire is no word on the present; its samples are taken all the same.
  private func isLive(_ handle: SessionHandle) -> Bool { live[handle.server]?.handle == handle }

  func section(_ section: Section, sent: Stamp, _ handle: SessionHandle) {
    guard isLive(handle) else { return }
    observeClock(sent, handle)
    guard !observed.sectionArrived(handle.server, section, at: now) else { return }
    serverLog.log(
      .warning, "a section of an agent's report is left out: more than any server has",
      about: handle.server.text,
      [
        "server": "\(observed.hostname(of: handle.server) ?? handle.server.text)",
        "section": "\(section.key)",
      ])
  }

  func sectionGone(_ key: SectionKey, _ handle: SessionHandle) {
    guard isLive(handle) else { return }
    observed.sectionGone(handle.server, key, at: now)
  }

  func cycles(_ ends: [CycleEnd], sent: Stamp, _ handle: SessionHandle) {
    guard isLive(handle) else { return }
    observeClock(sent, handle)
    let now = self.now
    for end in ends {
      // Evidence never lies in the future, whatever clocks say.
      let corrected = clocks[handle.server]?.corrected(end.began) ?? now.wallNanoseconds
      observed.cycleEnded(
        handle.server, end, evidenceNanoseconds: min(corrected, now.wallNanoseconds), at: now)
    }
    if observed.isUrgent { flushSoon() }
  }

  /// Whether the manager holds the very sections that an agent's summary is of.
  func agrees(sections: Int, digest: UInt64, _ handle: SessionHandle) -> Bool {
    !isLive(handle) || observed.holds(sections: sections, digest: digest, of: handle.server)
  }

  func digests(_ digests: [SectionDigest], _ handle: SessionHandle) -> [SectionKey] {
    isLive(handle) ? observed.digests(handle.server, digests, at: now) : []
  }

  func logged(_ lines: [LogLine], _ handle: SessionHandle) {
    observed.logged(handle.server, lines, at: now)
  }

  func observeClock(_ sent: Stamp, _ handle: SessionHandle) {
    let received = noteOwnStep()
    clocks[handle.server]?.observed(sent: sent, received: received)
    let now = self.now
    if let skew = clocks[handle.server]?.skew(sent) {
      observed.clockMeasured(handle.server, offsetNanoseconds: skew, at: now)
    }
  }
}
