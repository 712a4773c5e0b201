import ManagerCore
import Protocol
import Testing

@Suite struct IngestSessionTests {
  private static let stamp = Stamp(bootNanoseconds: 1, wallNanoseconds: 2)

  private func server(_ last: Int = 1) throws -> ServerID {
    guard let id = ServerID("00000000-0000-4000-8000-00000000000\(last)") else { throw Oops() }
    return id
  }

  private struct Oops: Error {}

  private func bytes(_ messages: [Message]) throws -> [UInt8] {
    var lanes = OutboundLanes()
    var bytes: [UInt8] = []
    for message in messages {
      try lanes.enqueue(message)
      while let frame = lanes.nextFrame(stamp: Self.stamp) { bytes += frame.encoded() }
    }
    return bytes
  }

  private func hello(_ last: Int = 1, major: Int = Hello.majorVersion) throws -> Message {
    .hello(
      Hello(
        major: major, server: try server(last), boot: BootID("b"), incarnation: "i",
        hostname: "oss01", agentVersion: "0.1.0", highestOrder: 0, readsTree: false))
  }

  /// The code that a sequence of messages is refused with, and the events before it.
  private func refusal(
    _ messages: [Message], admission: IngestSession.Admission = .full
  ) throws -> (code: String?, events: [IngestSession.Event]) {
    var session = IngestSession(server: try server(), admission: admission)
    var events: [IngestSession.Event] = []
    for message in messages {
      let encoded = try bytes([message])
      switch feed(&session, encoded) {
      case .success(let more): events += more
      case .failure(let error): return (error.diagnostic.code, events)
      }
    }
    return (nil, events)
  }

  private func feed(_ session: inout IngestSession, _ bytes: [UInt8]) -> Result<
    [IngestSession.Event], DiagnosticError
  > {
    do throws(DiagnosticError) {
      let events = try session.feed(bytes.span)
      return .success(events.map(\.event))
    } catch {
      return .failure(error)
    }
  }

  private var declaration: Message {
    .declare([
      0: SeriesDeclaration(
        key: SeriesKey(subject: .server, metric: "m"), kind: .counter, unit: "1")
    ])
  }

  private func samples(order: UInt64, id: UInt32 = 0) -> Message {
    var encoder = SampleEncoder()
    return .samples(
      encoded: encoder.encode(
        SampleBatch(order: order, stamp: Self.stamp, ids: [id], bits: [7])))
  }

  /// A batch that stands for a hundred thousand values in a few bytes is made when it is asked for.
  @Test func whatComesInOnePieceIsMadeOneAtATime() throws {
    var session = IngestSession(server: try server(), admission: .full)
    let key = SeriesKey(subject: .server, metric: "m")
    let declaration = SeriesDeclaration(key: key, kind: .counter, unit: "1")
    let declared = Dictionary(uniqueKeysWithValues: (0..<1_000).map { (UInt32($0), declaration) })
    let before = try bytes([hello(), .declare(declared)])
    _ = feed(&session, before)
    var encoder = SampleEncoder()
    let batches = (1...50).map { order in
      Message.samples(
        encoded: encoder.encode(
          SampleBatch(
            order: UInt64(order), stamp: Self.stamp, ids: Array(0..<1_000),
            bits: Array(repeating: 0, count: 1_000))))
    }
    let encoded = try bytes(batches)
    try session.receive(encoded.span)
    for order in 1...50 {
      guard case .batch(let batch)? = try session.next()?.event else {
        Issue.record("no batch \(order)")
        return
      }
      #expect(batch.order == UInt64(order))
      #expect(batch.ids.count == 1_000)
    }
    let more = try session.next()
    #expect(more == nil)
  }

