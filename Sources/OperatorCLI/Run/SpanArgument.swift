import ArgumentParser

/// A span of time as an operator writes it: `90s`, `15m`, `1h`, `2d`, `1w`.
package struct SpanArgument: Hashable, Sendable, ExpressibleByArgument {
  package var seconds: Int64

  /// Ten years: beyond it nobody means it, and nanoseconds still fit into 64 bits.
  private static let secondsMax: Int64 = 315_360_000
  private static let units: [Character: Int64] = [
    "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800,
  ]

  package init(seconds: Int64) { self.seconds = seconds }

  package init?(argument: String) {
    guard let last = argument.last, let unit = SpanArgument.units[last],
      argument.dropLast().utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
      let count = Int64(argument.dropLast())
    else { return nil }
    let (seconds, overflow) = count.multipliedReportingOverflow(by: unit)
    guard !overflow, seconds > 0, seconds <= SpanArgument.secondsMax else { return nil }
    self.seconds = seconds
  }

  /// In the greatest unit that divides it.
  package var defaultValueDescription: String {
    let unit = SpanArgument.units.filter { seconds % $0.value == 0 }.max { $0.value < $1.value }
    return unit.map { "\(seconds / $0.value)\($0.key)" } ?? "\(seconds)s"
  }
}
