/// Makes ids that need no randomness at run time: the same seed and the same founding facts give the
/// same id, and different facts different ones.
struct IdentityMint: Sendable {
  let seed: UInt64

  /// A UUID text (version 8, the one for own schemes) of the founding facts; the first that is free.
  func mint(_ facts: [String], isTaken: (String) -> Bool) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for fact in facts {
      for byte in fact.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
      // A byte that no UTF-8 text has parts the facts.
      hash = (hash ^ 0xff) &* 0x0000_0100_0000_01b3
    }
    var state = hash ^ seed
    while true {
      let id = IdentityMint.text(IdentityMint.next(&state), IdentityMint.next(&state))
      if !isTaken(id) { return id }
    }
  }

  /// SplitMix64: passes through all 2^64 states, so that `mint` always ends.
  private static func next(_ state: inout UInt64) -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  private static func text(_ high: UInt64, _ low: UInt64) -> String {
    let high = (high & ~0xf000) | 0x8000
    let low = (low & ~(0b11 << 62)) | (0b10 << 62)
    func hex(_ value: UInt64, _ digits: Int) -> String {
      let text = String(value, radix: 16)
      return String(repeating: "0", count: digits - text.utf8.count) + text
    }
    let a = hex(high, 16)
    let b = hex(low, 16)
    return [a.prefix(8), a.dropFirst(8).prefix(4), a.suffix(4), b.prefix(4), b.suffix(12)]
      .joined(separator: "-")
  }
}