  /// Nothing large is put together for somebody who has not said who it is.
  @Test func aFrameThatStillComesInSaysNothingOfTheClock() throws {
    var session = IngestSession(server: try server(), admission: .full)
    _ = try feed(&session, bytes([hello()])).get()
    #expect(session.takeNewestStamp() == Self.stamp)
    let encoded = try bytes([declaration])
    for byte in encoded.dropLast() {
      _ = try feed(&session, [byte]).get()
      #expect(session.takeNewestStamp() == nil)
    }
    _ = try feed(&session, Array(encoded.suffix(1))).get()
    #expect(session.takeNewestStamp() == Self.stamp)
    #expect(session.takeNewestStamp() == nil, "once")
  }

  @Test func beforeHelloOnlyMessagesOfControlAreTaken() throws {
    var session = IngestSession(server: try server(), admission: .full)
    var lanes = OutboundLanes()
    lanes.enqueue(
      type: MessageType.samples.rawValue, payload: [UInt8](repeating: 0, count: 1 << 20))
    let first = lanes.nextFrame(stamp: Self.stamp)
    let frame = try #require(first)
    #expect(frame.isContinued)
    guard case .failure(let error) = feed(&session, frame.encoded()) else {
      Issue.record("it was taken")
      return
    }
    #expect(error.diagnostic.code == "message-unexpected")
  }

  @Test func anOrderlySessionGivesItsEvents() throws {
    let (code, events) = try refusal([
      hello(), declaration, samples(order: 1), .heartbeat(1), samples(order: 5),
    ])
    #expect(code == nil)
    #expect(events.count == 4)
  }

  @Test func signsOfLifeAreNoEventsAndNotUnrecognised() throws {
    var session = IngestSession(server: try server(), admission: .full)
    var lanes = OutboundLanes()
    for message in [try hello(), .alive, .heartbeat(1)] { try lanes.enqueue(message) }
    var bytes: [UInt8] = []
    while let frame = lanes.nextFrame(stamp: Self.stamp) { bytes += frame.encoded() }
    guard case .success(let events) = feed(&session, bytes) else {
      Issue.record("it was refused")
      return
    }
    #expect(events.count == 1)
    #expect(session.unrecognised == 0)
    #expect(try refusal([hello(), .alive], admission: .renewalOnly).code == nil)
  }

  @Test func nothingComesBeforeHello() throws {
    #expect(try refusal([declaration]).code == DiagnosticCode.messageUnexpected.rawValue)
  }

