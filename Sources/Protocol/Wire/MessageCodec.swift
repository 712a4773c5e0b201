import FoundationEssentials

extension Message {
  package var type: UInt8 {
    switch self {
    case .hello: MessageType.hello.rawValue
    case .welcome: MessageType.welcome.rawValue
    case .heartbeat: MessageType.heartbeat.rawValue
    case .alive: MessageType.alive.rawValue
    case .acknowledge: MessageType.acknowledge.rawValue
    case .goodbye: MessageType.goodbye.rawValue
    case .digests: MessageType.digests.rawValue
    case .stateDigest: MessageType.stateDigest.rawValue
    case .tellDigests: MessageType.tellDigests.rawValue
    case .resend: MessageType.resend.rawValue
    case .renew: MessageType.renew.rawValue
    case .renewed: MessageType.renewed.rawValue
    case .dropped: MessageType.dropped.rawValue
    case .section: MessageType.section.rawValue
    case .sectionGone: MessageType.sectionGone.rawValue
    case .cycle: MessageType.cycle.rawValue
    case .cycles: MessageType.cycles.rawValue
    case .declare: MessageType.declare.rawValue
    case .samples: MessageType.samples.rawValue
    case .logs: MessageType.logs.rawValue
    case .jobs: MessageType.jobs.rawValue
    case .jobsHeld: MessageType.jobsHeld.rawValue
    case .lifeAcknowledged: MessageType.lifeAcknowledged.rawValue
    case .lifeDropped: MessageType.lifeDropped.rawValue
    case .lifeDeclare: MessageType.lifeDeclare.rawValue
    case .lifeSamples: MessageType.lifeSamples.rawValue
    case .unrecognised(let type): type
    }
  }

  /// The payload, before it is cut into frames.
  package func encoded() throws -> [UInt8] {
    switch self {
    case .hello(let value): try CanonicalJSON.encode(value)
    case .welcome(let value): try CanonicalJSON.encode(value)
    case .heartbeat(let count): try CanonicalJSON.encode(CountBody(count: count))
    case .acknowledge(let order): try CanonicalJSON.encode(OrderBody(order: order))
    case .goodbye(let value): try CanonicalJSON.encode(value)
    case .digests(let value): try CanonicalJSON.encode(DigestsBody(sections: value))
    case .stateDigest(let sections, let digest):
      try CanonicalJSON.encode(StateDigestBody(digest: digest, sections: sections))
    case .tellDigests: try CanonicalJSON.encode(EmptyBody())
    case .resend(let value): try CanonicalJSON.encode(KeysBody(keys: value))
    case .renew(let request): try CanonicalJSON.encode(RequestBody(request: request))
    case .renewed(let certificate, let authority):
      try CanonicalJSON.encode(CertificateBody(certificate: certificate, authority: authority))
    case .dropped(let up): try CanonicalJSON.encode(up)
    case .section(let value): try CanonicalJSON.encode(value)
    case .sectionGone(let key): try CanonicalJSON.encode(key)
    case .cycle(let value): try CanonicalJSON.encode(value)
    case .cycles(let encoded): encoded
    case .declare(let declarations): DeclarationCodec.encode(declarations)
    case .samples(let encoded): encoded
    case .logs(let lines): try CanonicalJSON.encode(LogsBody(lines: lines))
    case .jobs(let report): JobReportCodec.encode(report)
    case .jobsHeld(let sequence): try CanonicalJSON.encode(OrderBody(order: sequence))
    case .lifeAcknowledged(let life, let order):
      try CanonicalJSON.encode(LifeOrderBody(life: life, order: order))
    case .lifeDropped(let life, let lost):
      try CanonicalJSON.encode(
        LifeDroppedBody(
          life: life, from: lost.from, through: lost.through, samples: lost.samples,
          stamps: lost.stamps))
    case .lifeDeclare(let life, let declarations):
      LifePrefix.encode(life) + DeclarationCodec.encode(declarations)
    case .lifeSamples(let life, let encoded): LifePrefix.encode(life) + encoded
    case .alive, .unrecognised: []
    }
  }

  /// Decodes one whole payload. An unknown type is `.unrecognised`, unknown members are ignored.
  package init(type: UInt8, payload: [UInt8]) throws(WireError) {
    guard let known = MessageType(rawValue: type) else {
      self = .unrecognised(type: type)
      return
    }
    if known == .declare {
      self = .declare(try DeclarationCodec.decode(payload.span))
      return
    }
    switch known {
    case .samples:
      self = .samples(encoded: payload)
      return
    case .cycles:
      self = .cycles(encoded: payload)
      return
    // What a later version may put into it is no reason to refuse a sign of life.
    case .alive:
      self = .alive
      return
    default: break
    }
    if known == .jobs {
      self = .jobs(try JobReportCodec.decode(payload.span))
      return
    }
    if known == .lifeDeclare || known == .lifeSamples {
      let (life, rest) = try LifePrefix.decode(payload)
      self =
        known == .lifeSamples
        ? .lifeSamples(life: life, encoded: rest)
        : .lifeDeclare(life: life, try DeclarationCodec.decode(rest.span))
      return
    }
    do {
      let message = try Message(json: known, payload)
      try MessageLimits.check(message)
      self = message
    } catch let error as WireError {
      throw error
    } catch {
      throw .malformed("\(known): not the JSON that was agreed on")
    }
  }

