import AgentCore
import Protocol
import Testing

@Suite struct AgentLinkTests {
  @Test func saysNothingButHelloBeforeTheWelcome() throws {
    var bench = try LinkBench()
    try bench.collect()
    _ = bench.connect()
    let messages = try bench.written()
    #expect(messages.count == 1)
    guard case .hello(let hello)? = messages.first else {
      Issue.record("no hello")
      return
    }
    #expect(hello.highestOrder == 1)
    #expect(hello.firstHeldOrder == 1)
    #expect(hello.givenUp == nil)
  }

  @Test func stateComesBeforeItsCycleEndAndADeclarationBeforeItsValues() throws {
    var bench = try LinkBench()
    try bench.collect()
    _ = bench.connect()
    _ = try bench.written()
    _ = bench.welcome()
    let messages = try bench.written()
    let types = messages.map(\.type)
    let section = try requireValue(types.firstIndex(of: MessageType.section.rawValue))
    let cycle = try requireValue(types.firstIndex(of: MessageType.cycles.rawValue))
    let declare = try requireValue(types.firstIndex(of: MessageType.declare.rawValue))
    let samples = try requireValue(types.firstIndex(of: MessageType.samples.rawValue))
    #expect(section < cycle)
    #expect(declare < samples)
  }

  @Test func unacknowledgedBatchesAreSentAgainWithTheirOwnTimes() throws {
    var bench = try LinkBench()
    for value in 1...3 {
      bench.now += LinkBench.second
      try bench.collect(value: UInt64(value))
    }
    _ = bench.connect()
    _ = bench.welcome()
    let first = try bench.batches(try bench.written())
    _ = bench.link.received(.acknowledge(order: 1), now: bench.now)
    bench.link.disconnected()
    bench.now += 60 * LinkBench.second
    _ = bench.connect()
    _ = bench.welcome(durableOrder: 1)
    let again = try bench.batches(try bench.written())
    #expect(first.map(\.order) == [1, 2, 3])
    #expect(again.map(\.order) == [2, 3])
    #expect(again.map(\.stamp) == Array(first.dropFirst().map(\.stamp)))
    #expect(again.map(\.bits) == [[2], [3]])
  }

  @Test(arguments: [(Int.min, 100), (0, 100), (250, 250), (Int.max, 3_600_000)])
  func anIntervalStaysWithinReason(told: Int, kept: Int) throws {
    var bench = try LinkBench()
    _ = bench.connect()
    let effects = bench.link.received(
      .welcome(
        Welcome(
          session: "s", collectMilliseconds: told, durableOrder: 0, renewWithinSeconds: 0)),
      now: bench.now)
    #expect(effects.contains(.collectEvery(milliseconds: kept)))
    bench.link.disconnected()
    _ = bench.connect()
    guard case .hello(let hello)? = try bench.written().first else { throw Missing() }
    #expect(hello.collectMilliseconds == kept, "another manager learns at what pace it was")
  }

  @Test func anAcknowledgementOfWhatWasNeverSentTakesNothingAway() throws {
    var bench = try LinkBench()
    for value in 1...3 { try bench.collect(value: UInt64(value)) }
    _ = bench.connect()
    _ = bench.welcome(durableOrder: WireLimits.highestOrder)
    _ = bench.link.received(.acknowledge(order: WireLimits.highestOrder), now: bench.now)
    #expect(bench.link.unacknowledgedBatches == 3)
    #expect(try bench.batches(try bench.written()).map(\.order) == [1, 2, 3])
    _ = bench.link.received(.acknowledge(order: WireLimits.highestOrder), now: bench.now)
    #expect(bench.link.unacknowledgedBatches == 0)
  }

  @Test func whatOverflowsIsCountedAndTold() throws {
    var bench = try LinkBench(bufferLimit: 3)
    for value in 1...5 { try bench.collect(value: UInt64(value)) }
    _ = bench.connect()
    guard case .hello(let hello)? = try bench.written().first else { throw Missing() }
    #expect(hello.firstHeldOrder == 3)
    #expect(hello.givenUp.map { [$0.from, $0.through, $0.samples] } == [1, 2, 2])
    _ = bench.welcome()
    #expect(try bench.batches(try bench.written()).map(\.order) == [3, 4, 5])
    // More overflows while the session lives: told at once, because the hello is past.
    try bench.collect(value: 6)
    let later = try bench.written()
    let told = later.compactMap { if case .dropped(let up) = $0 { up } else { nil } }
    #expect(told.map { [$0.from, $0.through, $0.samples] } == [[1, 3, 3]])
    let stamps = try #require(told.first?.stamps)
    #expect(stamps.first.bootNanoseconds <= stamps.last.bootNanoseconds)
    #expect(stamps.first == hello.givenUp?.stamps?.first)
  }

