import AgentCore
import ManagerCore
import Protocol
import Simulator
import Testing

/// As `InterruptedLinkTests`, with a spool, and an agent that is killed at any step of its disk work,
/// or whose server is restarted. In the end every batch that was synced is stored once, at its own
/// time and under its own life, or is told as lost, and nothing is told as lost that is not.
@Suite struct SpooledLivesTests {
  @Test(arguments: UInt64(1)...24) func everySyncedBatchIsStoredOnceOrToldAsLost(seed: UInt64)
    throws
  {
    // Memory for twenty batches: an outage is longer, and what it can not hold is read back.
    let isTight = seed % 5 == 1
    var trial = try SpooledTrial(
      seed: seed, isSmall: seed % 4 == 0, isTight: isTight, diskFails: seed % 3 == 0)
    for _ in 0..<900 { try trial.step() }
    try trial.settle()
    #expect(trial.kills > 10 && trial.deaths > 10 && trial.cuts > 10)
    check(trial, mayLose: seed % 4 == 0 || isTight && seed % 3 == 0)
    let losses = trial.lost.values.reduce(0) { $0 + $1.count }
    if seed % 4 == 0 { #expect(losses > 0) }
    #expect(trial.replayed > 20)
    // What is given up goes only when that is written down: a segment or two above the limit.
    #expect(trial.diskBytesMost <= trial.limits.bytes + 2 * trial.fileBytesMost)
    #expect(trial.disk.files.count == 1, "what is acknowledged is removed")
  }

  /// A day of virtual time, sampled each second, in which something breaks every half minute: some
  /// hundred lives of the agent, and as many of the manager.
  @Test func aDayOfInterruptionsEndsWithEverySampleAccountedFor() throws {
    var trial = try SpooledTrial(seed: 86_400, isSmall: false, isTight: false, diskFails: true)
    trial.calm = 250
    while trial.seconds < 86_400 { try trial.step() }
    try trial.settle()
    #expect(trial.kills > 200 && trial.deaths > 200 && trial.cuts > 1_000)
    #expect(trial.made.values.reduce(0) { $0 + $1.count } > 50_000)
    check(trial, mayLose: false)
    #expect(trial.disk.files.count == 1, "what is acknowledged is removed")
  }

  private func check(_ trial: SpooledTrial, mayLose: Bool) {
    for (stream, made) in trial.made {
      let stored = trial.stored[stream] ?? []
      let lost = trial.lost[stream] ?? []
      let synced = trial.synced[stream] ?? 0
      #expect(stored.isDisjoint(with: lost))
      #expect(stored.union(lost).isSubset(of: made.keys), "told of what never was")
      // What was never synced died with its process, and only that.
      let missing = made.keys.filter {
        !stored.contains($0) && !lost.contains($0) && ($0 <= synced || stream == trial.stream)
      }
      #expect(missing.isEmpty, "\(stream.incarnation): \(missing.sorted()) of \(synced)")
      if !mayLose { #expect(lost.isEmpty, "\(stream.incarnation): \(lost.sorted())") }
    }
  }
}

struct SpooledTrial {
  private static let second: Int64 = 1_000_000_000
  private static let skew: Int64 = 90 * SpooledTrial.second
  private static let collectNanoseconds = SpooledTrial.second

  private var random: SplitMix64
  private let server: ServerID
  private let bufferLimit: Int
  private let diskFails: Bool
  /// In so many steps the link is cut twice, and the manager and the agent are killed once each.
  var calm: UInt64 = 25
  let limits: Spool.Limits

  /// True time, which is also the manager's clock.
  private var now: Int64 = 1_000 * SpooledTrial.second
  private var bootedAt: Int64 = 0
  private var boot = 0
  private var life = 0
  private var link: AgentLink
  private(set) var stream: StreamKey
  private(set) var disk = SimulatedSpoolDisk()
  private var work: SpoolWork?

  private var session: IngestSession?
  private var clock: ClockModel?
  private var lives: [(stream: StreamKey, clock: LifeClock)] = []
  private var names: [UInt32: String] = [:]
  private var lifeNames: (life: Int, names: [UInt32: String]) = (0, [:])
  private var head = HistoryHead()

  /// Of each life its batches, and when each was made.
  private(set) var made: [StreamKey: [UInt64: Int64]] = [:]
  private(set) var synced: [StreamKey: UInt64] = [:]
  private(set) var stored: [StreamKey: Set<UInt64>] = [:]
  private(set) var lost: [StreamKey: Set<UInt64>] = [:]
  private(set) var (cuts, deaths, kills, replayed) = (0, 0, 0, 0)
  private(set) var (diskBytesMost, fileBytesMost) = (0, 0)

  init(seed: UInt64, isSmall: Bool, isTight: Bool, diskFails: Bool) throws {
    random = SplitMix64(seed: seed)
    server = try #require(ServerID("00000000-0000-4000-8000-000000000001"))
    self.diskFails = diskFails
    var limits = Spool.Limits(bytes: isSmall ? 16_000 : 1 << 20)
    limits.segmentBytes = 1_200
    limits.writeBytes = 600
    limits.readBytes = 250
    self.limits = limits
    bufferLimit = isSmall ? 20 : isTight ? 100 : 100_000
    (link, stream) = SpooledTrial.begin(server, boot: 0, life: 0, bufferLimit, limits)
  }

  private static func begin(
    _ server: ServerID, boot: Int, life: Int, _ bufferLimit: Int, _ limits: Spool.Limits
  ) -> (AgentLink, StreamKey) {
    let stream = StreamKey(server: server, boot: BootID("b\(boot)"), incarnation: "i\(life)")
    let link = AgentLink(
      identity: AgentLink.Identity(
        server: server, boot: stream.boot, incarnation: stream.incarnation, hostname: "oss01",
        agentVersion: "0", readsTree: false), bufferLimit: bufferLimit, spool: limits)
    return (link, stream)
  }

  private var stamp: Stamp {
    Stamp(bootNanoseconds: now - bootedAt, wallNanoseconds: now - SpooledTrial.skew)
  }
  /// Since the trial began.
  var seconds: Int64 { now / SpooledTrial.second - 1_000 }
  private var moment: Moment { Moment(monotonicNanoseconds: now, wallNanoseconds: now) }

  // MARK: Steps

  mutating func step() throws {
    now += SpooledTrial.second
    collect()
    tend(atMost: random.below(4), mayFail: true)
    switch random.below(calm) {
    case 0, 1: cut()
    case 2: killManager()
    case 3, 4, 5: store()
    case 6: killAgent()
    // However calm it is, the manager stores every few seconds.
    default: if calm > 25, random.below(8) == 0 { store() }
    }
    if session == nil, random.below(6) == 0, link.isSpoolReady { try connect() }
    if session != nil { try pump(atMost: Int(random.below(8)), mayCut: true) }
  }

  /// Everything heals: the disk works, the link is whole and the manager stores.
  mutating func settle() throws {
    for round in 0..<120 {
      if round % 10 == 0 {
        now += SpooledTrial.second
        collect()
      }
      // The disk gives a small piece at a time.
      for _ in 0..<20 {
        tend(atMost: 100, mayFail: false)
        if session == nil { try connect() }
        try pump(atMost: .max, mayCut: false)
      }
      store()
    }
  }

  private mutating func collect() {
    let order = UInt64(made[stream]?.count ?? 0) + 1
    made[stream, default: [:]][order] = now
    let samples = (0..<5).filter { $0 < 3 || order > UInt64(10 * $0) }.map { place in
      Sample(
        SeriesDeclaration(
          key: SeriesKey(subject: .server, metric: "m\(place)_\(life)"), kind: .counter, unit: "1"),
        UInt64(now / SpooledTrial.second * 10 + Int64(place)))
    }
    let end = CycleEnd(collector: "c", outcome: .sampled, reason: nil, began: stamp)
    link.collected([(end, [])], samples: samples, stamp: stamp)
  }

  /// The disk works, or fails, or is slow.
  private mutating func tend(atMost count: UInt64, mayFail: Bool) {
    for _ in 0..<count {
      if work == nil { work = link.nextSpoolWork() }
      guard let work else { return }
      let fails = mayFail && diskFails && random.below(5) == 0
      let answer = disk.perform(work, fails ? .fails(random.below(17)) : .none)
      self.work = nil
      link.spoolAnswered(answer)
      synced[stream] = max(synced[stream] ?? 0, link.spooledThrough)
      diskBytesMost = max(diskBytesMost, disk.bytes)
      fileBytesMost = max(fileBytesMost, disk.files.values.map(\.count).max() ?? 0)
    }
  }

  private mutating func killAgent() {
    kills += 1
    cut()
    // What is being written when it dies is there in part, or whole, and was never said to be.
    if let work = work ?? link.nextSpoolWork(), case .write = work {
      _ = disk.perform(work, .fails(random.below(17)))
    }
    work = nil
    life += 1
    if random.below(3) == 0 {
      boot += 1
      bootedAt = now
    }
    now += SpooledTrial.second * Int64(random.below(20))
    (link, stream) = SpooledTrial.begin(server, boot: boot, life: life, bufferLimit, limits)
  }

  private mutating func cut() {
    guard session != nil else { return }
    cuts += 1
    session = nil
    link.disconnected()
  }

  private mutating func killManager() {
    cut()
    deaths += 1
    head = HistoryHead()
  }

  private mutating func resume(_ stream: StreamKey) {
    guard !head.knows(stream) else { return }
    let durable = (stored[stream] ?? []).union(lost[stream] ?? [])
    head.resume(stream, durable: OrderSet(durable.sorted().map { $0...$0 }).ranges)
  }

  private mutating func store() {
    for block in head.cut(now: moment, force: true) {
      let orders = block.firstOrder...block.lastOrder
      let known = stored[block.stream] ?? []
      #expect(known.isDisjoint(with: orders), "stored twice")
      stored[block.stream] = known.union(orders)
      head.stored(block)
    }
    guard session != nil else { return }
    for (place, life) in lives.enumerated() {
      resume(life.stream)
      let order = head.acknowledgedOrder(life.stream)
      _ = link.received(.lifeAcknowledged(life: place, order: order), now: now)
    }
    resume(stream)
    _ = link.received(.acknowledge(order: head.acknowledgedOrder(stream)), now: now)
  }

  // MARK: The wire

  private mutating func connect() throws {
    session = IngestSession(server: server, admission: .full)
    names = [:]
    lifeNames = (0, [:])
    _ = link.connected(now: now, certificateExpired: false)
    try pump(atMost: 1, mayCut: false)
  }

  private mutating func pump(atMost frames: Int, mayCut: Bool) throws {
    var left = frames
    while left > 0, session != nil, let frame = link.nextFrame(stamp: stamp) {
      left -= 1
      let bytes = frame.encoded()
      if mayCut, random.below(60) == 0 {
        try deliver(Array(bytes.prefix(Int(random.below(UInt64(bytes.count))))))
        cut()
        return
      }
      try deliver(bytes)
    }
  }

  private mutating func deliver(_ bytes: [UInt8]) throws {
    guard var receiver = session else { return }
    try receiver.receive(bytes.span)
    while let (sent, event) = try receiver.next() { try take(event, sent) }
    session = receiver
  }

  private mutating func take(_ event: IngestSession.Event, _ sent: Stamp) throws {
    switch event {
    case .hello(let hello): greet(hello, sent)
    case .declared(let declarations):
      names.merge(declarations.mapValues(\.key.metric)) { $1 }
    case .batch(let batch):
      let time = try #require(clock?.corrected(batch.stamp))
      take(batch, stream, names, at: time)
    case .dropped(let up): lose(stream, up.from, up.through)
    case .lifeDeclared(let life, let declarations):
      if lifeNames.life != life { lifeNames = (life, [:]) }
      lifeNames.names.merge(declarations.mapValues(\.key.metric)) { $1 }
    case .lifeBatch(let life, let batch):
      replayed += 1
      if life == lives.count {
        let time = try #require(clock?.corrected(batch.stamp))
        take(batch, stream, lifeNames.names, at: time)
      } else {
        let time = lives[life].clock.nanoseconds(batch.stamp, clock: clock, now: now)
        take(batch, lives[life].stream, lifeNames.names, at: time)
      }
    case .lifeDropped(let life, let lost):
      lose(life == lives.count ? stream : lives[life].stream, lost.from, lost.through)
    default: break
    }
  }

  private mutating func greet(_ hello: Hello, _ sent: Stamp) {
    var clock =
      self.clock.flatMap { $0.boot == hello.boot ? $0 : nil } ?? ClockModel(boot: hello.boot)
    clock.observed(sent: sent, received: now)
    self.clock = clock
    lives = []
    var durable: [UInt64] = []
    for held in hello.lives ?? [] {
      let stream = StreamKey(server: server, boot: held.boot, incarnation: held.incarnation)
      resume(stream)
      for range in held.lost { lose(stream, range.from, range.through) }
      if held.firstOrder > 1 { lose(stream, 1, held.firstOrder - 1) }
      lives.append((stream, LifeClock(held, clock: clock, sent: sent, now: now)))
      durable.append(head.acknowledgedOrder(stream))
    }
    resume(stream)
    if let first = hello.firstHeldOrder, first > 1 { lose(stream, 1, first - 1) }
    _ = link.received(
      .welcome(
        Welcome(
          session: "s", collectMilliseconds: 1_000, durableOrder: head.acknowledgedOrder(stream),
          renewWithinSeconds: 0, lives: hello.lives == nil ? nil : durable)), now: now)
  }

  private mutating func take(
    _ batch: SampleBatch, _ stream: StreamKey, _ names: [UInt32: String], at time: Int64
  ) {
    resume(stream)
    let madeAt = made[stream]?[batch.order] ?? 0
    #expect(abs(time - madeAt) < 200_000_000, "order \(batch.order) of \(stream.incarnation)")
    for (id, bits) in zip(batch.ids, batch.bits) {
      let place = Int64(bits) - madeAt / SpooledTrial.second * 10
      #expect(names[id] == "m\(place)_\(stream.incarnation.dropFirst())")
    }
    let samples = batch.bits.enumerated().map {
      StoredSample(series: UInt32($0.offset), source: 0, bits: $0.element)
    }
    _ = head.append(
      StoredBatch(order: batch.order, nanoseconds: time, samples: samples), to: stream)
  }

  private mutating func lose(_ stream: StreamKey, _ from: UInt64, _ through: UInt64) {
    resume(stream)
    for range in head.dropped(stream, from: from, through: through) {
      lost[stream, default: []].formUnion(range)
    }
  }
}