  private init(json type: MessageType, _ payload: [UInt8]) throws {
    try JSONNesting.check(payload)
    func body<Body: Decodable>(_ type: Body.Type) throws -> Body {
      try CanonicalJSON.decode(type, from: payload)
    }
    switch type {
    case .hello:
      let hello = try body(Hello.self)
      try WireLimits.check(orders: hello.highestOrder, hello.firstHeldOrder ?? 0)
      if let up = hello.givenUp { try WireLimits.check(up) }
      try WireLimits.check(lives: hello.lives ?? [])
      for stamp in [hello.began, hello.heldSince].compactMap({ $0 }) {
        try WireLimits.check(stamp)
      }
      self = .hello(hello)
    case .welcome:
      let welcome = try body(Welcome.self)
      try WireLimits.check(orders: welcome.durableOrder)
      try WireLimits.check(lives: welcome.lives?.count ?? 0)
      for order in welcome.lives ?? [] { try WireLimits.check(orders: order) }
      self = .welcome(welcome)
    case .heartbeat: self = .heartbeat(try body(CountBody.self).count)
    case .acknowledge:
      let order = try body(OrderBody.self).order
      try WireLimits.check(orders: order)
      self = .acknowledge(order: order)
    case .jobsHeld:
      let sequence = try body(OrderBody.self).order
      try WireLimits.check(orders: sequence)
      self = .jobsHeld(sequence: sequence)
    case .goodbye: self = .goodbye(try body(Diagnostic.self))
    case .digests: self = .digests(try body(DigestsBody.self).sections)
    case .stateDigest:
      let value = try body(StateDigestBody.self)
      self = .stateDigest(sections: value.sections, digest: value.digest)
    case .tellDigests:
      _ = try body(EmptyBody.self)
      self = .tellDigests
    case .resend: self = .resend(try body(KeysBody.self).keys)
    case .renew: self = .renew(request: try body(RequestBody.self).request)
    case .renewed:
      let value = try body(CertificateBody.self)
      self = .renewed(certificate: value.certificate, authority: value.authority)
    case .dropped:
      let value = try body(GivenUp.self)
      try WireLimits.check(value)
      self = .dropped(value)
    case .section: self = .section(try body(Section.self))
    case .sectionGone: self = .sectionGone(try body(SectionKey.self))
    case .cycle:
      let end = try body(CycleEnd.self)
      try WireLimits.check(end.began)
      self = .cycle(end)
    case .logs:
      let lines = try body(LogsBody.self).lines
      guard lines.count <= WireLimits.logLines else {
        throw WireError.tooLong(
          what: "log lines", length: lines.count, limit: WireLimits.logLines)
      }
      for line in lines {
        try WireLimits.check(line.stamp)
        guard (0...7).contains(line.priority) else {
          throw WireError.malformed("a log line of priority \(line.priority)")
        }
      }
      self = .logs(lines)
    case .lifeAcknowledged:
      let value = try body(LifeOrderBody.self)
      try WireLimits.check(life: value.life)
      try WireLimits.check(orders: value.order)
      self = .lifeAcknowledged(life: value.life, order: value.order)
    case .lifeDropped:
      let value = try body(LifeDroppedBody.self)
      try WireLimits.check(life: value.life)
      let lost = LostBatches(
        from: value.from, through: value.through, samples: value.samples, stamps: value.stamps)
      try WireLimits.check(lost)
      self = .lifeDropped(life: value.life, lost)
    case .alive, .declare, .samples, .cycles, .jobs, .lifeDeclare, .lifeSamples:
      throw WireError.malformed("\(type) is not JSON")
    }
  }
}

/// What arithmetic relies on: numbers within these bounds can be added and subtracted freely.
extension WireLimits {
  static func check(orders: UInt64...) throws(WireError) {
    for order in orders where order > highestOrder {
      throw .malformed("batch order \(order), the highest is \(highestOrder)")
    }
  }

  fileprivate static func check(_ up: GivenUp) throws(WireError) {
    try check(orders: up.from, up.through)
    guard up.from >= 1, up.from <= up.through else {
      throw .malformed("batches \(up.from) to \(up.through) given up")
    }
    guard up.samples <= droppedSamples else {
      throw .malformed("\(up.samples) values given up, at most \(droppedSamples)")
    }
    try check(up.stamps)
  }

  static func check(_ stamp: Stamp) throws(WireError) {
    for clock in [stamp.bootNanoseconds, stamp.wallNanoseconds]
    where clock <= -stampNanoseconds || clock >= stampNanoseconds {
      throw .malformed("a clock that says \(clock) ns")
    }
  }
}

private struct CountBody: Codable { var count: UInt64 }
private struct OrderBody: Codable { var order: UInt64 }
private struct DigestsBody: Codable { var sections: [SectionDigest] }
private struct EmptyBody: Codable {}
private struct StateDigestBody: Codable {
  var digest: UInt64
  var sections: Int
}
private struct KeysBody: Codable { var keys: [SectionKey] }
private struct RequestBody: Codable { var request: String }
private struct CertificateBody: Codable { var certificate, authority: String }
private struct LifeOrderBody: Codable {
  var life: Int
  var order: UInt64
}
private struct LifeDroppedBody: Codable {
  var life: Int
  var from, through: UInt64
  var samples: UInt64?
  var stamps: LostStamps?
}
private struct LogsBody: Codable { var lines: [LogLine] }