  @Test func aSectionThatChangesTwiceIsSentOnceAsItIsNow() throws {
    var bench = try LinkBench()
    _ = bench.connect()
    _ = bench.welcome()
    _ = try bench.written()
    try bench.collect(section: "old")
    try bench.collect(section: "new")
    let sections = try bench.written().compactMap { message in
      if case .section(let section) = message { section.body } else { nil }
    }
    #expect(sections == [.string("new")])
  }

  @Test func aFailedCycleLeavesItsSectionsToAge() throws {
    var bench = try LinkBench()
    _ = bench.connect()
    _ = bench.welcome()
    try bench.collect()
    _ = try bench.written()
    try bench.collect(outcome: .failed)
    let messages = try bench.written()
    #expect(!messages.contains(.sectionGone(SectionKey("target", "fs-OST0000"))))
    #expect(try bench.ends(messages).map(\.outcome) == [.failed])
  }

  @Test func endsOfCyclesAreOneMessageAndEachByItselfToAnOlderManager() throws {
    for minor in [0, 1] {
      var bench = try LinkBench()
      _ = bench.connect()
      _ = bench.welcome(minor: minor)
      _ = try bench.written()
      let began = Stamp(bootNanoseconds: bench.now, wallNanoseconds: 0)
      bench.link.collected(
        ["ost", "mdt", "host"].map {
          (CycleEnd(collector: $0, outcome: .sampled, reason: nil, began: began), [])
        }, samples: [], stamp: began)
      let messages = try bench.written()
      #expect(messages.count == (minor == 0 ? 3 : 1))
      #expect(try bench.ends(messages).map(\.collector) == ["ost", "mdt", "host"])
    }
  }

  @Test func aUnitThatIsGoneGivesItsSlotToAnother() throws {
    var bench = try LinkBench()
    _ = bench.connect()
    _ = bench.welcome()
    _ = try bench.written()
    func end(_ collector: String, _ outcome: CollectorOutcome) -> CycleEnd {
      CycleEnd(
        collector: collector, outcome: outcome, reason: nil,
        began: Stamp(bootNanoseconds: bench.now, wallNanoseconds: 0))
    }
    for number in 0..<100 {
      let name = "ost/fs-OST\(number)"
      for outcome in [CollectorOutcome.sampled, .notApplicable] {
        bench.link.collected(
          [(end(name, outcome), [])], samples: [], stamp: end(name, outcome).began)
        let ends = try bench.ends(try bench.written())
        #expect(ends.map(\.collector) == [name])
        #expect(ends.map(\.outcome) == [outcome])
      }
    }
    #expect(bench.highestSlot == 0)
  }

  @Test func whatIsSaidSparesAHeartbeat() throws {
    var bench = try LinkBench()
    _ = bench.connect()
    _ = bench.welcome()
    _ = try bench.written()
    var beats = 0
    for second in 1...10 {
      bench.now += LinkBench.second
      bench.link.heard(now: bench.now)
      if second == 5 { try bench.collect(value: 5) }
      _ = bench.link.tick(now: bench.now, certificateExpiresInSeconds: nil)
      let messages = try bench.written()
      // Each second something is said.
      #expect(!messages.isEmpty)
      beats += messages.filter { $0 == .alive }.count
    }
    #expect(beats == 10)
    bench.now += LinkBench.second / 2
    try bench.collect(value: 6)
    _ = try bench.written()
    bench.now += LinkBench.second / 2
    _ = bench.link.tick(now: bench.now, certificateExpiresInSeconds: nil)
    #expect(try bench.written().isEmpty)
    bench.now += LinkBench.second / 2
    _ = bench.link.tick(now: bench.now, certificateExpiresInSeconds: nil)
    #expect(try bench.written() == [.alive])
  }

