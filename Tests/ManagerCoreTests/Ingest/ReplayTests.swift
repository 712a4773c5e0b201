import ManagerCore
import Protocol
import Testing

@Suite struct ReplayIngestTests {
  private static let stamp = Stamp(bootNanoseconds: 1, wallNanoseconds: 2)
  private struct Oops: Error {}

  private static func held(_ incarnation: String, last: UInt64 = 9) -> HeldLife {
    HeldLife(
      boot: BootID("b"), incarnation: incarnation, firstOrder: 1, lastOrder: last,
      firstStamp: stamp, lastStamp: stamp)
  }

  private func hello(_ lives: [HeldLife]?) throws -> Message {
    guard let server = ServerID("00000000-0000-4000-8000-000000000001") else { throw Oops() }
    return .hello(
      Hello(
        server: server, boot: BootID("b"), incarnation: "now", hostname: "oss01",
        agentVersion: "0.1.0", highestOrder: 0, lives: lives, readsTree: false))
  }

  private func refusal(_ messages: [Message], lives: [HeldLife]? = [held("a"), held("b")]) throws
    -> (code: String?, events: [IngestSession.Event])
  {
    guard let server = ServerID("00000000-0000-4000-8000-000000000001") else { throw Oops() }
    var session = IngestSession(server: server, admission: .full)
    var events: [IngestSession.Event] = []
    for message in [try hello(lives)] + messages {
      var lanes = OutboundLanes()
      try lanes.enqueue(message)
      while let frame = lanes.nextFrame(stamp: Self.stamp) {
        do throws(DiagnosticError) {
          events += try session.feed(frame.encoded().span).map(\.event)
        } catch {
          return (error.diagnostic.code, events)
        }
      }
    }
    return (nil, events)
  }

  private func declare(_ life: Int, id: UInt32 = 0) -> Message {
    .lifeDeclare(
      life: life,
      [
        id: SeriesDeclaration(
          key: SeriesKey(subject: .server, metric: "m"), kind: .counter, unit: "1")
      ])
  }

  private func samples(_ life: Int, _ order: UInt64, id: UInt32 = 0) -> Message {
    var encoder = SampleEncoder()
    return .lifeSamples(
      life: life,
      encoded: encoder.encode(
        SampleBatch(order: order, stamp: Self.stamp, ids: [id], bits: [7])))
  }

  @Test func livesComeOneAfterAnotherAndTheOwnOneLast() throws {
    let (code, events) = try refusal([
      declare(0), samples(0, 3), samples(0, 9), declare(1), samples(1, 1), declare(2),
      samples(2, 400), .lifeDropped(life: 1, LostBatches(from: 2, through: 4, samples: nil)),
    ])
    #expect(code == nil)
    #expect(events.count == 9)
    #expect(events.last == .lifeDropped(life: 1, LostBatches(from: 2, through: 4, samples: nil)))
  }

  @Test func whatIsOutOfTurnEndsTheSession() throws {
    let malformed = DiagnosticCode.messageMalformed.rawValue
    let cases: [[Message]] = [
      [samples(0, 1)], [declare(0), declare(0)], [declare(3)], [declare(0), samples(0, 10)],
      [declare(0), samples(0, 2), samples(0, 2)], [declare(1), declare(0)],
      [declare(0), declare(1), samples(1, 1, id: 1)], [declare(0), declare(1), samples(0, 1)],
      [.lifeDropped(life: 3, LostBatches(from: 1, through: 1, samples: nil))],
      [.lifeSamples(life: 0, encoded: [1, 2])],
    ]
    for messages in cases { #expect(try refusal(messages).code == malformed, "\(messages)") }
    #expect(try refusal([declare(1)], lives: nil).code == malformed)
    #expect(
      try refusal([.lifeAcknowledged(life: 0, order: 1)]).code
        == DiagnosticCode.messageUnexpected.rawValue)
  }

  @Test func aLifeListedTwiceEndsTheSession() throws {
    let malformed = DiagnosticCode.messageMalformed.rawValue
    #expect(try refusal([], lives: [Self.held("a"), Self.held("a")]).code == malformed)
    #expect(try refusal([], lives: [Self.held("now")]).code == malformed)
  }
}

@Suite struct LifeClockTests {
  private static let second: Int64 = 1_000_000_000

  private func life(boot: String, bootSeconds: Int64, wallSeconds: Int64) -> HeldLife {
    let stamp = Stamp(
      bootNanoseconds: bootSeconds * Self.second, wallNanoseconds: wallSeconds * Self.second)
    return HeldLife(
      boot: BootID(boot), incarnation: "i", firstOrder: 1, lastOrder: 9, firstStamp: stamp,
      lastStamp: stamp)
  }

  private func stamp(_ boot: Int64) -> Stamp {
    Stamp(bootNanoseconds: boot * Self.second, wallNanoseconds: 0)
  }

