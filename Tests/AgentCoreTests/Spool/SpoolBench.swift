import AgentCore
import Protocol

/// A link with a spool on a disk in memory, a manager that takes replays, and everything it says.
struct SpoolBench {
  static let second: Int64 = 1_000_000_000
  var link: AgentLink
  var files: [UInt64: [UInt8]]
  var now: Int64 = 100 * SpoolBench.second
  /// Every work of these kinds fails while it is set.
  var failing: ((SpoolWork) -> Bool)?
  var works: [SpoolWork] = []
  private var decoder = FrameDecoder()
  private var assembler = FrameAssembler()
  private(set) var hello: Hello?

  init(
    life: String = "i1", boot: String = "b1", bufferLimit: Int = BatchBuffer.sampleLimit,
    limits: Spool.Limits? = Spool.Limits(), files: [UInt64: [UInt8]] = [:]
  ) throws {
    let server = try requireValue(ServerID("00000000-0000-4000-8000-000000000001"))
    link = AgentLink(
      identity: AgentLink.Identity(
        server: server, boot: BootID(boot), incarnation: life, hostname: "oss01",
        agentVersion: "0.1.0", readsTree: false), bufferLimit: bufferLimit, spool: limits)
    self.files = files
  }

  var stamp: Stamp { Stamp(bootNanoseconds: now, wallNanoseconds: now) }

  mutating func collect(_ count: Int = 1, tends: Bool = true) {
    for _ in 0..<count {
      now += SpoolBench.second
      let declaration = SeriesDeclaration(
        key: SeriesKey(subject: .server, metric: "m"), kind: .counter, unit: "1")
      let end = CycleEnd(collector: "c", outcome: .sampled, reason: nil, began: stamp)
      link.collected(
        [(end, [])], samples: [Sample(declaration, UInt64(now / SpoolBench.second))], stamp: stamp)
      if tends { tend() }
    }
  }

  /// Does all the disk work that there is, at most so many pieces.
  mutating func tend(_ count: Int = 1_000) {
    for _ in 0..<count {
      guard let work = link.nextSpoolWork() else { return }
      works.append(work)
      link.spoolAnswered(perform(work))
    }
  }

  private mutating func perform(_ work: SpoolWork) -> SpoolAnswer {
    if failing?(work) == true { return .failed(reason: "No space left on device") }
    switch work {
    case .open:
      return .opened(
        files.map { number, bytes in
          var scan = SegmentScan(number: number)
          scan.feed(bytes)
          return scan.finished()
        })
    case .write(let number, let offset, let bytes):
      files[number] = (offset == 0 ? [] : files[number] ?? []).prefix(offset) + bytes
      return .done
    case .remove(let numbers):
      for number in numbers { files[number] = nil }
      return .done
    case .read(let number, let offset, let length):
      guard let bytes = files[number] else { return .failed(reason: "No such file") }
      return .read(Array(bytes.dropFirst(offset).prefix(length)))
    }
  }

  mutating func connect() throws -> Hello {
    decoder = FrameDecoder()
    assembler = FrameAssembler()
    _ = link.connected(now: now, certificateExpired: false)
    guard case .hello(let hello)? = try written().first else { throw Missing() }
    return hello
  }

  mutating func welcome(durableOrder: UInt64 = 0, lives: [UInt64]?) {
    _ = link.received(
      .welcome(
        Welcome(
          session: "s", collectMilliseconds: 1_000, durableOrder: durableOrder,
          renewWithinSeconds: 600, lives: lives)), now: now)
  }

  /// All messages that there are to say, reading the disk as needed.
  mutating func written() throws -> [Message] {
    var messages: [Message] = []
    while true {
      guard let frame = link.nextFrame(stamp: stamp) else {
        let before = works.count
        tend()
        if works.count == before { break }
        continue
      }
      tend()
      for decoded in try decoder.feed(frame.encoded().span) {
        if let message = try assembler.add(decoded) { messages.append(message) }
      }
    }
    return messages
  }

  /// Orders and values of what was replayed, by life.
  static func replayed(_ messages: [Message]) throws -> [Int: [UInt64: UInt64]] {
    var found: [Int: [UInt64: UInt64]] = [:]
    var decoders: [Int: SampleDecoder] = [:]
    for case .lifeSamples(let life, let encoded) in messages {
      var decoder = decoders[life] ?? SampleDecoder()
      let batch = try decoder.decode(encoded.span)
      decoders[life] = decoder
      found[life, default: [:]][batch.order] = batch.bits.first
    }
    return found
  }
}
