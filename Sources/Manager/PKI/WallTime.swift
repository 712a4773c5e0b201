import FoundationEssentials

/// Wall-clock nanoseconds since the epoch, and the dates of certificates: whole seconds, UTC.
enum WallTime {
  static let second: Int64 = 1_000_000_000
  static let minute = 60 * second
  static let day = 86_400 * second

  /// The date, cut to the whole second before.
  static func date(_ nanoseconds: Int64) -> Date {
    Date(timeIntervalSince1970: Double((Double(nanoseconds) / 1e9).rounded(.down)))
  }

  /// `nil` for a date that 64 bits of nanoseconds can not hold (before 1678, after 2262).
  static func nanoseconds(_ date: Date) -> Int64? {
    let seconds = date.timeIntervalSince1970
    guard seconds.isFinite, abs(seconds) < 9.2e9 else { return nil }
    return Int64(seconds.rounded()) * second
  }

  /// `2026-11-22T10:00:00Z`
  static func text(_ nanoseconds: Int64) -> String {
    date(nanoseconds).formatted(.iso8601)
  }

  /// A span for a person: `42 seconds`, `3 hours`, `12 days`.
  static func span(_ nanoseconds: Int64) -> String {
    let seconds = nanoseconds.magnitude / second.magnitude
    let (count, unit): (UInt64, String) =
      switch seconds {
      case ..<120: (seconds, "second")
      case ..<7_200: (seconds / 60, "minute")
      case ..<172_800: (seconds / 3_600, "hour")
      default: (seconds / 86_400, "day")
      }
    return count == 1 ? "1 \(unit)" : "\(count) \(unit)s"
  }
}
