/// A width of the buckets in which history is kept after its samples are gone.
package enum RollUpTier: Int, CaseIterable, Hashable, Sendable {
  case minute = 0
  case tenMinutes = 1
  case hour = 2

  /// The width of a bucket.
  package var nanoseconds: Int64 {
    switch self {
    case .minute: 60_000_000_000
    case .tenMinutes: 600_000_000_000
    case .hour: 3_600_000_000_000
    }
  }

  /// As answers and file names have it.
  package var name: String {
    switch self {
    case .minute: "1m"
    case .tenMinutes: "10m"
    case .hour: "1h"
    }
  }

  /// The number of the bucket that a time lies in, counted from the epoch.
  package func bucket(of nanoseconds: Int64) -> Int64 {
    floorDivide(nanoseconds, self.nanoseconds)
  }

  /// The tier for an answer over a span: at least half as many buckets as an answer may have
  /// points; `nil` stands for the samples themselves.
  package static func chosen(forSpan nanoseconds: UInt64) -> RollUpTier? {
    allCases.last {
      nanoseconds / UInt64($0.nanoseconds) >= UInt64(MetricQuery.pointLimit / 2)
    }
  }
}

/// Rounds towards the past, also before the epoch.
package func floorDivide(_ value: Int64, _ width: Int64) -> Int64 {
  let quotient = value / width
  return value % width < 0 ? quotient - 1 : quotient
}