  /// A session of boot `b2`, whose wall clock is 90 s behind: it says 10,000 at 10,090.
  private func session() -> (clock: ClockModel, sent: Stamp, now: Int64) {
    let sent = Stamp(bootNanoseconds: 50 * Self.second, wallNanoseconds: 10_000 * Self.second)
    var clock = ClockModel(boot: BootID("b2"))
    clock.observed(sent: sent, received: 10_090 * Self.second)
    return (clock, sent, 10_090 * Self.second)
  }

  private func time(_ held: HeldLife, at boot: Int64) -> Int64 {
    let (clock, sent, now) = session()
    return LifeClock(held, clock: clock, sent: sent, now: now).nanoseconds(
      stamp(boot), clock: clock, now: now) / Self.second
  }

  @Test func aLifeOfThisBootFollowsTheBootClock() {
    #expect(time(life(boot: "b2", bootSeconds: 30, wallSeconds: 1), at: 20) == 10_060)
  }

  @Test func aLifeOfABootBeforeFollowsItsWallClockCorrectedByTodaysSkew() {
    let held = life(boot: "b1", bootSeconds: 5_000, wallSeconds: 9_000)
    #expect(time(held, at: 5_000) == 9_090)
    #expect(time(held, at: 4_990) == 9_080)
  }

  @Test func aWallClockThatWasADayAheadPutsNothingIntoTheFuture() {
    let held = life(boot: "b1", bootSeconds: 5_000, wallSeconds: 96_400)
    #expect(time(held, at: 5_000) == 10_090)
    #expect(time(held, at: 4_990) == 10_080, "distances stay true")
    #expect(time(held, at: 6_000) == 10_090)
  }
}

@Suite struct LifeChainTests {
  private static let server = ServerID("00000000-0000-4000-8000-000000000001")

  private func stream(_ name: String, boot: String = "b") throws -> StreamKey {
    StreamKey(server: try #require(Self.server), boot: BootID(boot), incarnation: name)
  }

  private func link(
    _ name: String, boot: String = "b", last: UInt64? = 10, end: Int64 = 100,
    begin: Int64? = nil, seen: UInt64 = 0
  ) throws -> LifeChain.Link {
    LifeChain.Link(
      stream: try stream(name, boot: boot), lastOrder: last, endNanoseconds: end,
      beginNanoseconds: begin, highestSeen: seen)
  }

  private func last(_ name: String, _ nanoseconds: Int64) throws -> LastBatch {
    LastBatch(stream: try stream(name), order: 10, nanoseconds: nanoseconds)
  }

  @Test func eachPauseBetweenLivesIsFoundOnceAndLosesNothing() throws {
    let chain = LifeChain(
      links: [
        try link("1", end: 100, seen: 10), try link("2", end: 200, begin: 130),
        try link("3", boot: "c", last: nil),
      ], last: try last("1", 90), stopped: [])
    let found = chain.interruptions
    #expect(found.count == 2)
    let second = try #require(found[try stream("2")])
    #expect(second.afterNanoseconds == 100 && second.batches == 0)
    #expect(second.beforeNanoseconds == 130)
    #expect(second.reason.hasPrefix("the agent's process ended"))
    let third = try #require(found[try stream("3", boot: "c")])
    #expect(third.afterNanoseconds == 200 && third.batches == 0)
    #expect(third.beforeNanoseconds == nil)
    #expect(third.reason.hasPrefix("the server was restarted"))
  }

  @Test func aLifeThatWasHeardBeforeHasNoHoleBeforeIt() throws {
    let chain = LifeChain(
      links: [try link("1", seen: 10), try link("2", last: nil, seen: 3)],
      last: try last("2", 90), stopped: [])
    #expect(chain.interruptions.isEmpty)
  }

  @Test func aLifeWhoseSpoolIsNotHereLeavesALossOfUnknownSize() throws {
    let own = try link("2", last: nil)
    let gone = LifeChain(links: [own], last: try last("1", 90), stopped: [])
    let found = try #require(gone.interruptions[own.stream])
    #expect(found.afterNanoseconds == 90 && found.batches == nil)
    let stopped = LifeChain(
      links: [own], last: try last("1", 90), stopped: [try stream("1")])
    #expect(stopped.interruptions[own.stream]?.batches == 0)
  }

  @Test func aSpoolThatLaggedBehindWhatWasHeardIsNotBelieved() throws {
    let own = try link("2", last: nil)
    for (seen, batches) in [(UInt64(11), UInt64?.some(0)), (12, nil)] {
      let chain = LifeChain(
        links: [try link("1", last: 10, end: 100, seen: seen), own],
        last: try last("1", 120), stopped: [])
      #expect(chain.interruptions[own.stream]?.batches == batches)
    }
  }

  @Test func theFirstLifeOfAServerHasNothingBeforeIt() throws {
    #expect(
      LifeChain(links: [try link("1", last: nil)], last: nil, stopped: []).interruptions.isEmpty)
  }
}
