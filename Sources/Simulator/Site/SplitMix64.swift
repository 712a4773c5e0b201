/// The simulator's only source of chance: SplitMix64 (Steele, Lea and Flood, 2014). Written out here
/// because the standard library promises no fixed results for a seed, and a seed must give the same
/// bytes for ever.
package struct SplitMix64: Sendable {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  /// A value in `0 ..< limit`; 0 for a limit of 0.
  package mutating func below(_ limit: UInt64) -> UInt64 {
    next().multipliedFullWidth(by: limit).high
  }

  /// A value in `low ... high`.
  package mutating func between(_ low: Int64, _ high: Int64) -> Int64 {
    guard high > low else { return low }
    return low + Int64(below(UInt64(high - low) + 1))
  }

  /// An independent generator, so that more draws in one part do not move another part.
  package mutating func branch() -> SplitMix64 { SplitMix64(seed: next()) }

  /// A random UUID (version 4) in lower case.
  package mutating func uuid() -> String {
    let high = (next() & 0xffff_ffff_ffff_0fff) | 0x4000
    let low = (next() & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000
    let digits = Array(hexadecimal(high, width: 16) + hexadecimal(low, width: 16))
    var text = ""
    for (place, digit) in digits.enumerated() {
      if [8, 12, 16, 20].contains(place) { text.append("-") }
      text.append(digit)
    }
    return text
  }
}
