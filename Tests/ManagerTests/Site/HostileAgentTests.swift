import Foundation
import Platform
import Testing

@testable import Manager
@testable import ManagerCore
@testable import Protocol

/// What one agent may do to others and to the manager's own word.
@Suite struct HostileAgentTests {
  @Test func anAgentMayNotSpeakUnderTheManagersNames() async throws {
    let directory = try TemporaryDirectory()
    let log = APIRecordedLog()
    let manager = try await FrameSite(directory.path, logger: log.logger)
    let stream = Given.stream(1)
    for order in UInt64(1)...3 {
      try await manager.send(
        ToldBatch(
          stream: stream, order: order,
          values: ["iml_manager_samples_ingested_total": 9, "iml_x": order, "a": order]))
    }
    await manager.site.flush(force: true)
    #expect(await manager.acknowledged(stream) == 3)
    let answer = try await manager.site.query(MetricRequest(metric: "a", by: ["server"]))
    #expect(answer.groups.map(\.samples) == [3])
    let refused = await refusal {
      _ = try await manager.site.query(MetricRequest(metric: "iml_x"))
    }
    #expect(refused?.code == "not-found")
    #expect(await manager.site.metricNames().map(\.name) == ["a"])
    #expect(await manager.site.exposition().contains("iml_manager_series_refused_total 6"))
    let lines = log.lines.filter { $0.contains("names that begin with iml_") }
    #expect(lines.count == 1, "once a session: \(lines)")
    #expect(lines.first?.contains("iml_x") == true)
  }

  /// Not that of the moment in which it was told.
  @Test func whatAnEarlierLifeLostMeanwhileIsOfItsTime() async throws {
    let directory = try TemporaryDirectory()
    let manager = try await FrameSite(directory.path)
    let stream = Given.stream(1)
    let earlier = StreamKey(server: stream.server, boot: stream.boot, incarnation: "earlier")
    let life = HeldLife(
      boot: stream.boot, incarnation: "earlier", firstOrder: 1, lastOrder: 9,
      firstStamp: Stamp(bootNanoseconds: 1, wallNanoseconds: 1),
      lastStamp: Stamp(bootNanoseconds: 2, wallNanoseconds: 2))
    let sent = Stamp(bootNanoseconds: 9, wallNanoseconds: 9)
    let clock = LifeClock(
      life, clock: ClockModel(boot: BootID("another")), sent: sent, now: Given.now)
    let handle = SessionHandle(
      server: stream.server, session: "s", stream: stream,
      lives: [.init(stream: earlier, clock: clock, times: Given.now...(Given.now + 50))])
    try await manager.site.lost(LostBatches(from: 3, through: 4, samples: 8), life: 0, handle)
    await manager.site.flush(force: true)
    let losses = try await manager.store.losses(of: stream.server, newest: 9)
    #expect(losses.map(\.afterNanoseconds) == [Given.now])
    #expect(losses.map(\.beforeNanoseconds) == [Given.now + 50])
    #expect(losses.map(\.samples) == [8])
  }

  /// Not between what was heard last and the moment in which it was told.
  @Test func whatALiveAgentGaveUpIsOfItsTime() async throws {
    let directory = try TemporaryDirectory()
    let manager = try await FrameSite(directory.path)
    let stream = Given.stream(1)
    let boot: Int64 = 1 << 40
    await manager.site.setClock(of: stream.server, boot: boot)
    func stamp(_ secondsAgo: Int64) -> Stamp {
      Stamp(bootNanoseconds: boot - secondsAgo * Given.second, wallNanoseconds: 1)
    }
    let now = Clock.wall()
    try await manager.site.dropped(
      GivenUp(
        from: 3, through: 4, samples: 8, stamps: LostStamps(first: stamp(100), last: stamp(40))),
      FrameSite.handle(stream))
    await manager.site.flush(force: true)
    let loss = try #require(try await manager.store.losses(of: stream.server, newest: 9).first)
    let after = try #require(loss.afterNanoseconds)
    #expect(loss.beforeNanoseconds - after == 60 * Given.second + 2)
    #expect(abs(now - loss.beforeNanoseconds - 40 * Given.second) < 30 * Given.second)
    #expect(loss.samples == 8)
  }