  @Test func allSectionsAreVouchedForByOneDigest() throws {
    var bench = try LinkBench()
    _ = bench.connect()
    _ = bench.welcome()
    try bench.collect()
    let section = try bench.written().compactMap { message in
      if case .section(let section) = message { section } else { nil }
    }.last
    let digest = try requireValue(section.map { SectionDigest(key: $0.key, digest: $0.digest) })
    var told: Message?
    for _ in 0..<70 where told == nil {
      bench.now += LinkBench.second
      bench.link.heard(now: bench.now)
      _ = bench.link.tick(now: bench.now, certificateExpiresInSeconds: nil)
      told = try bench.written().first { $0.type == MessageType.stateDigest.rawValue }
    }
    #expect(told == .stateDigest(sections: 1, digest: SectionDigest.summary(of: [digest])))
    _ = bench.link.received(.tellDigests, now: bench.now)
    #expect(try bench.written() == [.digests([digest])])
  }

  @Test func aSectionThatACompleteCycleNoLongerMakesIsGone() throws {
    var bench = try LinkBench()
    _ = bench.connect()
    _ = bench.welcome()
    try bench.collect()
    _ = try bench.written()
    try bench.collect(outcome: .notApplicable)
    #expect(try bench.written().contains(.sectionGone(SectionKey("target", "fs-OST0000"))))
  }

  @Test func aNewSourceOfACounterIsANewSeries() throws {
    var bench = try LinkBench()
    _ = bench.connect()
    _ = bench.welcome()
    try bench.collect(value: 10, source: "mount 1")
    try bench.collect(value: 2, source: "mount 2")
    let messages = try bench.written()
    #expect(try bench.batches(messages).map(\.ids) == [[0], [1]])
  }

  @Test func heartbeatsGoOutEachSecondWhileTheSessionIsOpen() throws {
    var bench = try LinkBench()
    _ = bench.connect()
    _ = bench.welcome()
    _ = try bench.written()
    var heartbeats = 0
    for _ in 0..<20 {
      bench.now += LinkBench.second / 4
      bench.link.heard(now: bench.now)
      #expect(bench.link.tick(now: bench.now, certificateExpiresInSeconds: nil).isEmpty)
      heartbeats += try bench.written().filter { $0 == .alive }.count
    }
    #expect(heartbeats == 5)
  }

  @Test func anOlderManagerHearsHeartbeatsThatItKnows() throws {
    for minor in [0, 1] {
      var bench = try LinkBench()
      _ = bench.connect()
      _ = bench.welcome(minor: minor)
      _ = try bench.written()
      for count in 1...3 {
        bench.now += LinkBench.second
        bench.link.heard(now: bench.now)
        _ = bench.link.tick(now: bench.now, certificateExpiresInSeconds: nil)
        #expect(try bench.written() == [.heartbeat(UInt64(count))])
      }
    }
  }

  @Test func theEndOfACycleAndItsSamplesLeaveInOneWrite() throws {
    var bench = try LinkBench()
    _ = bench.connect()
    _ = bench.welcome()
    try bench.collect()
    _ = try bench.written()
    try bench.collect(value: 2)
    let types = bench.link.nextFrames(stamp: bench.stamp).map(\.type)
    #expect(types == [MessageType.cycles.rawValue, MessageType.samples.rawValue])
    #expect(bench.link.nextFrames(stamp: bench.stamp).isEmpty)
  }

  @Test func oneWriteHoldsUpAHeartbeatByOneFrameAtMost() throws {
    var bench = try LinkBench()
    _ = bench.connect()
    _ = bench.welcome()
    _ = try bench.written()
    try bench.collect(section: String(repeating: "x", count: 1 << 20))
    #expect(bench.link.nextFrames(stamp: bench.stamp).count == 1)
    bench.now += LinkBench.second
    bench.link.heard(now: bench.now)
    _ = bench.link.tick(now: bench.now, certificateExpiresInSeconds: nil)
    let next = try requireValue(bench.link.nextFrames(stamp: bench.stamp).first)
    #expect(next.type == MessageType.alive.rawValue)
  }

  @Test func aManagerThatIsSilentForThreeSecondsIsGivenUp() throws {
    var bench = try LinkBench()
    _ = bench.connect()
    _ = bench.welcome()
    bench.now += 3 * LinkBench.second
    #expect(bench.link.tick(now: bench.now, certificateExpiresInSeconds: nil).isEmpty)
    bench.now += LinkBench.second / 10
    let effects = bench.link.tick(now: bench.now, certificateExpiresInSeconds: nil)
    guard case .close(let diagnostic, let tell)? = effects.first else { throw Missing() }
    #expect(diagnostic.code == DiagnosticCode.peerSilent.rawValue)
    #expect(!tell)
  }

