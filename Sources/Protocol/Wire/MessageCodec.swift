import FoundationEssentials

extension Message {
  package var type: UInt8 {
    switch self {
    case .hello: MessageType.hello.rawValue
    case .welcome: MessageType.welcome.rawValue
    case .heartbeat: MessageType.heartbeat.rawValue
    case .acknowledge: MessageType.acknowledge.rawValue
    case .goodbye: MessageType.goodbye.rawValue
    case .digests: MessageType.digests.rawValue
    case .resend: MessageType.resend.rawValue
    case .renew: MessageType.renew.rawValue
    case .renewed: MessageType.renewed.rawValue
    case .dropped: MessageType.dropped.rawValue
    case .section: MessageType.section.rawValue
    case .sectionGone: MessageType.sectionGone.rawValue
    case .cycle: MessageType.cycle.rawValue
    case .declare: MessageType.declare.rawValue
    case .samples: MessageType.samples.rawValue
    case .logs: MessageType.logs.rawValue
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
    case .resend(let value): try CanonicalJSON.encode(KeysBody(keys: value))
    case .renew(let request): try CanonicalJSON.encode(RequestBody(request: request))
    case .renewed(let certificate, let authority):
      try CanonicalJSON.encode(CertificateBody(certificate: certificate, authority: authority))
    case .dropped(let from, let through, let samples):
      try CanonicalJSON.encode(DroppedBody(from: from, through: through, samples: samples))
    case .section(let value): try CanonicalJSON.encode(value)
    case .sectionGone(let key): try CanonicalJSON.encode(key)
    case .cycle(let value): try CanonicalJSON.encode(value)
    case .declare(let declarations): DeclarationCodec.encode(declarations)
    case .samples(let encoded): encoded
    case .logs(let lines): try CanonicalJSON.encode(LogsBody(lines: lines))
    case .unrecognised: []
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
    if known == .samples {
      self = .samples(encoded: payload)
      return
    }
    do {
      self = try Message(json: known, payload)
    } catch let error as WireError {
      throw error
    } catch {
      throw .malformed("\(known): not the JSON that was agreed on")
    }
  }

  private init(json type: MessageType, _ payload: [UInt8]) throws {
    func body<Body: Decodable>(_ type: Body.Type) throws -> Body {
      try CanonicalJSON.decode(type, from: payload)
    }
    switch type {
    case .hello: self = .hello(try body(Hello.self))
    case .welcome: self = .welcome(try body(Welcome.self))
    case .heartbeat: self = .heartbeat(try body(CountBody.self).count)
    case .acknowledge: self = .acknowledge(order: try body(OrderBody.self).order)
    case .goodbye: self = .goodbye(try body(Diagnostic.self))
    case .digests: self = .digests(try body(DigestsBody.self).sections)
    case .resend: self = .resend(try body(KeysBody.self).keys)
    case .renew: self = .renew(request: try body(RequestBody.self).request)
    case .renewed:
      let value = try body(CertificateBody.self)
      self = .renewed(certificate: value.certificate, authority: value.authority)
    case .dropped:
      let value = try body(DroppedBody.self)
      self = .dropped(from: value.from, through: value.through, samples: value.samples)
    case .section: self = .section(try body(Section.self))
    case .sectionGone: self = .sectionGone(try body(SectionKey.self))
    case .cycle: self = .cycle(try body(CycleEnd.self))
    case .logs:
      let lines = try body(LogsBody.self).lines
      guard lines.count <= WireLimits.logLines else {
        throw WireError.tooLong(
          what: "log lines", length: lines.count, limit: WireLimits.logLines)
      }
      self = .logs(lines)
    case .declare, .samples: throw WireError.malformed("\(type) is not JSON")
    }
  }
}

private struct CountBody: Codable { var count: UInt64 }
private struct OrderBody: Codable { var order: UInt64 }
private struct DigestsBody: Codable { var sections: [SectionDigest] }
private struct KeysBody: Codable { var keys: [SectionKey] }
private struct RequestBody: Codable { var request: String }
private struct CertificateBody: Codable { var certificate, authority: String }
private struct DroppedBody: Codable { var from, through, samples: UInt64 }
private struct LogsBody: Codable { var lines: [LogLine] }
