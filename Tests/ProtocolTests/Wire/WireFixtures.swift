import Testing

@testable import Protocol

/// SplitMix64: the same numbers for the same seed, on every machine.
struct SplitMix: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
  /// Below `limit`.
  mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }

  /// Changes, cuts, repeats or inserts a few bytes.
  mutating func mutate(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for _ in 0...below(4) {
      let place = below(bytes.count + 1)
      switch below(5) {
      case 0 where place < bytes.count: bytes[place] = UInt8(truncatingIfNeeded: next())
      case 1 where place < bytes.count: bytes[place] ^= 1 << UInt8(below(8))
      case 2: bytes.insert(UInt8(truncatingIfNeeded: next()), at: place)
      case 3: bytes.removeSubrange(place..<min(bytes.count, place + below(9)))
      default: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 9)], at: place)
      }
    }
    return bytes
  }
}

func hex(_ bytes: [UInt8]) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// Bytes of hexadecimal digits; whatever is none is skipped.
func unhex(_ text: String) -> [UInt8] {
  let nibbles = text.compactMap(\.hexDigitValue)
  return stride(from: 0, to: nibbles.count - 1, by: 2).map {
    UInt8(nibbles[$0] << 4 | nibbles[$0 + 1])
  }
}

let stamp = Stamp(bootNanoseconds: 1, wallNanoseconds: -2)

func server() throws -> ServerID {
  try #require(ServerID("00112233-4455-6677-8899-AABBCCDDEEFF"))
}

func gauge(_ metric: String = "m", labels: [String: String] = [:]) -> SeriesDeclaration {
  SeriesDeclaration(
    key: SeriesKey(subject: .server, metric: metric, labels: labels), kind: .gauge, unit: "1")
}

/// One message of every type that there is.
func everyMessage() throws -> [Message] {
  let key = SectionKey("exports", "fs1-OST0000")
  return [
    .hello(
      Hello(
        minor: 1, server: try server(), boot: BootID("b1"), incarnation: "i1", hostname: "oss1",
        agentVersion: "0.1.0", capabilities: ["logs"], highestOrder: 9_223_372_036_854_775_807,
        firstHeldOrder: 4,
        givenUp: GivenUp(from: 2, through: 3, samples: 200),
        lives: [
          HeldLife(
            boot: BootID("b0"), incarnation: "i0", firstOrder: 5, lastOrder: 9,
            firstStamp: stamp, lastStamp: Stamp(bootNanoseconds: 3, wallNanoseconds: 4),
            lost: [
              LostBatches(from: 1, through: 4, samples: 8),
              LostBatches(from: 7, through: 7, samples: nil),
            ])
        ], collectMilliseconds: 250, readsTree: false)),
    .welcome(
      Welcome(
        minor: 1, session: "s1", collectMilliseconds: 1_000, durableOrder: 41,
        renewWithinSeconds: 864_000,
        lives: [6])),
    .heartbeat(7), .acknowledge(order: 42),
    .goodbye(
      Diagnostic(.agentStopping, .info, subject: "oss1", reason: "it stops", remedy: "Wait.")),
    .digests([SectionDigest(key: key, digest: 0xffff_ffff_ffff_fffe)]), .resend([key]),
    .renew(request: "-----BEGIN\n"), .renewed(certificate: "c/d", authority: "a"),
    .dropped(GivenUp(from: 3, through: 9, samples: 700)),
    .section(
      try Section(
        key: key, collector: "exports",
        body: .object(["a": .array([.null, .bool(true), .number(0.5)]), "b": .unsigned(.max)]))),
    .sectionGone(key),
    .cycle(CycleEnd(collector: "exports", outcome: .sampled, reason: nil, began: stamp)),
    .declare([0: gauge("up"), 5: gauge("down", labels: ["op": "r"])]),
    .samples(encoded: [1, 2, 3, 0]),
    .logs([
      LogLine(origin: "kernel", cursor: 12, stamp: stamp, priority: 4, text: "LustreError: é\n")
    ]),
    .lifeAcknowledged(life: 0, order: 8),
    .lifeDropped(life: 1, LostBatches(from: 2, through: 5, samples: nil)),
    .lifeDeclare(life: 300, [7: gauge("up")]), .lifeSamples(life: 0, encoded: [1, 2, 3, 0]),
    .jobs(jobReport), .jobsHeld(sequence: 44),
    .stateDigest(sections: 2, digest: .max), .tellDigests, .cycles(encoded: encodedCycles),
    .alive,
  ]
}

let jobReport = JobReport(
  sequence: 3, target: TargetReference(label: "fs1-OST0000", mgs: ["10.0.0.1@tcp"]), since: stamp,
  began: Stamp(bootNanoseconds: 200, wallNanoseconds: 64),
  top: [
    JobIncrease(
      job: "dd.0",
      increase: JobCounters(
        readBytes: 1, writtenBytes: 300, ioOperations: 2, metadataOperations: .max))
  ], rest: JobCounters(readBytes: 5, writtenBytes: 6, ioOperations: 7, metadataOperations: 8),
  restJobs: 9, jobs: 10, untracked: 11, isPartial: true)

/// Two collectors, one of which failed three milliseconds before the other's reads began.
let twoCycles = [
  CycleEnd(
    collector: "ost", outcome: .sampled, reason: nil,
    began: Stamp(bootNanoseconds: 5_000_000, wallNanoseconds: 9_000_000),
    periodMilliseconds: 10_000),
  CycleEnd(
    collector: "mdt", outcome: .failed, reason: "EIO",
    began: Stamp(bootNanoseconds: 2_000_000, wallNanoseconds: 6_000_000)),
]
let encodedCycles: [UInt8] = {
  var encoder = CycleEncoder()
  return encoder.encode(twoCycles)
}()