  @Test func aSecondHelloEndsTheSession() throws {
    #expect(
      try refusal([hello(), hello()]).code == DiagnosticCode.messageUnexpected.rawValue)
  }

  @Test func aServerThatCallsItselfAnotherIsRefused() throws {
    #expect(try refusal([hello(2)]).code == DiagnosticCode.identityMismatch.rawValue)
  }

  @Test func anotherMajorVersionIsRefused() throws {
    #expect(
      try refusal([hello(major: 2)]).code == DiagnosticCode.protocolUnsupported.rawValue)
  }

  @Test func ordersAscendWithinASession() throws {
    for order: UInt64 in [1, 2] {
      let (code, events) = try refusal([
        hello(), declaration, samples(order: 2), samples(order: order),
      ])
      #expect(code == DiagnosticCode.orderReplayed.rawValue)
      #expect(events.count == 3)
    }
  }

  @Test func aValueOfAnUndeclaredSeriesIsRefused() throws {
    #expect(
      try refusal([hello(), samples(order: 1)]).code
        == DiagnosticCode.seriesUndeclared.rawValue)
  }

  @Test func aBatchOfMoreValuesThanSeriesIsRefusedBeforeItIsDecoded() throws {
    var session = IngestSession(server: try server(), admission: .full)
    _ = feed(&session, try bytes([hello(), declaration]))
    // A million equal values in a handful of bytes.
    var encoder = SampleEncoder()
    let count = UInt32(1_000_000)
    let batch = SampleBatch(
      order: 1, stamp: Self.stamp, ids: Array(0..<count),
      bits: [SampleBits](repeating: 0, count: Int(count)))
    guard
      case .failure(let error) = feed(
        &session, try bytes([.samples(encoded: encoder.encode(batch))]))
    else { throw Oops() }
    #expect(error.diagnostic.code == DiagnosticCode.seriesUndeclared.rawValue)
    #expect(error.diagnostic.reason.contains("1000000 values in a batch"))
  }

  @Test func aValueBeyondTheDeclaredSeriesIsRefused() throws {
    var encoder = SampleEncoder()
    let batch = SampleBatch(order: 1, stamp: Self.stamp, ids: [900_000], bits: [1])
    var session = IngestSession(server: try server(), admission: .full)
    _ = feed(&session, try bytes([hello(), declaration]))
    guard
      case .failure(let error) = feed(
        &session, try bytes([.samples(encoded: encoder.encode(batch))]))
    else { throw Oops() }
    // Refused by the decoder, which makes no room for a number that nobody declared.
    #expect(error.diagnostic.reason.contains("a series id that is not below"))
  }

  @Test func aSeriesIsDeclaredOnce() throws {
    #expect(
      try refusal([hello(), declaration, declaration]).code
        == DiagnosticCode.messageMalformed.rawValue)
  }

  @Test func aSectionMustMatchItsDigest() throws {
    var section = try Section(
      key: SectionKey("host"), collector: "host", body: .object(["hostname": .string("a")]))
    #expect(try refusal([hello(), .section(section)]).code == nil)
    section.digest &+= 1
    #expect(
      try refusal([hello(), .section(section)]).code
        == DiagnosticCode.messageMalformed.rawValue)
  }

  @Test func whatOnlyManagersSayIsRefused() throws {
    let (code, _) = try refusal([hello(), .acknowledge(order: 1)])
    #expect(code == DiagnosticCode.messageUnexpected.rawValue)
  }

  @Test func unknownTypesAreCountedAndIgnored() throws {
    var session = IngestSession(server: try server(), admission: .full)
    _ = feed(&session, try bytes([hello()]))
    let frame = Frame(type: 200, stamp: Self.stamp, payload: [1, 2, 3])
    guard case .success(let events) = feed(&session, frame.encoded()) else { throw Oops() }
    #expect(events.isEmpty)
    #expect(session.unrecognised == 1)
  }

  @Test func anExpiredCertificateMayOnlyRenew() throws {
    let renewed = try refusal([hello(), .renew(request: "pem")], admission: .renewalOnly)
    #expect(renewed.code == nil)
    #expect(renewed.events.contains(.renew(request: "pem")))
    #expect(
      try refusal([hello(), declaration], admission: .renewalOnly).code
        == DiagnosticCode.certificateExpired.rawValue)
  }

  @Test func garbageEndsTheSessionWithItsReason() throws {
    var session = IngestSession(server: try server(), admission: .full)
    let garbage = Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
    guard case .failure(let error) = feed(&session, garbage) else {
      Issue.record("garbage was taken")
      return
    }
    #expect(error.diagnostic.code == DiagnosticCode.frameTooLarge.rawValue)
    #expect(error.diagnostic.reason.contains("limit"))
  }
}

@Suite struct ClockModelTests {
  private static let second: Int64 = 1_000_000_000

  @Test func aFrameThatWasHeldUpDoesNotMoveTheClock() throws {
    var clock = ClockModel(boot: BootID("b"))
    let stamp = { (boot: Int64) in
      Stamp(bootNanoseconds: boot, wallNanoseconds: boot + 1_000 * Self.second)
    }
    clock.observed(sent: stamp(10 * Self.second), received: 1_010 * Self.second)
    clock.observed(sent: stamp(11 * Self.second), received: 1_017 * Self.second)
    #expect(clock.corrected(stamp(11 * Self.second)) == 1_011 * Self.second)
    #expect(clock.skew(stamp(11 * Self.second)) == 0)
  }

  @Test func aStepOfTheManagersOwnClockMovesTheModelAtOnce() {
    var clock = ClockModel(boot: BootID("b"))
    let sent = Stamp(bootNanoseconds: 7 * Self.second, wallNanoseconds: 0)
    clock.shift(by: Self.second)
    #expect(clock.corrected(sent) == nil)
    clock.observed(sent: sent, received: 1_007 * Self.second)
    clock.shift(by: 300 * Self.second)
    #expect(clock.corrected(sent) == 1_307 * Self.second)
    clock.shift(by: -600 * Self.second)
    #expect(clock.corrected(sent) == 707 * Self.second)
  }

