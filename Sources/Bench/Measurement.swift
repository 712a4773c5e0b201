/// Something that can be measured from within one process, or the load for a measurement from
/// outside.
struct Measurement: Sendable {
  let name: String
  let summary: String
  let run: @Sendable (Options) async throws -> Void
}

/// Every measurement. A new one is a file and a line here.
let allMeasurements: [Measurement] = [
  .jobStats,
  .jobTree,
  .cycle,
  .load,
  .loadShape,
]

/// What makes a measurement impossible, in words.
struct BenchFailure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// `--name value` pairs.
struct Options: Sendable {
  private var values: [String: String] = [:]

  init(_ words: some Sequence<String>) {
    var name: String?
    for word in words {
      if let known = name {
        values[known] = word
        name = nil
      } else if word.hasPrefix("--") {
        name = String(word.dropFirst(2))
      }
    }
  }

  func text(_ name: String) throws -> String {
    guard let value = values[name] else { throw BenchFailure("--\(name) is missing") }
    return value
  }

  func text(_ name: String, or other: String) -> String { values[name] ?? other }

  func number(_ name: String, or other: Int) throws -> Int {
    guard let text = values[name] else { return other }
    guard let number = Int(text) else { throw BenchFailure("--\(name) \(text) is no number") }
    return number
  }
}

/// Numbers that look like chance and are the same in every run (SplitMix64).
struct Chance: Sendable {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// 0 … `limit` - 1.
  mutating func below(_ limit: UInt64) -> UInt64 {
    next().multipliedFullWidth(by: max(1, limit)).high
  }
}
