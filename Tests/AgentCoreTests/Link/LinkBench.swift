import AgentCore
import Protocol

/// An `AgentLink` with a clock of its own, and everything it wrote, decoded again.
struct LinkBench {
  static let second: Int64 = 1_000_000_000
  var link: AgentLink
  var now: Int64 = 100 * LinkBench.second
  private var decoder = FrameDecoder()
  private var assembler = FrameAssembler()
  private var samples = SampleDecoder()
  private var cycles = CycleDecoder()
  /// Of the collectors that were told first in their message.
  private(set) var highestSlot = 0

  init(bufferLimit: Int = BatchBuffer.sampleLimit) throws {
    let server = try requireValue(ServerID("00000000-0000-4000-8000-000000000001"))
    link = AgentLink(
      identity: AgentLink.Identity(
        server: server, boot: BootID("boot-1"), incarnation: "life-1", hostname: "oss01",
        agentVersion: "0.1.0", readsTree: false), bufferLimit: bufferLimit)
  }

  var stamp: Stamp { Stamp(bootNanoseconds: now, wallNanoseconds: now) }

  mutating func connect() -> [AgentLink.Effect] {
    decoder = FrameDecoder()
    assembler = FrameAssembler()
    samples = SampleDecoder()
    cycles = CycleDecoder()
    return link.connected(now: now, certificateExpired: false)
  }

  mutating func welcome(durableOrder: UInt64 = 0, minor: Int = Hello.minorVersion)
    -> [AgentLink.Effect]
  {
    link.received(
      .welcome(
        Welcome(
          minor: minor, session: "s", collectMilliseconds: 1_000, durableOrder: durableOrder,
          renewWithinSeconds: 600)), now: now)
  }

  /// All messages that the link has to say now.
  mutating func written() throws -> [Message] {
    var messages: [Message] = []
    while let frame = link.nextFrame(stamp: stamp) {
      for decoded in try decoder.feed(frame.encoded().span) {
        if let message = try assembler.add(decoded) { messages.append(message) }
      }
    }
    return messages
  }

  mutating func batches(_ messages: [Message]) throws -> [SampleBatch] {
    var batches: [SampleBatch] = []
    for case .samples(let bytes) in messages { batches.append(try samples.decode(bytes.span)) }
    return batches
  }

  mutating func ends(_ messages: [Message]) throws -> [CycleEnd] {
    var ends: [CycleEnd] = []
    for message in messages {
      switch message {
      case .cycle(let end): ends.append(end)
      case .cycles(let encoded):
        if encoded[0] > 0 { highestSlot = max(highestSlot, Int(encoded[1])) }
        ends += try cycles.decode(encoded.span)
      default: break
      }
    }
    return ends
  }

  /// A cycle of the collector `ost` with one section and one counter.
  mutating func collect(
    section text: String = "a", outcome: CollectorOutcome = .sampled, value: UInt64 = 1,
    metric: String = "m", source: String = ""
  ) throws {
    let section = try Section(
      key: SectionKey("target", "fs-OST0000"), collector: "ost", body: .string(text))
    let end = CycleEnd(collector: "ost", outcome: outcome, reason: nil, began: stamp)
    let declaration = SeriesDeclaration(
      key: SeriesKey(subject: .server, metric: metric), kind: .counter, unit: "1",
      source: source)
    link.collected(
      [(end, outcome == .sampled ? [section] : [])], samples: [Sample(declaration, value)],
      stamp: stamp)
  }
}

struct Missing: Error {}

func requireValue<Value>(_ value: Value?) throws -> Value {
  guard let value else { throw Missing() }
  return value
}