  @Test func aSecondWelcomeAndAMessageOfAgentsEndTheSession() throws {
    var bench = try LinkBench()
    _ = bench.connect()
    _ = bench.welcome()
    for effects in [bench.welcome(), bench.link.received(.renew(request: ""), now: bench.now)] {
      guard case .close(let diagnostic, let tell)? = effects.first else { throw Missing() }
      #expect(diagnostic.code == DiagnosticCode.messageUnexpected.rawValue)
      #expect(tell)
    }
  }

  @Test func aCertificateIsRenewedWithinTheManagersMargin() throws {
    var bench = try LinkBench()
    _ = bench.connect()
    _ = bench.welcome()
    #expect(bench.link.tick(now: bench.now, certificateExpiresInSeconds: 601).isEmpty)
    let due = bench.link.tick(now: bench.now, certificateExpiresInSeconds: 599)
    #expect(due == [.makeRenewalRequest])
    // Asked once a minute at most, however slow the manager is.
    #expect(bench.link.tick(now: bench.now, certificateExpiresInSeconds: 599).isEmpty)
  }

  /// A manager that asks without end, and one that does not read.
  @Test func whatIsAskedForAgainAndAgainIsToldOnce() throws {
    var bench = try LinkBench()
    _ = bench.connect()
    _ = bench.welcome()
    try bench.collect()
    _ = try bench.written()
    for _ in 0..<1_000 { _ = bench.link.received(.tellDigests, now: bench.now) }
    let told = try bench.written()
    #expect(told.count == 1)
    #expect(told.first?.type == MessageType.digests.rawValue)
    _ = bench.link.received(.tellDigests, now: bench.now)
    #expect(try bench.written().count == 1)
    for _ in 0..<10_000 {
      bench.now += LinkBench.second
      bench.link.heard(now: bench.now)
      _ = bench.link.tick(now: bench.now, certificateExpiresInSeconds: nil)
    }
    #expect(try bench.written().count < 20)
  }

  @Test func aCertificateThatNobodyAskedForIsNotStored() throws {
    var bench = try LinkBench()
    _ = bench.connect()
    _ = bench.welcome()
    let renewed = Message.renewed(certificate: "c", authority: "a")
    // A slow manager is asked again before it answers.
    for _ in 1...2 { bench.link.renewalRequested("r") }
    for _ in 1...2 {
      #expect(
        bench.link.received(renewed, now: bench.now)
          == [.storeCertificate(certificate: "c", authority: "a")])
    }
    let effects = bench.link.received(renewed, now: bench.now)
    guard case .close(let diagnostic, true)? = effects.first else { throw Missing() }
    #expect(diagnostic.code == DiagnosticCode.messageUnexpected.rawValue)
  }

  @Test func anExpiredCertificateAsksForRenewalAtOnce() throws {
    var bench = try LinkBench()
    let effects = bench.link.connected(now: bench.now, certificateExpired: true)
    #expect(effects == [.makeRenewalRequest])
  }

  @Test func aLargeSectionNeverHoldsUpAHeartbeat() throws {
    var bench = try LinkBench()
    _ = bench.connect()
    _ = bench.welcome()
    _ = try bench.written()
    try bench.collect(section: String(repeating: "x", count: 1 << 20))
    let first = try requireValue(bench.link.nextFrame(stamp: bench.stamp))
    #expect(first.type == MessageType.section.rawValue)
    #expect(first.isContinued)
    bench.now += LinkBench.second
    bench.link.heard(now: bench.now)
    _ = bench.link.tick(now: bench.now, certificateExpiresInSeconds: nil)
    let next = try requireValue(bench.link.nextFrame(stamp: bench.stamp))
    #expect(next.type == MessageType.alive.rawValue)
  }
}

@Suite struct ReconnectBackoffTests {
  @Test func waitsDoubleUpToTheLongestAndStayWithinTheirUpperHalf() {
    for entropy in [UInt64.min, 1 << 63, UInt64.max] {
      var backoff = ReconnectBackoff()
      var whole = ReconnectBackoff.shortest
      for _ in 0..<12 {
        let wait = backoff.next(entropy: entropy)
        #expect(wait >= whole / 2 && wait <= whole)
        whole = min(whole * 2, ReconnectBackoff.longest)
      }
      backoff.succeeded()
      #expect(backoff.next(entropy: entropy) <= ReconnectBackoff.shortest)
    }
  }
}
