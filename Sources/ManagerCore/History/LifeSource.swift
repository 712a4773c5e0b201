/// Whose life a value belongs to, in 64 bits: the lower 56 stand for the life (a server's boot and what
/// the agent says of the counter), the highest byte counts the stretches of it. A stretch ends where the
/// manager's clock was set back: what follows goes on counting, at times that may lie among those before.
package enum LifeSource {
  /// How many stretches a life can have; what follows belongs to the last.
  package static let stretches = 256
  private static let lives = UInt64.max >> 8

  /// The first stretch of a life.
  package static func first(digest: UInt64) -> UInt64 { digest & lives }

  package static func source(_ source: UInt64, stretch: UInt8) -> UInt64 {
    life(source) | UInt64(stretch) << 56
  }

  static func life(_ source: UInt64) -> UInt64 { source & lives }
  static func stretch(_ source: UInt64) -> UInt8 { UInt8(source >> 56) }
}
