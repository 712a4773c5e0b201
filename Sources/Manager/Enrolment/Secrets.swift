import Crypto

/// Secrets of tokens: made here, shown once, kept as digests.
enum Secrets {
  /// Eight bytes name a token: no two of a site collide.
  static func identifier() -> String { Hexadecimal.text(random(8)) }

  /// 32 bytes from the system's generator: nobody guesses it, so a plain digest protects it.
  static func secret() -> String { Hexadecimal.text(random(32)) }

  static func digest(_ secret: String) -> [UInt8] {
    Array(SHA256.hash(data: Array(secret.utf8)))
  }

  /// Takes the same time wherever the bytes differ.
  static func areEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    guard a.count == b.count else { return false }
    var difference: UInt8 = 0
    for (x, y) in zip(a, b) { difference |= x ^ y }
    return difference == 0
  }

  private static func random(_ count: Int) -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
  }
}