  /// Two lives of which all is given up, and one of which the begin is: each hole has its own reason, and no
  /// time two.
  @Test func pausesBetweenLivesAndWhatTheyLostDoNotOverlap() async throws {
    let directory = try TemporaryDirectory()
    let manager = try await FrameSite(directory.path)
    let server = Given.server(1)
    let boot: Int64 = 1 << 40
    await manager.site.setClock(of: server, boot: boot)
    func stamp(_ secondsAgo: Int64) -> Stamp {
      Stamp(bootNanoseconds: boot - secondsAgo * Given.second, wallNanoseconds: 1)
    }
    func life(_ name: String) -> StreamKey {
      StreamKey(server: server, boot: BootID("boot"), incarnation: name)
    }
    // Of the first all up to its second batch came.
    for (order, secondsAgo) in [(UInt64(1), Int64(300)), (2, 290)] {
      try await manager.send(
        ToldBatch(stream: life("first"), order: order, values: ["a": order]),
        boot: stamp(secondsAgo).bootNanoseconds)
    }
    await manager.site.flush(force: true)
    func held(_ name: String, _ last: UInt64, _ from: Int64, _ through: Int64, lost: UInt64)
      -> HeldLife
    {
      HeldLife(
        boot: BootID("boot"), incarnation: name, firstOrder: last + 1, lastOrder: last,
        firstStamp: stamp(through), lastStamp: stamp(through),
        lost: [
          LostBatches(
            from: lost, through: last, samples: 8,
            stamps: LostStamps(first: stamp(from), last: stamp(through)))
        ])
    }
    // The segment that it gave up began with what came.
    let hello = Hello(
      server: server, boot: BootID("boot"), incarnation: "third", hostname: "oss01",
      agentVersion: "1", highestOrder: 9, firstHeldOrder: 5,
      givenUp: GivenUp(
        from: 1, through: 4, samples: 4, stamps: LostStamps(first: stamp(90), last: stamp(60))),
      lives: [
        held("first", 9, 300, 220, lost: 2), held("second", 9, 200, 120, lost: 1),
      ], began: stamp(90), readsTree: false)
    for _ in 1...2 {
      try await manager.site.meet(hello, sent: stamp(0))
      await manager.site.flush(force: true)
    }
    // Of what it had lost before it tells again with what it loses now.
    try await manager.site.dropped(
      GivenUp(
        from: 1, through: 5, samples: 5, stamps: LostStamps(first: stamp(90), last: stamp(50))),
      FrameSite.handle(life("third")))
    try await manager.send(
      ToldBatch(stream: life("third"), order: 6, values: ["a": 6]), boot: stamp(40).bootNanoseconds)
    // What lies between two losses that are known.
    for (from, first) in [(UInt64(8), Int64(30)), (1, 90)] {
      try await manager.site.dropped(
        GivenUp(
          from: from, through: 9, samples: 9,
          stamps: LostStamps(first: stamp(first), last: stamp(20))),
        FrameSite.handle(life("third")))
    }
    await manager.site.flush(force: true)
    let losses = try await manager.store.losses(of: server, newest: 99)
    let end = try #require(losses.map(\.beforeNanoseconds).max())
    let spans = losses.map { loss in
      [loss.afterNanoseconds ?? 0, loss.beforeNanoseconds].map {
        Int((Double(end - $0) / Double(Given.second * 10)).rounded()) * 10 + 20
      }
    }
    #expect(
      spans.sorted { $0[0] > $1[0] } == [
        [290, 220], [220, 200], [200, 120], [120, 90], [90, 60], [60, 50], [40, 30],
        [30, 20],
      ])
    #expect(losses.filter { $0.batches == 0 }.count == 2)
    let batches: UInt64 = losses.reduce(0) { $0 + ($1.batches ?? 0) }
    #expect(batches == 24)
  }

  /// What an agent holds in memory comes before what is on its disk: the pause ends where its life began.
  @Test func aPauseEndsWhereALifeBeganWhateverComesFirst() async throws {
    let directory = try TemporaryDirectory()
    let manager = try await FrameSite(directory.path)
    let server = Given.server(1)
    let boot: Int64 = 1 << 40
    await manager.site.setClock(of: server, boot: boot)
    func stamp(_ secondsAgo: Int64) -> Stamp {
      Stamp(bootNanoseconds: boot - secondsAgo * Given.second, wallNanoseconds: 1)
    }
    let hello = Hello(
      server: server, boot: BootID("boot"), incarnation: "second", hostname: "oss01",
      agentVersion: "1", highestOrder: 9, firstHeldOrder: 1,
      lives: [
        HeldLife(
          boot: BootID("boot"), incarnation: "first", firstOrder: 1, lastOrder: 3,
          firstStamp: stamp(300), lastStamp: stamp(220))
      ], began: stamp(200), readsTree: false)
    try await manager.site.meet(hello, sent: stamp(0))
    let second = StreamKey(server: server, boot: BootID("boot"), incarnation: "second")
    for (order, secondsAgo) in [(UInt64(9), Int64(100)), (1, 200)] {
      try await manager.send(
        ToldBatch(stream: second, order: order, values: ["a": order]),
        boot: stamp(secondsAgo).bootNanoseconds)
    }
    await manager.site.flush(force: true)
    let losses = try await manager.store.losses(of: server, newest: 99)
    let loss = try #require(losses.first)
    #expect(losses.count == 1 && loss.batches == 0)
    let length = loss.beforeNanoseconds - (loss.afterNanoseconds ?? 0)
    #expect(abs(length - 20 * Given.second) < Given.second)
  }

  /// Also when its session has ended, and with it the finding.
  @Test func seriesThatAreLeftOutAreALossThatIsTold() async throws {
    let directory = try TemporaryDirectory()
    let manager = try await FrameSite(directory.path)
    let stream = Given.stream(1)
    for part in 0..<3 {
      var declarations: [UInt32: SeriesDeclaration] = [:]
      for number in 0..<UInt32(100_000) {
        declarations[number] = SeriesDeclaration(
          key: SeriesKey(
            subject: .server, metric: "m", labels: ["number": "\(part) \(number)"]),
          kind: .counter, unit: "1")
      }
      _ = await manager.site.declared(
        declarations, SessionHandle(server: stream.server, session: "\(part)", stream: stream))
      await manager.site.flush(force: true)
      let losses = try await manager.store.losses(of: stream.server, newest: 9)
      #expect(losses.count == (part < 2 ? 0 : 1))
      #expect(losses.allSatisfy { $0.reason.contains("left out") && $0.batches == nil })
    }
  }

  @Test func batchesOlderThanHistoryIsKeptMakeNoFilesAndAreALossThatIsTold() async throws {
    let directory = try TemporaryDirectory()
    let manager = try await FrameSite(directory.path)
    let stream = Given.stream(1)
    let boot: Int64 = 1 << 61
    await manager.site.setClock(of: stream.server, boot: boot)
    let handle = FrameSite.handle(stream)
    let declaration = SeriesDeclaration(
      key: SeriesKey(subject: .server, metric: "m"), kind: .counter, unit: "1")
    var series = SessionSeries(await manager.site.declared([0: declaration], handle))
    for order in UInt64(1)...50 {
      let age = max(0, Int64(50 - order) * Given.day - 3_600 * Given.second)
      let batch = SampleBatch(
        order: order, stamp: Stamp(bootNanoseconds: boot - age, wallNanoseconds: 1),
        ids: [0], bits: [order])
      // Sent again, as after a link that was cut, it is no second loss.
      for _ in 0..<2 { try await manager.site.batch(series.arrange(batch), handle) }
    }
    await manager.site.flush(force: true)
    #expect(await manager.acknowledged(stream) == 50)
    // Of a retention of a day, and a day of grace.
    #expect(manager.store.history.rawDays.count <= 3)
    // Without the pauses between the others, which are a day apart.
    let losses = try await manager.store.losses(of: stream.server, newest: 10).filter {
      $0.batches != 0
    }
    #expect(losses.map(\.batches) == [47])
    #expect(losses.first?.samples == 47)
    #expect(losses.first?.reason.contains("older than history is kept") == true)
    let answer = try await manager.site.query(MetricRequest(metric: "m", seconds: 100 * 86_400))
    #expect(answer.groups.map(\.samples) == [3])
  }

  @Test func whenTheManagersClockIsSetItsAgentsAreNotOlder() async throws {
    let directory = try TemporaryDirectory()
    let manager = try await FrameSite(directory.path)
    let server = Given.server(1)
    await manager.site.setClock(of: server, boot: 5 * Given.second)
    let stamp = Stamp(bootNanoseconds: 5 * Given.second, wallNanoseconds: 0)
    func noted(_ boot: Int64, _ wall: Int64) async -> Int64? {
      await manager.site.noteOwnStep(wall: wall * Given.second, boot: boot * Given.second)
      return await manager.site.clocks[server]?.corrected(stamp)
    }
    let before = try #require(await noted(0, 1_000))
    #expect(await noted(1, 1_001) == before)
    #expect(await noted(2, 1_302) == before + 300 * Given.second)
    #expect(await noted(3, 1_003) == before)
  }

  /// The very next frame comes before anything else notices the step.
  @Test func aStepOfTheManagersClockIsTakenOnce() async throws {
    let directory = try TemporaryDirectory()
    let manager = try await FrameSite(directory.path)
    let server = Given.server(1)
    let boot = Clock.boot()
    await manager.site.setClock(of: server, boot: boot)
    let stamp = Stamp(bootNanoseconds: boot, wallNanoseconds: 0)
    let right = try #require(await manager.site.clocks[server]?.corrected(stamp))
    // As if the clock had been an hour ahead until now.
    let hour = 3_600 * Given.second
    await manager.site.noteOwnStep()
    await manager.site.noteOwnStep(wall: Clock.wall() + hour, boot: Clock.boot())
    await manager.site.observeClock(
      Stamp(bootNanoseconds: Clock.boot(), wallNanoseconds: 0), FrameSite.handle(Given.stream(1)))
    await manager.site.noteOwnStep()
    let after = try #require(await manager.site.clocks[server]?.corrected(stamp))
    #expect(abs(after - right) < Given.second, "\(after - right)")
  }

  /// A clock that is a month ahead for a moment must not make history a month old.
  @Test func aJumpOfTheManagersClockAgesNothingForAnHour() async throws {
    let directory = try TemporaryDirectory()
    let site = try await FrameSite(directory.path).site
    let month = 30 * Given.day
    var now = site.now
    await site.noteJump(month, now)
    #expect(abs(await site.agingNow() - (Clock.wall() - month)) < 60 * Given.second)
    await site.noteJump(-month, now)
    #expect(abs(await site.agingNow() - Clock.wall()) < 60 * Given.second)
    now.monotonicNanoseconds -= 3_601 * Given.second
    await site.noteJump(month, now)
    #expect(
      abs(await site.agingNow() - Clock.wall()) < 60 * Given.second, "an hour later it counts")
  }

  @Test func whatWasSampledWhileTheManagersClockWasAheadIsTold() async throws {
    let directory = try TemporaryDirectory()
    let manager = try await FrameSite(directory.path)
    let stream = Given.stream(1)
    try await manager.send(ToldBatch(stream: stream, order: 1, values: ["a": 1]))
    let last = try #require(await manager.site.lastBatch[stream.server]?.nanoseconds)
    await manager.site.noteOwnStep()
    await manager.site.noteOwnStep(wall: last - 60 * Given.second, boot: Clock.boot())
    await manager.site.flush()
    let losses = try await manager.store.losses(of: stream.server)
    #expect(losses.map(\.beforeNanoseconds) == [last])
    #expect(losses.map(\.afterNanoseconds) == [last - 60 * Given.second])
    #expect(losses.first?.batches == 0 && losses.first?.reason.contains("was ahead") == true)
  }

  /// The clock was set back while the manager was down.
  @Test func whatAnEarlierRunSampledAheadIsToldOnce() async throws {
    let directory = try TemporaryDirectory()
    let stream = Given.stream(1)
    let ahead = Clock.wall() + 3_600 * Given.second
    do {
      let manager = try await FrameSite(directory.path)
      await manager.site.setClock(of: stream.server, boot: 0)
      try await manager.send(ToldBatch(stream: stream, order: 1, values: ["a": 1]))
      await manager.site.flush(force: true)
      // As if that had been sent an hour later.
      let block = HistoryBlock(
        of: [
          StoredBatch(
            order: 2, nanoseconds: ahead, samples: [StoredSample(series: 0, source: 1, bits: 7)])
        ], in: stream)
      var write = HistoryWrite()
      write.blocks = [block]
      try await manager.store.append(write, nanoseconds: 1)
      try manager.store.close()
    }
    for start in 1...2 {
      let manager = try await FrameSite(directory.path)
      await manager.site.flush()
      let losses = try await manager.store.losses(of: stream.server)
      #expect(losses.map(\.beforeNanoseconds) == [ahead], "start \(start)")
      let last = try #require(await manager.site.lastBatch[stream.server]?.nanoseconds)
      #expect(last < ahead)
      try manager.store.close()
    }
  }

  @Test func anAgentMayNotFillTheCatalogue() async throws {
    let directory = try TemporaryDirectory()
    let log = APIRecordedLog()
    let manager = try await FrameSite(directory.path, logger: log.logger)
    func declare(_ names: Range<Int>, by server: Int) async -> Int {
      var declarations: [UInt32: SeriesDeclaration] = [:]
      for number in names {
        declarations[UInt32(number)] = SeriesDeclaration(
          key: SeriesKey(subject: .server, metric: "m\(number)"), kind: .counter, unit: "1")
      }
      return await manager.site.declared(declarations, FrameSite.handle(Given.stream(server))).count
    }
    #expect(await declare(0..<150_000, by: 1) == 150_000)
    let more = await declare(100_000..<250_000, by: 1)
    // The budget fills again meanwhile, by some series a second.
    #expect((100_000..<101_000).contains(more), "what is known, and 50,000 new ones: \(more)")
    #expect(await declare(0..<150_000, by: 1) == 150_000, "what is known stays")
    #expect(await declare(0..<10, by: 2) == 10, "another server has its own budget")
    let found = await manager.site.status().findings.filter {
      $0.diagnostic.code == "report-left-out"
    }
    // Only a server that is heard has findings of its own.
    #expect(found.isEmpty)
    #expect(log.lines.contains { $0.contains("new series of an agent are left out") })
  }

  @Test func aTargetThatAnAgentMadeUpCanBeForgottenForGood() async throws {
    let directory = try TemporaryDirectory()
    let manager = try await FrameSite(directory.path)
    let reference = TargetReference(label: "fs1-OST0666", mgs: ["10.6.6.6@tcp"])
    let declaration = SeriesDeclaration(
      key: SeriesKey(subject: .target(reference), metric: "m"), kind: .counter, unit: "1")
    _ = await manager.site.declared([0: declaration], FrameSite.handle(Given.stream(1)))
    await manager.site.flush()
    #expect(await manager.site.targets().map(\.label) == ["fs1-OST0666"])
    #expect(try await manager.store.siteRecords().targets.count == 1)
    try await manager.site.forget(target: "fs1-OST0666", by: "root")
    #expect(await manager.site.targets().isEmpty)
    #expect(try await manager.store.siteRecords().targets.isEmpty)
    #expect(try await manager.store.audit(newest: 1).map(\.action) == ["target.forget"])
    let again = await refusal { try await manager.site.forget(target: "fs1-OST0666", by: "root") }
    #expect(again?.code == "not-found")
  }

  @Test func aMemoryThatCanNotBeWrittenStopsNothing() async throws {
    let directory = try TemporaryDirectory()
    let store = try StateStore(directory: StateDirectory(path: directory.path))
    var body = JSONValue.null
    for _ in 0..<600 { body = .array([body]) }
    var section = try Section(key: SectionKey("host"), collector: "host", body: .null)
    section.body = body
    let memory = ServerMemory(
      server: Given.server(1), hello: nil,
      sections: [.init(section: section, evidenceNanoseconds: nil, unchangedSinceNanoseconds: 1)],
      identity: nil)
    try await store.apply([
      .persistMemory(memory),
      .persistMGS(MGSRecord(id: "mgs-1", nids: ["10.0.0.1@tcp"])),
    ])
    let records = try await store.siteRecords()
    #expect(records.mgs.map(\.id) == ["mgs-1"])
    #expect(records.memories.isEmpty)
  }

  @Test func aHelloOfManyLivesIsOneLineOfTheLog() async throws {
    let directory = try TemporaryDirectory()
    let log = APIRecordedLog()
    let manager = try await FrameSite(directory.path, logger: log.logger)
    let stamp = Stamp(bootNanoseconds: 1, wallNanoseconds: 1)
    let lives = (0..<1_024).map { number in
      HeldLife(
        boot: BootID("boot"), incarnation: "life\(number)", firstOrder: 5, lastOrder: 9,
        firstStamp: stamp, lastStamp: stamp,
        lost: [LostBatches(from: 6, through: 7, samples: 2)])
    }
    let hello = Hello(
      server: Given.server(1), boot: BootID("boot"), incarnation: "now", hostname: "oss01",
      agentVersion: "1", highestOrder: 0, lives: lives, readsTree: false)
    for session in 1...2 {
      try await manager.site.openLives(of: hello, sent: stamp)
      await manager.site.flush()
      let lines = log.lines.filter { $0.contains("lost") }
      #expect(lines.count == 1, "session \(session): \(lines.prefix(3))")
      #expect(lines.first?.contains("\"losses\": 2048") == true)
      #expect(lines.first?.contains("\"batches\": 6144") == true)
      #expect(lines.first?.contains("boot/life0: 2, boot/life0: 4, boot/life1: 2") == true)
    }
    #expect(try await manager.store.losses(of: Given.server(1), newest: 5_000).count == 2_048)
  }
}

extension Site {
  fileprivate func setClock(of server: ServerID, boot: Int64) {
    var clock = ClockModel(boot: BootID("boot"))
    clock.observed(
      sent: Stamp(bootNanoseconds: boot, wallNanoseconds: 1), received: Clock.wall())
    clocks[server] = clock
  }

  fileprivate func meet(_ hello: Hello, sent: Stamp) async throws {
    let stream = StreamKey(
      server: hello.server, boot: hello.boot, incarnation: hello.incarnation)
    let clock = try #require(clocks[hello.server])
    var chain: [LifeChain.Link] = []
    _ = try await openLives(hello, clock, sent, &chain)
    try await resume(stream)
    noteHoles(hello, stream, clock, chain, now)
  }

  fileprivate func openLives(of hello: Hello, sent: Stamp) async throws {
    var chain: [LifeChain.Link] = []
    _ = try await openLives(hello, ClockModel(boot: hello.boot), sent, &chain)
  }
}
