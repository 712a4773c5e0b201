import AgentCore
import Protocol
import Testing

@Suite struct SpoolTests {
  private func small(bytes: Int = 1 << 20, segment: Int = 700) -> Spool.Limits {
    var limits = Spool.Limits(bytes: bytes)
    limits.segmentBytes = segment
    limits.writeBytes = 300
    limits.readBytes = 100
    return limits
  }

  @Test func aLaterLifeReplaysWhatAnEarlierOneSpooled() throws {
    var first = try SpoolBench()
    first.collect(5)
    var second = try SpoolBench(life: "i2", files: first.files)
    second.tend()
    let hello = try second.connect()
    #expect(
      hello.lives == [
        HeldLife(
          boot: BootID("b1"), incarnation: "i1", firstOrder: 1, lastOrder: 5,
          firstStamp: Stamp(
            bootNanoseconds: 101 * SpoolBench.second, wallNanoseconds: 101 * SpoolBench.second),
          lastStamp: Stamp(
            bootNanoseconds: 105 * SpoolBench.second, wallNanoseconds: 105 * SpoolBench.second))
      ])
    second.welcome(lives: [2])
    let messages = try second.written()
    #expect(try SpoolBench.replayed(messages) == [0: [3: 103, 4: 104, 5: 105]])
    let types = messages.map(\.type)
    let declare = try requireValue(types.firstIndex(of: MessageType.lifeDeclare.rawValue))
    let samples = try requireValue(types.firstIndex(of: MessageType.lifeSamples.rawValue))
    #expect(declare < samples)
  }

  @Test func anEarlierLifeIsForgottenOnlyWhenSomethingOfThisOneIsStored() throws {
    var first = try SpoolBench()
    first.collect(5)
    var second = try SpoolBench(life: "i2", files: first.files)
    second.collect()
    _ = try second.connect()
    second.welcome(lives: [5])
    #expect(try SpoolBench.replayed(second.written()).isEmpty)
    #expect(second.files.count == 2)
    second.link.disconnected()
    #expect(try second.connect().lives?.count == 1)
    second.welcome(durableOrder: 1, lives: [5])
    second.tend()
    #expect(second.files.count == 1)
    second.link.disconnected()
    #expect(try second.connect().lives == [])
  }

  @Test func aManagerThatKnowsNoLivesIsToldNothingAndLosesNothing() throws {
    var first = try SpoolBench()
    first.collect(5)
    var second = try SpoolBench(life: "i2", bufferLimit: 3, limits: small(), files: first.files)
    second.collect(6)
    _ = try second.connect()
    second.welcome(lives: nil)
    let messages = try second.written()
    #expect(try SpoolBench.replayed(messages).isEmpty)
    #expect(!messages.contains { $0.type == MessageType.dropped.rawValue })
    second.link.disconnected()
    #expect(try second.connect().lives?.map(\.lastOrder) == [5])
    #expect(second.link.spoolReport?.failure == nil)
  }

  /// A session whose link breaks before any acknowledgement: only what was sent can be stored.
  private func send(_ batches: Int, _ bench: inout SpoolBench) throws {
    bench.collect(batches)
    _ = try bench.connect()
    bench.welcome(lives: [])
    _ = try bench.written()
    bench.link.disconnected()
  }

  @Test func whatMemoryCanNotHoldIsReadBackWithinTheSession() throws {
    var bench = try SpoolBench(bufferLimit: 3, limits: small())
    try send(4, &bench)
    bench.collect(16)
    let hello = try bench.connect()
    #expect(hello.firstHeldOrder == 1 && hello.givenUp == nil && hello.lives == [])
    bench.welcome(durableOrder: 4, lives: [])
    let messages = try bench.written()
    let replayed = try SpoolBench.replayed(messages)
    #expect(replayed[0]?.keys.sorted() == Array(5...17))
    #expect(replayed[0]?.allSatisfy { $0.value == 100 + $0.key } == true)
    // The newest are in memory, and go first.
    let types = messages.map(\.type)
    let live = try requireValue(types.firstIndex(of: MessageType.samples.rawValue))
    let back = try requireValue(types.firstIndex(of: MessageType.lifeSamples.rawValue))
    #expect(live < back)
    #expect(types.filter { $0 == MessageType.samples.rawValue }.count == 3)
    #expect(!types.contains(MessageType.dropped.rawValue))
  }

  @Test func neitherLiveNorReplayedBatchesStarve() throws {
    var first = try SpoolBench()
    first.collect(40)
    var second = try SpoolBench(life: "i2", limits: small(), files: first.files)
    second.collect(40)
    _ = try second.connect()
    second.welcome(lives: [0])
    let bulk = try second.written().map(\.type).filter {
      $0 == MessageType.samples.rawValue || $0 == MessageType.lifeSamples.rawValue
    }
    #expect(bulk.count == 80)
    let firstHalf = bulk.prefix(40).filter { $0 == MessageType.samples.rawValue }.count
    #expect(firstHalf >= 20 && firstHalf < 40)
  }

  @Test func overflowGivesUpTheOldestSegmentCountsItAndTellsIt() throws {
    var first = try SpoolBench(bufferLimit: 3, limits: small(bytes: 4_000))
    first.collect(150)
    #expect(first.files.values.reduce(0) { $0 + $1.count } <= 4_000)
    let hello = try first.connect()
    let held = try requireValue(hello.firstHeldOrder)
    #expect(held > 1)
    #expect(hello.givenUp.map { [$0.from, $0.through, $0.samples] } == [1, held - 1, held - 1])
    let stamps = try #require(hello.givenUp?.stamps)
    #expect(
      stamps.last.bootNanoseconds - stamps.first.bootNanoseconds
        == Int64(held - 2) * 1_000_000_000)
    first.welcome(lives: [])
    let replayed = try SpoolBench.replayed(first.written())
    #expect(replayed[0]?.keys.sorted() == Array(held...147))

    // And a later life tells it of this one, with the same count.
    var second = try SpoolBench(life: "i2", limits: small(bytes: 4_000), files: first.files)
    second.tend()
    let told = try requireValue(second.connect().lives?.first)
    #expect(told.firstOrder == held && told.lastOrder == 150)
    #expect(
      told.lost == [
        LostBatches(from: 1, through: held - 1, samples: held - 1, stamps: stamps)
      ])
  }

  @Test func aLifeThatWasGivenUpAltogetherIsStillTold() throws {
    var first = try SpoolBench()
    first.collect(5)
    var second = try SpoolBench(
      life: "i2", bufferLimit: 3, limits: small(bytes: 3_000), files: first.files)
    second.collect(150)
    var third = try SpoolBench(life: "i3", limits: small(bytes: 3_000), files: second.files)
    third.tend()
    let lives = try requireValue(third.connect().lives)
    #expect(lives.map(\.incarnation) == ["i1", "i2"])
    #expect(lives[0].firstOrder == 6 && lives[0].lastOrder == 5)
    #expect(lives[0].lost.map { [$0.from, $0.through, $0.samples ?? 0] } == [[1, 5, 5]])
    let stamps = try #require(lives[0].lost.first?.stamps)
    #expect(stamps.last.bootNanoseconds - stamps.first.bootNanoseconds == 4_000_000_000)
    third.welcome(lives: [5, 0])
    let replayed = try SpoolBench.replayed(third.written())
    #expect(replayed[1]?.keys.sorted() == Array(lives[1].firstOrder...150))
    #expect(replayed[0] == nil)
  }

  @Test func aFullDiskLeavesMemoryAndHealsByItself() throws {
    var bench = try SpoolBench(limits: small())
    bench.collect(3)
    bench.failing = { if case .write = $0 { true } else { false } }
    bench.collect(3)
    #expect(bench.link.spoolReport?.failure == "No space left on device")
    #expect(bench.link.spooledThrough == 3)
    let tries = bench.works.count
    bench.tend()
    #expect(bench.works.count == tries, "it is tried once a cycle")
    bench.failing = nil
    bench.collect()
    #expect(bench.link.spoolReport?.failure == nil)
    #expect(bench.link.spooledThrough == 7)
    var next = try SpoolBench(life: "i2", files: bench.files)
    next.tend()
    #expect(try next.connect().lives?.map(\.lastOrder) == [7])
    next.welcome(lives: [0])
    #expect(try SpoolBench.replayed(next.written())[0]?.keys.sorted() == Array(1...7))
  }

  @Test func memoryThatOverflowsWhileTheDiskIsFullIsLostAndTold() throws {
    var bench = try SpoolBench(bufferLimit: 3, limits: small())
    bench.collect(3)
    bench.failing = { if case .write = $0 { true } else { false } }
    bench.collect(5)
    bench.failing = nil
    bench.collect(2)
    _ = try bench.connect()
    bench.welcome(lives: [])
    let messages = try bench.written()
    #expect(try SpoolBench.replayed(messages)[0]?.keys.sorted().filter { $0 <= 3 } == [1, 2, 3])
    let dropped = messages.compactMap { message -> [UInt64]? in
      if case .dropped(let up) = message {
        [up.from, up.through, up.samples]
      } else {
        nil
      }
    }
    // The hello tells the oldest range, and this is the only one.
    #expect(dropped.isEmpty)
    bench.link.disconnected()
    #expect(try bench.connect().givenUp.map { [$0.from, $0.through, $0.samples] } == [4, 6, 3])
  }

  @Test func removalsGoOnWhileWritingFails() throws {
    var bench = try SpoolBench(limits: small(segment: 200))
    try send(10, &bench)
    let before = bench.files.count
    bench.failing = { if case .write = $0 { true } else { false } }
    bench.collect(1)
    _ = try bench.connect()
    bench.welcome(durableOrder: 8, lives: [])
    bench.tend()
    #expect(bench.files.count < before)
  }

  @Test func aSpoolThatCanNotBeReadIsNoSpoolToTheManager() throws {
    var bench = try SpoolBench()
    bench.failing = { _ in true }
    bench.tend()
    #expect(bench.link.isSpoolReady)
    #expect(try bench.connect().lives == nil)
    bench.welcome(lives: nil)
    bench.failing = nil
    bench.collect()
    #expect(bench.link.spoolReport?.failure == nil)
    // Nothing is in it: there is nothing to say hello again for.
    #expect(bench.link.tick(now: bench.now, certificateExpiresInSeconds: nil).isEmpty)
  }

  @Test func aSpoolThatOpensLateIsToldByAnotherHello() throws {
    var first = try SpoolBench()
    first.collect(5)
    var second = try SpoolBench(life: "i2", files: first.files)
    #expect(!second.link.isSpoolReady)
    _ = second.link.connected(now: second.now, certificateExpired: false)
    second.welcome(lives: nil)
    #expect(second.link.tick(now: second.now, certificateExpiresInSeconds: nil).isEmpty)
    second.tend()
    let effects = second.link.tick(now: second.now, certificateExpiresInSeconds: nil)
    guard case .close(_, let tell)? = effects.first else { throw Missing() }
    #expect(!tell)
    second.link.disconnected()
    #expect(try second.connect().lives?.count == 1)
  }

  @Test func damageFoundOnReadingBackIsToldAndTheRestGoesOn() throws {
    var first = try SpoolBench(limits: small(segment: 400))
    first.collect(30)
    var second = try SpoolBench(life: "i2", limits: small(), files: first.files)
    second.tend()
    _ = try second.connect()
    let broken = try requireValue(first.files.keys.sorted().dropFirst().first)
    second.files[broken]?[320] ^= 1
    second.welcome(lives: [0])
    let messages = try second.written()
    let replayed = try SpoolBench.replayed(messages)[0] ?? [:]
    var lost: [LostBatches] = []
    for case .lifeDropped(0, let range) in messages { lost.append(range) }
    #expect(lost.count == 1 && lost.first?.samples == nil)
    let missing = Set(UInt64(1)...30).subtracting(replayed.keys)
    #expect(!missing.isEmpty && missing.count < 20)
    let range = try requireValue(lost.first)
    #expect(Set(range.from...range.through) == missing)
    #expect(replayed.allSatisfy { $0.value == 100 + $0.key })
    #expect(second.link.spoolReport?.damages.count == 1)
  }

  @Test func aReadThatFailsForAWhileLosesNothing() throws {
    var first = try SpoolBench()
    first.collect(5)
    var second = try SpoolBench(life: "i2", files: first.files)
    second.tend()
    _ = try second.connect()
    second.failing = { if case .read = $0 { true } else { false } }
    second.welcome(lives: [0])
    _ = try second.written()
    for _ in 0..<5 {
      second.collect()
      #expect(try SpoolBench.replayed(second.written()).isEmpty)
    }
    second.failing = nil
    second.collect()
    #expect(try SpoolBench.replayed(second.written())[0]?.keys.sorted() == Array(1...5))
  }

  @Test func noMoreIsReplayedThanTheManagerCanHold() throws {
    var first = try SpoolBench()
    first.collect(1)
    let declarations = (0..<500).map { place in
      SeriesDeclaration(
        key: SeriesKey(subject: .server, metric: "m\(place)"), kind: .gauge, unit: "1")
    }
    for _ in 0..<900 {
      first.now += SpoolBench.second
      first.link.collected(
        [], samples: declarations.map { Sample($0, 7) }, stamp: first.stamp)
      first.tend()
    }
    var second = try SpoolBench(life: "i2", files: first.files)
    second.tend()
    _ = try second.connect()
    second.welcome(lives: [0])
    var most = UInt64(0)
    for _ in 0..<5 {
      let orders = try SpoolBench.replayed(second.written())[0]?.keys.sorted() ?? []
      #expect(orders.count <= 402)
      most = max(most, orders.last ?? 0)
      _ = second.link.received(.lifeAcknowledged(life: 0, order: most), now: second.now)
    }
    #expect(most == 901)
  }
}
