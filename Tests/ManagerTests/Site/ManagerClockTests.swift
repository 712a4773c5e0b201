import ManagerCore
import Platform
import Protocol
import Testing

@testable import Manager

/// The manager's clock is set back while a counter grows: by 10 a second, in one second each.
@Suite struct ManagerClockTests {
  private static let first: UInt64 = 5_000_000

  private static func send(
    _ orders: ClosedRange<UInt64>, _ stream: StreamKey, to manager: FrameSite
  ) async throws {
    for order in orders {
      try await manager.send(
        ToldBatch(stream: stream, order: order, values: ["m": first + order * 10]),
        boot: Int64(order) * Given.second)
    }
  }

  /// - Parameter last: when the last sample by its time was taken, in seconds before the start; the first
  ///   one was 299 before.
  private static func growth(_ manager: FrameSite, last: Int64) async throws -> Double {
    let answer = try await manager.site.query(MetricRequest(metric: "m", isRate: true))
    let group = try #require(answer.groups.first)
    #expect(answer.groups.count == 1 && group.resets == 0)
    return (try #require(group.value) * Double(299 - last)).rounded()
  }

  /// But for what it counted between the last reading before and the first one after, which has no time.
  @Test func aCounterGrowsByWhatItCountedOverRestartsToo() async throws {
    let directory = try TemporaryDirectory()
    let stream = Given.stream(1)
    do {
      let manager = try await FrameSite(directory.path)
      await manager.site.setClock(of: stream.server, seconds: -300)
      try await Self.send(1...40, stream, to: manager)
      await manager.site.setClock(of: stream.server, seconds: -320)
      try await Self.send(41...50, stream, to: manager)
      #expect(try await Self.growth(manager, last: 260) == 480)
      await manager.site.flush()
      try manager.store.close()
    }
    // In the frame log; then in blocks.
    for isForced in [false, true] {
      let manager = try await FrameSite(directory.path)
      await manager.site.setClock(of: stream.server, seconds: -320)
      let orders: ClosedRange<UInt64> = isForced ? 61...70 : 51...60
      try await Self.send(orders, stream, to: manager)
      let growth = Double(orders.upperBound - 2) * 10
      #expect(try await Self.growth(manager, last: isForced ? 250 : 260) == growth)
      await manager.site.flush(force: isForced)
      try manager.store.close()
    }
    // By then the clock has caught up with what was sampled before it was set back.
    let manager = try await FrameSite(directory.path)
    await manager.site.setClock(of: stream.server, seconds: -320)
    try await Self.send(71...80, stream, to: manager)
    #expect(try await Self.growth(manager, last: 240) == 780)
    await manager.site.flush(force: true)
    try await manager.site.forgetAndFlush(stream.server)
    let kept = try await manager.store.documents(.timeline, as: BatchTimeline.Record.self)
    #expect(kept.isEmpty)
    try manager.store.close()
  }

  /// Set back while it runs, or while no manager does, and known to the next one in both cases.
  @Test(arguments: [false, true]) func timesThatCameTwiceAreKnown(_ isDown: Bool) async throws {
    let directory = try TemporaryDirectory()
    let stream = Given.stream(1)
    let ahead = Clock.wall() + 50_000 * Given.second
    do {
      let manager = try await FrameSite(directory.path)
      await manager.site.setClock(of: stream.server, seconds: 0)
      try await Self.send(1...3, stream, to: manager)
      if isDown {
        var write = HistoryWrite()
        write.blocks = [
          Given.block(stream, orders: 9...9, from: ahead, through: ahead + 20_000 * Given.second)
        ]
        try await manager.store.append(write, nanoseconds: 1)
      } else {
        await manager.site.noteOwnStep()
        await manager.site.noteOwnStep(wall: Clock.wall() + 100_000 * Given.second)
        #expect(await manager.site.repeatedTimes == RepeatedTimes())
        await manager.site.noteOwnStep()
        #expect(await manager.site.repeatedTimes.contains(ahead))
      }
      await manager.site.flush(force: true)
      try manager.store.close()
    }
    for _ in 1...2 {
      let manager = try await FrameSite(directory.path)
      let times = await manager.site.repeatedTimes
      #expect(times.contains(ahead))
      #expect(!times.contains(ahead - 100_000 * Given.second))
      #expect(!times.contains(ahead + 100_000 * Given.second))
      await manager.site.flush(force: true)
      try manager.store.close()
    }
  }

  /// The time that was ahead has come meanwhile: it is still none in which the server was heard.
  @Test func whatWasSampledAheadSaysNothingOfWhenAServerWasHeard() async throws {
    for isTold in [false, true] {
      let directory = try TemporaryDirectory()
      let stream = Given.stream(1)
      do {
        let manager = try await FrameSite(directory.path)
        await manager.site.setClock(of: stream.server, seconds: -20)
        try await Self.send(1...10, stream, to: manager)
        await manager.site.flush()
        var write = HistoryWrite()
        let wall = Clock.wall()
        let loss = SampleLoss(
          afterNanoseconds: wall - 60 * Given.second, beforeNanoseconds: wall, batches: 0,
          samples: 0, reason: Site.wasAhead)
        if isTold { write.losses = [ServerLoss(server: stream.server, loss: loss)] }
        try await manager.store.append(write, nanoseconds: 1)
        try manager.store.close()
      }
      let manager = try await FrameSite(directory.path)
      let heard = await manager.site.servers().first { $0.id == stream.server }?.heardSecondsAgo
      #expect((heard == nil) == isTold)
      try manager.store.close()
    }
  }

  /// A machine that starts with a wrong clock, which somebody sets right within the hour.
  @Test func aStartWithAClockFarAheadAgesNothing() async throws {
    let directory = try TemporaryDirectory()
    let stream = Given.stream(1)
    do {
      let manager = try await FrameSite(directory.path, retention: .seconds(60 * 86_400))
      await manager.site.setClock(of: stream.server, seconds: -30 * 86_400)
      try await Self.send(1...10, stream, to: manager)
      await manager.site.flush(force: true)
      try manager.store.close()
    }
    let manager = try await FrameSite(directory.path)
    let aging = await manager.site.agingNow()
    #expect(abs(aging - (Clock.wall() - 30 * Given.day)) < 3_600 * Given.second)
    await manager.site.trim(isHourly: true)
    #expect(manager.store.history.rawDays.count == 1)
    try manager.store.close()
  }

  /// On a machine with much to do a thread may wait for long between two readings.
  @Test func aThreadThatIsHeldUpIsNoStepOfTheClock() {
    // Each reading takes so long, in milliseconds.
    func ahead(_ delays: [Int64]) -> (ahead: Int64, readings: Int) {
      var (now, next) = (Int64(0), 0)
      func tick() -> Int64 {
        now += (next < delays.count ? delays[next] : 0) * 1_000_000
        next += 1
        return now
      }
      let clocks = Clock.together(wall: { tick() + 1_000_000_000_000 }, boot: tick)
      return (clocks.wall - clocks.boot - 1_000_000_000_000, next)
    }
    #expect(ahead([]) == (0, 3))
    #expect(ahead([0, 450, 0]) == (0, 6), "between the first two")
    #expect(ahead([0, 0, 450]) == (0, 6))
    // Where it is always held up, by half of the shortest time at most.
    let worst = ahead(Array(repeating: 40, count: 15) + Array(repeating: 400, count: 100))
    #expect(abs(worst.ahead) <= 20_000_000 && worst.readings == 48)
  }
}

extension Site {
  fileprivate func setClock(of server: ServerID, seconds: Int64) {
    var clock = ClockModel(boot: BootID("boot"))
    clock.observed(
      sent: Stamp(bootNanoseconds: 0, wallNanoseconds: 1),
      received: startedAtOnce + seconds * Given.second)
    clocks[server] = clock
  }

  fileprivate func forgetAndFlush(_ server: ServerID) async throws {
    forgotten(server)
    await flush()
  }
}

/// One moment for all managers of a test.
private let startedAtOnce = Clock.wall()
