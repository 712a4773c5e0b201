/// When an agent asks for its next certificate, and whether one that comes was asked for.
struct CertificateRenewal: Sendable {
  private static let interval: Int64 = 60_000_000_000

  /// Seconds before the certificate's end; `nil`: the manager has not told.
  private var within: Int64?
  private var next: Int64 = 0
  /// Requests of this session without an answer: a slow manager may be asked again before it answers.
  private var asked = 0

  /// - Parameter now: nanoseconds, as in all of these.
  mutating func welcomed(within seconds: Int64, now: Int64) {
    within = seconds
    next = now
  }

  mutating func requested() { asked += 1 }

  /// A certificate came; `false` when nobody asked for it.
  mutating func answered() -> Bool {
    guard asked > 0 else { return false }
    asked -= 1
    return true
  }

  /// - Parameter left: seconds to the certificate's end; `nil`: there is none.
  mutating func isDue(now: Int64, left: Int64?) -> Bool {
    guard let left, let within, left < within, now >= next else { return false }
    next = now + Self.interval
    return true
  }
}
