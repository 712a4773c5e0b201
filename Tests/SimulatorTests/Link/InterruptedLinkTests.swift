import AgentCore
import ManagerCore
import Protocol
import Simulator
import Testing

/// Both brains against each other: an agent that samples each second, a link that breaks at any
/// byte, a manager that dies between receiving and storing. In the end every batch is stored once,
/// or said to be lost.
@Suite struct InterruptedLinkTests {
  @Test(arguments: UInt64(1)...12) func everyBatchIsStoredOnceOrToldAsLost(seed: UInt64) throws {
    var trial = try Trial(seed: seed, bufferLimit: seed % 3 == 0 ? 40 : 100_000)
    for _ in 0..<600 { try trial.step() }
    try trial.settle()
    #expect(trial.stored.count + trial.lost.count == Int(trial.made))
    #expect(trial.stored.intersection(trial.lost).isEmpty)
    #expect(Set(1...trial.made) == trial.stored.union(trial.lost))
    if seed % 3 != 0 { #expect(trial.lost.isEmpty) }
    #expect(trial.values == trial.stored.count)
    #expect(trial.cuts > 10 && trial.deaths > 0)
  }

  private struct Trial {
    private static let second: Int64 = 1_000_000_000
    private static let series = StoredSeries(
      subject: .target("t"), metric: "m", labels: [:], kind: .counter, unit: "1", decimals: 0,
      width: 64)
    private var random: SplitMix64
    private var link: AgentLink
    private var session: IngestSession?
    private var bindings: Set<UInt32> = []
    private var head = HistoryHead()
    private let stream: StreamKey
    private var now: Int64 = 0
    private(set) var made: UInt64 = 0
    private(set) var stored: Set<UInt64> = []
    private(set) var lost: Set<UInt64> = []
    private(set) var values = 0
    private(set) var cuts = 0
    private(set) var deaths = 0

    init(seed: UInt64, bufferLimit: Int) throws {
      random = SplitMix64(seed: seed)
      let server = try #require(ServerID("00000000-0000-4000-8000-000000000001"))
      stream = StreamKey(server: server, boot: BootID("b"), incarnation: "i")
      link = AgentLink(
        identity: AgentLink.Identity(
          server: server, boot: BootID("b"), incarnation: "i", hostname: "oss01",
          agentVersion: "0", readsTree: false), bufferLimit: bufferLimit)
    }

    mutating func step() throws {
      now += Self.second
      made += 1
      let declaration = SeriesDeclaration(
        key: SeriesKey(subject: .server, metric: "m"), kind: .counter, unit: "1")
      let end = CycleEnd(
        collector: "c", outcome: .sampled, reason: nil,
        began: Stamp(bootNanoseconds: now, wallNanoseconds: now))
      link.collected(
        [(end, [])], samples: [Sample(declaration, made * 10)],
        stamp: Stamp(bootNanoseconds: now, wallNanoseconds: now))
      switch random.below(10) {
      case 0: cut()
      case 1: die()
      case 2: store()
      default: break
      }
      if session == nil, random.below(3) > 0 { try connect() }
      if session != nil { try pump(atMost: Int(random.below(6))) }
    }

    /// Everything heals: the link is whole and the manager stores.
    mutating func settle() throws {
      for _ in 0..<50 {
        if session == nil { try connect() }
        try pump(atMost: .max)
        store()
      }
    }

    private mutating func cut() {
      guard session != nil else { return }
      cuts += 1
      session = nil
      link.disconnected()
    }

    /// The manager is killed: what is not stored is gone from it.
    private mutating func die() {
      cut()
      deaths += 1
      head = HistoryHead()
      head.resume(stream, durable: OrderSet(stored.union(lost).map { $0...$0 }).ranges)
    }

    private mutating func store() {
      for block in head.cut(
        now: Moment(monotonicNanoseconds: now, wallNanoseconds: now), force: true)
      {
        let orders = block.firstOrder...block.lastOrder
        #expect(stored.isDisjoint(with: orders), "stored twice")
        stored.formUnion(orders)
        values += block.samples
        head.stored(block)
      }
      if session != nil {
        _ = link.received(.acknowledge(order: head.acknowledgedOrder(stream)), now: now)
      }
    }

    private mutating func connect() throws {
      session = IngestSession(server: stream.server, admission: .full)
      bindings = []
      _ = link.connected(now: now, certificateExpired: false)
      try pump(atMost: 1)
    }

    /// Carries frames; a cut may come within any of them.
    private mutating func pump(atMost frames: Int) throws {
      var left = frames
      while left > 0, session != nil,
        let frame = link.nextFrame(
          stamp: Stamp(bootNanoseconds: now, wallNanoseconds: now))
      {
        left -= 1
        var bytes = frame.encoded()
        if random.below(40) == 0 {
          bytes = Array(bytes.prefix(Int(random.below(UInt64(bytes.count)))))
          try deliver(bytes)
          cut()
          return
        }
        try deliver(bytes)
      }
    }

    private mutating func deliver(_ bytes: [UInt8]) throws {
      guard var receiver = session else { return }
      try receiver.receive(bytes.span)
      while let (_, event) = try receiver.next() { take(event) }
      session = receiver
    }

    private mutating func take(_ event: IngestSession.Event) {
      switch event {
      case .hello(let hello):
        if let first = hello.firstHeldOrder, first > 1 {
          lose(head.dropped(stream, from: 1, through: first - 1))
        }
        _ = link.received(
          .welcome(
            Welcome(
              session: "s", collectMilliseconds: 1_000,
              durableOrder: head.acknowledgedOrder(stream), renewWithinSeconds: 0)), now: now)
      case .batch(let batch):
        #expect(batch.bits == [batch.order * 10])
        _ = head.append(
          StoredBatch(
            order: batch.order, nanoseconds: batch.stamp.bootNanoseconds,
            samples: [StoredSample(series: 0, source: 0, bits: batch.bits[0])]), to: stream)
      case .dropped(let up):
        lose(head.dropped(stream, from: up.from, through: up.through))
      default: break
      }
    }

    private mutating func lose(_ ranges: [ClosedRange<UInt64>]) {
      for range in ranges { lost.formUnion(range) }
    }
  }
}
