/// Whose life a value belongs to, in 64 bits: the lower 48 stand for the life (a server's boot and what
/// the agent says of the counter), the highest 16 count the stretches of it. A stretch ends where the
/// manager's clock was set back: what follows goes on counting, at times that may lie among those before.
package enum LifeSource {
  /// How many stretches a life can have; what follows belongs to the last.
  package static let stretches = 65_536
  private static let lives = UInt64.max >> 16

  /// The first stretch of a life.
  package static func first(digest: UInt64) -> UInt64 { digest & lives }

  package static func source(_ source: UInt64, stretch: UInt16) -> UInt64 {
    life(source) | UInt64(stretch) << 48
  }

  static func life(_ source: UInt64) -> UInt64 { source & lives }
  static func stretch(_ source: UInt64) -> UInt16 { UInt16(source >> 48) }
}
