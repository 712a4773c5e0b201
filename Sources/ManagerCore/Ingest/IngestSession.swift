import Protocol

/// The manager's side of one agent's session: what may come, in which order. Feeds on frames,
/// gives events; a complaint ends the session, and nothing of the message at fault is applied.
package struct IngestSession: Sendable {
  /// What a certificate allows.
  package enum Admission: Hashable, Sendable {
    case full
    /// Expired within the grace: it may renew, nothing else.
    case renewalOnly
  }

  package enum Event: Hashable, Sendable {
    case hello(Hello)
    case section(Section)
    case sectionGone(SectionKey)
    case cycles([CycleEnd])
    case digests([SectionDigest])
    case stateDigest(sections: Int, digest: UInt64)
    case declared([UInt32: SeriesDeclaration])
    case batch(SampleBatch)
    case dropped(GivenUp)
    /// Of an earlier life, by its place in `Hello.lives`, or of the present one when it is their
    /// number: read back from the agent's spool.
    case lifeDeclared(life: Int, [UInt32: SeriesDeclaration])
    case lifeBatch(life: Int, SampleBatch)
    case lifeDropped(life: Int, LostBatches)
    case logs([LogLine])
    case jobs(JobReport)
    case renew(request: String)
    case goodbye(Diagnostic)
  }

  package let server: ServerID
  package let admission: Admission
  package private(set) var hello: Hello?
  /// Messages of types that this manager does not know.
  package private(set) var unrecognised: UInt64 = 0
  private var decoder = FrameDecoder()
  private var assembler = FrameAssembler()
  /// Frames that came, and how many of them were taken.
  private var waiting: [Frame] = []
  private var taken = 0
  private var samples = SampleDecoder(seriesLimit: 0)
  private var cycles = CycleDecoder()
  private var declared = NumberSet()
  private var lastOrder: UInt64 = 0
  private var replay = ReplayedLife()

  package init(server: ServerID, admission: Admission) {
    self.server = server
    self.admission = admission
  }

  /// Takes bytes as they come; what they say is asked for with `next()`.
  package mutating func receive(_ bytes: Span<UInt8>) throws(DiagnosticError) {
    do { waiting += try decoder.feed(bytes) } catch {
      throw complaint(error, tooLong: .frameTooLarge, malformed: .frameMalformed)
    }
  }

  /// Of the last frame that was taken since it was asked for, also one that is no event: a frame that still
  /// comes in says nothing of the clock.
  private var newestStamp: Stamp?

  package mutating func takeNewestStamp() -> Stamp? {
    defer { newestStamp = nil }
    return newestStamp
  }

  /// The next event; `nil` when more bytes are needed. One at a time, because a few bytes may stand
  /// for a great many values that have not changed. The frames' stamps go with the events for the time
  /// model.
  package mutating func next() throws(DiagnosticError) -> (stamp: Stamp, event: Event)? {
    while taken < waiting.count {
      let frame = waiting[taken]
      taken += 1
      newestStamp = frame.stamp
      if hello == nil, !assembler.isControl(frame) {
        throw refusal(.messageUnexpected, "a message of type \(frame.type) before hello")
      }
      let message: Message?
      do { message = try assembler.add(frame) } catch {
        throw complaint(error, tooLong: .messageTooLarge, malformed: .messageMalformed)
      }
      if let message, let event = try event(of: message) { return (frame.stamp, event) }
    }
    waiting = []
    taken = 0
    return nil
  }

  private mutating func event(of message: Message) throws(DiagnosticError) -> Event? {
    switch message {
    case .hello(let hello): return .hello(try greeted(hello))
    case .unrecognised:
      unrecognised += 1
      return nil
    default: break
    }
    guard let hello else {
      throw refusal(.messageUnexpected, "a message of type \(message.type) before hello")
    }
    if case .renew(let request) = message { return .renew(request: request) }
    if case .goodbye(let diagnostic) = message { return .goodbye(diagnostic) }
    if admission == .renewalOnly {
      if message == .alive { return nil }
      if case .heartbeat = message { return nil }
      throw refusal(
        .certificateExpired, "its certificate has expired: all it may do is renew it",
        remedy: "The agent renews by itself; if it does not, enrol it again.")
    }
    return try stateOrBulk(message, hello)
  }

  private mutating func stateOrBulk(_ message: Message, _ hello: Hello) throws(DiagnosticError)
    -> Event?
  {
    switch message {
    case .heartbeat, .alive: return nil
    case .digests(let digests): return .digests(digests)
    case .section(let section): return .section(try checked(section))
    case .sectionGone(let key): return .sectionGone(key)
    case .stateDigest(let sections, let digest):
      return .stateDigest(sections: sections, digest: digest)
    case .cycle(let end): return .cycles([end])
    case .cycles(let encoded):
      do { return .cycles(try cycles.decode(encoded.span)) } catch {
        throw complaint(error, tooLong: .messageTooLarge, malformed: .messageMalformed)
      }
    case .declare(let declarations):
      for id in declarations.keys where declared.contains(id) {
        throw refusal(.messageMalformed, "series \(id) declared twice")
      }
      for id in declarations.keys { declared.insert(id) }
      samples.seriesLimit = declared.end
      return .declared(declarations)
    case .samples(let encoded): return .batch(try batch(encoded))
    case .dropped(let up):
      guard up.from >= 1, up.from <= up.through else {
        throw refusal(.messageMalformed, "batches \(up.from) to \(up.through) given up")
      }
      return .dropped(up)
    case .lifeDeclare, .lifeSamples, .lifeDropped: return try replayed(message, hello)
    case .logs(let lines): return .logs(lines)
    case .jobs(let report): return .jobs(report)
    case .hello, .welcome, .acknowledge, .lifeAcknowledged, .jobsHeld, .resend, .tellDigests,
      .renewed, .renew,
      .goodbye,
      .unrecognised:
      throw refusal(
        .messageUnexpected, "a message of type \(message.type), which only managers send")
    }
  }

  private mutating func greeted(_ hello: Hello) throws(DiagnosticError) -> Hello {
    guard self.hello == nil else { throw refusal(.messageUnexpected, "a second hello") }
    guard hello.server == server else {
      throw refusal(
        .identityMismatch,
        "it calls itself server \(hello.server), its certificate is that of \(server)",
        remedy: "Enrol this agent with a token of its own; never copy a state directory.")
    }
    guard hello.major == Hello.majorVersion else {
      throw refusal(
        .protocolUnsupported,
        "it speaks protocol \(hello.major), this manager speaks \(Hello.majorVersion)",
        remedy: "Install an agent of the manager's major version.")
    }
    guard IngestSession.isHostName(hello.hostname) else {
      throw refusal(
        .messageMalformed, "it calls itself by what is no host name",
        remedy: "Give the server a host name of letters, digits, dots and dashes.")
    }
    guard hello.incarnation.utf8.count <= 64,
      hello.boot.text.utf8.count <= 128, hello.agentVersion.utf8.count <= 64,
      hello.capabilities.count <= 256
    else { throw refusal(.messageMalformed, "a hello with a name longer than names are") }
    let lives = (hello.lives ?? []).map { [$0.boot.text, $0.incarnation] }
    guard Set(lives + [[hello.boot.text, hello.incarnation]]).count == lives.count + 1 else {
      throw refusal(.messageMalformed, "one life of its process listed twice")
    }
    self.hello = hello
    return hello
  }

  /// RFC 1123, and underscores: it is printed in terminals and logs.
  private static func isHostName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 253
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
          UInt8(ascii: "_"):
          true
        default: false
        }
      }
  }

  private func checked(_ section: Section) throws(DiagnosticError) -> Section {
    guard
      let own = try? Section(
        key: section.key, collector: section.collector, body: section.body),
      own.digest == section.digest
    else {
      throw refusal(.messageMalformed, "section \(section.key) does not match its digest")
    }
    return section
  }

  private mutating func batch(_ encoded: [UInt8]) throws(DiagnosticError) -> SampleBatch {
    let batch: SampleBatch
    // Before a value is decoded: few bytes may claim a million values.
    if let claimed = try? SampleDecoder.heading(encoded.span).values, claimed > declared.count {
      throw refusal(
        .seriesUndeclared, "\(claimed) values in a batch, and \(declared.count) series declared")
    }
    do { batch = try samples.decode(encoded.span) } catch {
      throw complaint(error, tooLong: .messageTooLarge, malformed: .messageMalformed)
    }
    guard batch.order > lastOrder else {
      throw refusal(
        .orderReplayed, "batch \(batch.order) after batch \(lastOrder) in one session")
    }
    if let id = batch.ids.first(where: { !declared.contains($0) }) {
      throw refusal(.seriesUndeclared, "a value of series \(id), which was never declared")
    }
    lastOrder = batch.order
    return batch
  }

  private mutating func replayed(_ message: Message, _ hello: Hello) throws(DiagnosticError)
    -> Event
  {
    let lives = hello.lives ?? []
    do {
      switch message {
      case .lifeDropped(let life, let lost):
        guard life <= lives.count else { throw WireError.malformed("a life that it did not list") }
        return .lifeDropped(life: life, lost)
      case .lifeDeclare(let life, let declarations):
        try replay.turn(to: life, of: lives.count)
        try replay.declare(declarations)
        return .lifeDeclared(life: life, declarations)
      case .lifeSamples(let life, let encoded):
        try replay.turn(to: life, of: lives.count)
        let limit =
          life < lives.count ? lives[life].lastOrder : WireLimits.highestOrder
        return .lifeBatch(life: life, try replay.batch(encoded, lastOrder: limit))
      default: throw WireError.malformed("no replay")
      }
    } catch let error as WireError {
      throw complaint(error, tooLong: .messageTooLarge, malformed: .messageMalformed)
    } catch {
      throw refusal(.messageMalformed, "\(error)")
    }
  }

  private func complaint(
    _ error: WireError, tooLong: DiagnosticCode, malformed: DiagnosticCode
  ) -> DiagnosticError {
    if case .tooLong = error { return refusal(tooLong, error.reason) }
    return refusal(malformed, error.reason)
  }

  private func refusal(_ code: DiagnosticCode, _ reason: String, remedy: String = "")
    -> DiagnosticError
  {
    DiagnosticError(
      code, subject: self.hello?.hostname ?? server.text, reason: reason, remedy: remedy)
  }
}
