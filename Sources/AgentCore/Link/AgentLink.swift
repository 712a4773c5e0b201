import Protocol

/// The agent's side of the link: what to say, in which order, and when the manager counts as lost.
/// A struct without clocks and sockets; the shell hands it events with `now` (boot clock, ns) and
/// writes the frames it gives.
package struct AgentLink: Sendable {
  package struct Identity: Sendable {
    package var server: ServerID
    package var boot: BootID
    package var incarnation: String
    package var hostname: String
    package var agentVersion: String
    package var readsTree: Bool
    /// How often it collects until a manager tells it; `nil` when nobody said.
    package var collectMilliseconds: Int?
    package init(
      server: ServerID, boot: BootID, incarnation: String, hostname: String,
      agentVersion: String, readsTree: Bool, collectMilliseconds: Int? = nil
    ) {
      self.server = server
      self.boot = boot
      self.incarnation = incarnation
      self.hostname = hostname
      self.agentVersion = agentVersion
      self.readsTree = readsTree
      self.collectMilliseconds = collectMilliseconds
    }
  }

  /// What the shell must do.
  package enum Effect: Hashable, Sendable {
    case collectEvery(milliseconds: Int)
    /// The session is open.
    case opened(session: String)
    /// Close the connection; the reason is logged, and told to the manager when `tell`.
    case close(Diagnostic, tell: Bool)
    /// The manager ended the session and said why.
    case refused(Diagnostic)
    case storeCertificate(certificate: String, authority: String)
    /// The certificate is due: make a request and hand it to `renewalRequested`.
    case makeRenewalRequest
  }

  private enum Leaving: Sendable { case sendingRest, said }

  private enum Phase: Sendable {
    case down
    case greeting(since: Int64)
    case open
  }

  /// An hour, as a manager can be told: one that says more is confused, and clocks do not reach there.
  private static let longestInterval = 3_600_000
  private static let declarationsPerMessage = 2_000
  private static let digestInterval: Int64 = 60_000_000_000
  /// A manager that takes the connection but says nothing: longer than `lostAfter`, because a
  /// restarting manager reads its state first.
  private static let greetingLimit: Int64 = 10_000_000_000

  private let identity: Identity
  private var collectMilliseconds: Int?
  private var phase = Phase.down
  private var state = ReportedState()
  var series = SeriesTable()
  var buffer: BatchBuffer
  var spool: Spool
  var replay = Replay()
  /// The lives that this session's hello listed, `nil` when it listed none because the spool was
  /// not open; and whether the manager answered.
  var toldLives: [Life]?
  var takesReplay = false
  var told = ToldLosses()
  /// By number, whether this session knows the series.
  private var declared: [Bool] = []
  private var encoder = SampleEncoder()
  private var cycles = CycleEncoder()
  /// Of the protocol that the manager speaks.
  private var managerMinor = 0
  private var lanes = OutboundLanes()
  /// Live batches sent since the last replayed one.
  private var liveTurns = 0
  private static let liveTurnsAtMost = 4
  /// Each write is a TLS record. More at once would spare little, hold up what is more urgent, and make
  /// the manager keep a larger buffer for each of its agents.
  private static let writeBytes = 8_192
  private var heartbeats: UInt64 = 0
  private var nextHeartbeat: Int64 = 0
  private var nextDigests: Int64 = 0
  private var lastHeard: Int64 = 0
  private var logs: [LogLine] = []
  private var jobs = JobReportBuffer()
  private var leaving: Leaving?
  private var renewal = CertificateRenewal()
  /// The manager asked for them, or their time has come: told once what is more urgent is out, however often
  /// it asks.
  private var owesDigests = false
  /// Of the first batch.
  private var began: Stamp?
  /// So much of what is most urgent may wait, of a manager that does not read.
  private static let controlAtMost = 16

  package init(
    identity: Identity, bufferLimit: Int = BatchBuffer.sampleLimit, spool: Spool.Limits? = nil
  ) {
    self.identity = identity
    collectMilliseconds = identity.collectMilliseconds
    buffer = BatchBuffer(sampleLimit: bufferLimit)
    self.spool = Spool(
      own: Life(boot: identity.boot, incarnation: identity.incarnation), limits: spool)
  }

  package var isOpen: Bool { if case .open = phase { true } else { false } }
  package var unacknowledgedBatches: Int { buffer.batchCount }

  // MARK: Events

  /// TLS is up. `certificateExpired`: ours; then all we may do is renew it.
  package mutating func connected(now: Int64, certificateExpired: Bool) -> [Effect] {
    phase = .greeting(since: now)
    lanes = OutboundLanes()
    encoder = SampleEncoder()
    cycles = CycleEncoder()
    declared = []
    beginTelling()
    lastHeard = now
    nextHeartbeat = now + WireLimits.heartbeat.nanoseconds
    nextDigests = now + AgentLink.digestInterval
    renewal = CertificateRenewal()
    owesDigests = false
    send(
      .hello(
        Hello(
          server: identity.server, boot: identity.boot, incarnation: identity.incarnation,
          hostname: identity.hostname, agentVersion: identity.agentVersion,
          highestOrder: buffer.highestOrder,
          firstHeldOrder: min(buffer.firstHeldOrder, spool.firstHeldOrder ?? .max),
          givenUp: told.givenUp, lives: spool.heldLives,
          collectMilliseconds: collectMilliseconds, began: began,
          heldSince: (spool.firstHeldOrder ?? .max) < buffer.firstHeldOrder
            ? nil : buffer.firstHeldStamp, readsTree: identity.readsTree)))
    return certificateExpired ? [.makeRenewalRequest] : []
  }

  package mutating func disconnected() {
    phase = .down
    lanes = OutboundLanes()
  }

  /// Any byte came.
  package mutating func heard(now: Int64) { lastHeard = now }

  package mutating func received(_ message: Message, now: Int64) -> [Effect] {
    switch message {
    case .welcome(let welcome): return welcomed(welcome, now: now)
    case .acknowledge(let order): acknowledged(through: order)
    case .lifeAcknowledged(let life, let order): acknowledged(life: life, through: order)
    case .jobsHeld(let sequence): jobs.held(through: sequence)
    case .resend(let keys):
      state.resend(keys)
    case .tellDigests: owesDigests = true
    case .renewed(let certificate, let authority):
      guard renewal.answered() else {
        return [
          .close(
            Diagnostic(
              .messageUnexpected, subject: "manager",
              reason: "it sent a certificate that it was not asked for"), tell: true)
        ]
      }
      return [.storeCertificate(certificate: certificate, authority: authority)]
    case .goodbye(let diagnostic):
      return [.refused(diagnostic)]
    case .heartbeat, .alive, .unrecognised:
      break
    case .hello, .digests, .stateDigest, .renew, .dropped, .section, .sectionGone, .cycle,
      .cycles, .declare,
      .samples, .logs, .jobs, .lifeDropped, .lifeDeclare, .lifeSamples:
      return [
        .close(
          Diagnostic(
            .messageUnexpected, subject: "manager",
            reason: "it sent a message of type \(message.type), which only agents send"),
          tell: true)
      ]
    }
    return []
  }

  private mutating func welcomed(_ welcome: Welcome, now: Int64) -> [Effect] {
    guard case .greeting = phase else {
      return [
        .close(
          Diagnostic(.messageUnexpected, subject: "manager", reason: "it welcomed twice"),
          tell: true)
      ]
    }
    guard welcome.major == Hello.majorVersion else {
      return [
        .close(
          Diagnostic(
            .protocolUnsupported, subject: "manager",
            reason:
              "it speaks protocol \(welcome.major), this agent speaks \(Hello.majorVersion)",
            remedy: "Install an agent of the manager's major version."), tell: true)
      ]
    }
    phase = .open
    managerMinor = welcome.minor
    acknowledged(through: welcome.durableOrder)
    buffer.rewind()
    jobs.rewind()
    planReplay(welcome.lives)
    state.rewind()
    renewal.welcomed(within: welcome.renewWithinSeconds, now: now)
    let interval = min(max(welcome.collectMilliseconds, 100), AgentLink.longestInterval)
    collectMilliseconds = interval
    return [.opened(session: welcome.session), .collectEvery(milliseconds: interval)]
  }

  /// One cycle of collectors has ended. `samples` share `stamp`.
  package mutating func collected(
    _ ends: [(end: CycleEnd, sections: [Section])], samples: [Sample],
    jobs reports: [JobReport] = [],
    stamp: Stamp
  ) {
    jobs.append(reports)
    replay.retry()
    for (end, sections) in ends { state.collected(end, sections: sections) }
    guard !samples.isEmpty else { return }
    let (ids, bits) = series.numbered(samples)
    buffer.append(stamp: stamp, ids: ids, bits: bits)
    began = began ?? stamp
    overflow()
  }

  /// A line of the agent's own log. At most 1,000 wait; the oldest go first.
  package mutating func logged(_ line: LogLine) {
    logs.append(line)
    if logs.count > WireLimits.logLines { logs.removeFirst() }
  }

  package mutating func renewalRequested(_ request: String) {
    renewal.requested()
    send(.renew(request: request))
  }

  /// Time has passed; call at least twice a second. `certificateExpires`: seconds until then.
  package mutating func tick(now: Int64, certificateExpiresInSeconds: Int64?) -> [Effect] {
    switch phase {
    case .down: return []
    case .greeting(let since):
      if now - since > AgentLink.greetingLimit { return [silent(now - since)] }
      return []
    case .open: break
    }
    if now - lastHeard > WireLimits.lostAfter.nanoseconds { return [silent(now - lastHeard)] }
    if let effect = spoolOpenedLate { return [effect] }
    if now >= nextHeartbeat {
      if lanes.queuedMessages(in: .control) < AgentLink.controlAtMost {
        heartbeats += 1
        send(managerMinor >= 2 ? .alive : .heartbeat(heartbeats))
      }
      nextHeartbeat = now + WireLimits.heartbeat.nanoseconds
    }
    if now >= nextDigests, lanes.queuedMessages(in: .control) < AgentLink.controlAtMost {
      // What is still on its way would look like a difference.
      if managerMinor >= 1, state.isAllSent {
        let digests = state.digests
        send(
          .stateDigest(sections: digests.count, digest: SectionDigest.summary(of: digests)))
      } else {
        owesDigests = true
      }
      nextDigests = now + AgentLink.digestInterval
    }
    if renewal.isDue(now: now, left: certificateExpiresInSeconds) { return [.makeRenewalRequest] }
    return []
  }

  private func silent(_ nanoseconds: Int64) -> Effect {
    .close(
      Diagnostic(
        .peerSilent, .warning, subject: "manager",
        reason: "not a byte for \(nanoseconds / 100_000_000 * 100) ms"), tell: false)
  }

  /// The agent stops: what was collected is sent, and then the word that this was all. What the
  /// spool holds of before is sent by the next life.
  package mutating func stopping() { leaving = isOpen ? .sendingRest : nil }

  private mutating func sayGoodbye() {
    leaving = .said
    send(
      .goodbye(
        Diagnostic(
          .agentStopping, .info, subject: identity.hostname, reason: "the agent is stopping")))
  }

  package mutating func say(_ diagnostic: Diagnostic) { send(.goodbye(diagnostic)) }

  // MARK: Output

  /// The next frame to write; `nil` when there is nothing to say. `now` is given when the stamp's boot
  /// clock is not the one that `tick` is given.
  package mutating func nextFrame(stamp: Stamp, now: Int64? = nil) -> Frame? {
    if isOpen { refill() }
    if let frame = lanes.nextFrame(stamp: stamp) {
      // Whatever is said proves life.
      nextHeartbeat = max(
        nextHeartbeat, (now ?? stamp.bootNanoseconds) + WireLimits.heartbeat.nanoseconds)
      return frame
    }
    guard leaving == .sendingRest else { return nil }
    sayGoodbye()
    return lanes.nextFrame(stamp: stamp)
  }

  /// The next frames to write at once; empty when there is nothing to say. Each write becomes a TLS record
  /// with 22 bytes of its own, which the end of a cycle and its samples share.
  package mutating func nextFrames(stamp: Stamp, now: Int64? = nil) -> [Frame] {
    var frames: [Frame] = []
    var bytes = 0
    while bytes < AgentLink.writeBytes, let frame = nextFrame(stamp: stamp, now: now) {
      frames.append(frame)
      bytes += WireLimits.frameHeaderBytes + frame.payload.count
    }
    return frames
  }

  /// Keeps the lanes nearly empty: what is not yet encoded can still be replaced or given up.
  private mutating func refill() {
    if owesDigests, lanes.queuedMessages(in: .control) == 0 {
      owesDigests = false
      send(.digests(state.digests))
    }
    if lanes.queuedMessages(in: .state) == 0, let next = state.nextUnsent() { tell(next) }
    guard lanes.queuedMessages(in: .bulk) == 0 else { return }
    tellLosses()
    if liveTurns < AgentLink.liveTurnsAtMost, let batch = buffer.nextUnsent() {
      liveTurns += 1
      declare(batch.ids)
      lanes.enqueue(type: MessageType.samples.rawValue, payload: encoder.encode(batch))
      return
    }
    liveTurns = 0
    if let report = jobs.nextUnsent() {
      send(.jobs(report))
    } else if leaving == nil, let message = replay.next(&spool) {
      if let sent = replay.lastSent, sent.life == toldLives?.count { buffer.noteSent(sent.order) }
      send(message)
    } else if let batch = buffer.nextUnsent() {
      declare(batch.ids)
      lanes.enqueue(type: MessageType.samples.rawValue, payload: encoder.encode(batch))
    } else if !logs.isEmpty {
      send(.logs(logs))
      logs = []
    }
  }

  private mutating func tell(_ unsent: ReportedState.Unsent) {
    switch unsent {
    case .section(let section): send(.section(section))
    case .sectionGone(let key): send(.sectionGone(key))
    case .ends(let ends):
      guard managerMinor >= 1, ends.count <= WireLimits.cycleSlots else {
        for end in ends { send(.cycle(end)) }
        return
      }
      send(.cycles(encoded: cycles.encode(ends)))
      for end in ends where ReportedState.isLast(end) { cycles.forget(end.collector) }
    }
  }

  private mutating func declare(_ ids: [UInt32]) {
    var new: [UInt32: SeriesDeclaration] = [:]
    for id in ids where id >= declared.count || !declared[Int(id)] {
      // Numbers count up from 0.
      if id >= declared.count {
        declared += repeatElement(false, count: Int(id) + 1 - declared.count)
      }
      declared[Int(id)] = true
      if let declaration = series[id] { new[id] = declaration }
    }
    // Far below the limit of a message, however long the names are.
    let all = new.sorted { $0.key < $1.key }
    for start in stride(from: 0, to: all.count, by: AgentLink.declarationsPerMessage) {
      let part = all[start..<min(start + AgentLink.declarationsPerMessage, all.count)]
      send(.declare(Dictionary(uniqueKeysWithValues: part.map { ($0.key, $0.value) })))
    }
  }

  mutating func send(_ message: Message) {
    // Encoding fails only for numbers that JSON cannot hold, and none of these messages has one.
    try? lanes.enqueue(message)
  }
}

extension Duration {
  /// Whole nanoseconds; saturates after 292 years.
  package var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? (seconds < 0 ? .min : .max) : product + attoseconds / 1_000_000_000
  }
}