  @Test func aFasterFrameCorrectsAHeldUpFirstOne() {
    var clock = ClockModel(boot: BootID("b"))
    let sent = Stamp(bootNanoseconds: 0, wallNanoseconds: 0)
    clock.observed(sent: sent, received: 6 * Self.second)
    #expect(clock.skew(sent) == 6 * Self.second)
    clock.observed(sent: sent, received: Self.second)
    #expect(clock.skew(sent) == Self.second)
  }

  @Test func clocksAtTheEndsOfTimeDoNotTrap() {
    let most = WireLimits.stampNanoseconds - 1
    let now: Int64 = 1_800_000_000_000_000_000
    let clocks = [most, -most, 0]
    for first in clocks {
      for second in clocks {
        var clock = ClockModel(boot: BootID("b"))
        clock.observed(
          sent: Stamp(bootNanoseconds: first, wallNanoseconds: second), received: now)
        for round in 1...130 as ClosedRange<Int64> {
          let sent = Stamp(bootNanoseconds: second, wallNanoseconds: first)
          clock.observed(sent: sent, received: now + round)
          let corrected = clock.corrected(sent) ?? 0
          #expect(corrected.magnitude <= WireLimits.stampNanoseconds.magnitude)
          #expect((clock.skew(sent) ?? 0).magnitude <= WireLimits.stampNanoseconds.magnitude)
          // What the site does with it.
          _ = corrected - (now + round)
        }
      }
    }
  }

  @Test func jitterBelowTheToleranceKeepsDistancesTrue() {
    var clock = ClockModel(boot: BootID("b"))
    let first = Stamp(bootNanoseconds: 0, wallNanoseconds: 0)
    clock.observed(sent: first, received: 50_000_000)
    let before = clock.corrected(first)
    clock.observed(sent: first, received: 1_000_000)
    #expect(clock.corrected(first) == before)
  }

  @Test func aWindowOfLaterFramesFollowsAStepOfTheManagersClock() {
    var clock = ClockModel(boot: BootID("b"))
    let sent = Stamp(bootNanoseconds: 0, wallNanoseconds: 0)
    clock.observed(sent: sent, received: 0)
    for later in 0...60 as ClosedRange<Int64> {
      clock.observed(
        sent: Stamp(bootNanoseconds: later * Self.second, wallNanoseconds: 0),
        received: (3_600 + later) * Self.second)
    }
    #expect(clock.corrected(sent) == 3_600 * Self.second)
  }

  /// However many frames there are, they say one thing about the way.
  @Test func aBurstThatWasHeldUpDoesNotMoveTheClock() {
    var clock = ClockModel(boot: BootID("b"))
    clock.observed(sent: Stamp(bootNanoseconds: 0, wallNanoseconds: 0), received: 0)
    for place in 0..<4_000 as Range<Int64> {
      let sent = Stamp(bootNanoseconds: Self.second + place, wallNanoseconds: 0)
      clock.observed(sent: sent, received: 8 * Self.second + place * 1_000_000)
    }
    #expect(clock.corrected(Stamp(bootNanoseconds: 0, wallNanoseconds: 0)) == 0)
  }

  @Test func aMachineThatWasPutBackIsFollowedAtOnce() {
    var clock = ClockModel(boot: BootID("b"))
    clock.observed(
      sent: Stamp(bootNanoseconds: 900 * Self.second, wallNanoseconds: 0),
      received: 5_000 * Self.second)
    let sent = Stamp(bootNanoseconds: 300 * Self.second, wallNanoseconds: 0)
    clock.observed(sent: sent, received: 5_001 * Self.second)
    #expect(clock.corrected(sent) == 5_001 * Self.second)
  }
}
