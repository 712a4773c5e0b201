/// When to dial again: doubling from half a second to 6 s, each wait drawn from its upper half,
/// so that a thousand agents do not come back in one instant.
package struct ReconnectBackoff: Sendable {
  package static let shortest = Duration.milliseconds(500)
  /// A site is to be whole again within ten seconds of its manager's start, however long it was down.
  /// A thousand servers that wait half of this to all of it are some two hundred dials a second.
  package static let longest = Duration.seconds(6)
  /// A manager that refuses is asked again, but seldom: a person has to act first.
  package static let refused = Duration.seconds(30)

  private var failures = 0
  package init() {}

  package mutating func succeeded() { failures = 0 }

  /// - Parameter entropy: any 64 random bits.
  package mutating func next(entropy: UInt64) -> Duration {
    let whole = min(
      ReconnectBackoff.shortest * (1 << min(failures, 5)), ReconnectBackoff.longest)
    failures += 1
    return ReconnectBackoff.jittered(whole, entropy: entropy)
  }

  package static func jittered(_ whole: Duration, entropy: UInt64) -> Duration {
    let share = Double(entropy >> 11) / Double(1 << 53)
    return whole * (0.5 + share / 2)
  }
}
