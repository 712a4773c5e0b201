import Protocol
import Testing

@Suite struct MessageTextLimitTests {
  private static let stamp = Stamp(bootNanoseconds: 1, wallNanoseconds: 1)

  /// Each text at its limit, and one byte above it.
  private static func messages(_ extra: Int) throws -> [Message] {
    let name = String(repeating: "n", count: WireLimits.textBytes + extra)
    let prose = String(repeating: "p", count: WireLimits.proseBytes + extra)
    let pem = String(repeating: "c", count: WireLimits.pemBytes + extra)
    return [
      .logs([LogLine(origin: "agent", cursor: 1, stamp: stamp, priority: 4, text: prose)]),
      .logs([LogLine(origin: name, cursor: 1, stamp: stamp, priority: 4, text: "t")]),
      .goodbye(Diagnostic(.agentStopping, subject: name, reason: "r")),
      .goodbye(Diagnostic(.agentStopping, subject: "s", reason: prose)),
      .goodbye(Diagnostic(.agentStopping, subject: "s", reason: "r", remedy: prose)),
      .digests([SectionDigest(key: SectionKey(name), digest: 1)]),
      .resend([SectionKey("a", name)]),
      .renew(request: pem),
      .renewed(certificate: pem, authority: "a"),
      .renewed(certificate: "c", authority: pem),
      .section(try Section(key: SectionKey("a", name), collector: "c", body: .null)),
      .section(try Section(key: SectionKey("a"), collector: name, body: .null)),
      .sectionGone(SectionKey(name)),
      .cycle(CycleEnd(collector: name, outcome: .sampled, reason: nil, began: stamp)),
      .cycle(CycleEnd(collector: "c", outcome: .failed, reason: prose, began: stamp)),
    ]
  }

  @Test func everyTextHasALimitOfItsOwn() throws {
    for message in try Self.messages(0) {
      let decoded = try Message(type: message.type, payload: try message.encoded())
      #expect(decoded == message)
    }
    for message in try Self.messages(1) {
      let payload = try message.encoded()
      let error = #expect(throws: WireError.self) {
        try Message(type: message.type, payload: payload)
      }
      guard case .tooLong? = error else {
        Issue.record("type \(message.type): \(String(describing: error))")
        continue
      }
    }
  }

  @Test(arguments: [-1, 8, Int.max]) func aPriorityThatSyslogDoesNotHaveIsMalformed(_ priority: Int)
    throws
  {
    let line = LogLine(origin: "a", cursor: 1, stamp: Self.stamp, priority: priority, text: "t")
    let payload = try Message.logs([line]).encoded()
    #expect(throws: WireError.malformed("a log line of priority \(priority)")) {
      try Message(type: MessageType.logs.rawValue, payload: payload)
    }
  }
}
