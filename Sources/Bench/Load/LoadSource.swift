import Protocol

/// The fixed load of one server, as `docs/benchmarks.md` defines it. Equal seeds give equal values,
/// so that two stores can be filled with the same samples.
struct LoadSource {
  static let intervalNanoseconds: Int64 = 10_000_000_000
  /// Targets of a server, in turn: 12 on average, 20 at most.
  private static let targetCounts = [20, 16, 12, 8, 4]
  private static let gauges: [Metric] = [.dirty, .granted, .pending, .exports, .freeSpace]

  private enum Behaviour {
    case constant
    /// `level`: of the burst under way; 0 between bursts.
    case bursts(ofBytes: Bool, level: UInt64)
    /// Walks; `wide` ones are amounts of bytes.
    case gauge(wide: Bool)
  }

  let targets: [TargetReference]
  private(set) var samples: [Sample] = []
  private(set) var unchanged = 0
  private var behaviours: [Behaviour] = []
  private var chance: Chance

  init(server: Int, series: Int) {
    chance = Chance(seed: UInt64(server) &* 0x1_0001 &+ 77)
    let count = Self.targetCounts[server % Self.targetCounts.count]
    targets = (0..<count).map { number in
      let index = String(server * 20 + number, radix: 16)
      let label = "bench-OST" + String(repeating: "0", count: 4 - index.utf8.count) + index
      return TargetReference(label: label, mgs: ["10.0.0.1@tcp"])
    }
    // The kinds lie among each other as chance has it: neither side by side, which would flatter
    // codes for runs, nor in turn.
    var kinds = (0..<series).map { $0 * 10 < series * 6 ? 0 : $0 * 10 < series * 9 ? 1 : 2 }
    for place in stride(from: series - 1, to: 0, by: -1) {
      kinds.swapAt(place, Int(chance.below(UInt64(place + 1))))
    }
    // The first one is a counter of bytes on every server: the panel draws these.
    if let burst = kinds.firstIndex(of: 1) { kinds.swapAt(0, burst) }
    for (number, kind) in kinds.enumerated() { add(number, kind) }
  }

  private mutating func add(_ number: Int, _ kind: Int) {
    let metric: Metric
    let bits: SampleBits
    switch kind {
    case 0:
      metric = number % 2 == 0 ? .operations : .operationTimeMaximum
      bits = number % 3 == 0 ? 0 : chance.below(1 << 40)
      behaviours.append(.constant)
    case 1:
      let ofBytes = number % 2 == 0
      metric = ofBytes ? .writeBytes : .operations
      bits = ofBytes ? chance.below(1 << 36) &* 4_096 : chance.below(1 << 40)
      // One in three is in a burst already, as after a long time.
      let level = chance.below(3) == 0 ? Self.level(ofBytes, &chance) : 0
      behaviours.append(.bursts(ofBytes: ofBytes, level: level))
    default:
      metric = Self.gauges[number % Self.gauges.count]
      let wide = metric == .freeSpace || metric == .dirty
      bits = wide ? (chance.below(1 << 30) + (1 << 32)) &* 4_096 : 1_000_000 + chance.below(1_000)
      behaviours.append(.gauge(wide: wide))
    }
    let declaration = metric.declaration(
      of: .target(targets[number % targets.count]),
      ["component": "ost", "operation": number == 0 ? "write" : "op\(number)"], source: "start=1")
    samples.append(Sample(declaration, bits))
  }

  /// The values of the next cycle.
  mutating func advance() {
    unchanged = 0
    for place in samples.indices {
      let step = step(place)
      if step == 0 { unchanged += 1 }
      samples[place].bits &+= step
    }
  }

  private mutating func step(_ place: Int) -> UInt64 {
    switch behaviours[place] {
    case .constant: return 0
    case .bursts(let ofBytes, var level):
      // Quiet for 60 cycles on average, busy for 30: ten minutes and five.
      if level == 0, chance.below(60) == 0 {
        level = Self.level(ofBytes, &chance)
      } else if level != 0, chance.below(30) == 0 {
        level = 0
      }
      behaviours[place] = .bursts(ofBytes: ofBytes, level: level)
      if level == 0 { return 0 }
      // A quarter to either side from cycle to cycle.
      let amount = level - level / 4 + chance.below(level / 2 + 1)
      return ofBytes ? amount &* 4_096 : amount
    case .gauge(let wide):
      // Every second reading is the same as before.
      if chance.below(2) == 0 { return 0 }
      let amount = wide ? (1 + chance.below(1 << chance.below(18))) &* 4_096 : 1 + chance.below(16)
      return chance.below(2) == 0 ? amount : 0 &- amount
    }
  }

  /// Of a burst, a cycle: 1 MiB to 8 GiB in blocks of 4 KiB, or 1 to 2^18 operations; each order of
  /// magnitude as often as another.
  private static func level(_ ofBytes: Bool, _ chance: inout Chance) -> UInt64 {
    let least: UInt64 = ofBytes ? 256 << chance.below(13) : 1 << chance.below(18)
    return least + chance.below(least)
  }
}
