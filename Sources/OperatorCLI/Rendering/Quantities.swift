import FoundationEssentials

/// Numbers as a person reads them: a short number, a blank, a unit.
package enum Quantities {
  /// What stands in a cell about which nothing is known.
  package static let nothing = "-"

  /// `512 B`, `1.2 TiB`.
  package static func bytes(_ count: UInt64?) -> String {
    guard let count else { return nothing }
    return bytes(Double(count), digits: .oneDecimal)
  }

  /// `12`, `1.2 k`, `34.5 M`; exact below 10,000.
  package static func count(_ count: UInt64?) -> String {
    guard let count else { return nothing }
    return count < 10_000 ? String(count) : scaled(Double(count), digits: .oneDecimal)
  }

  /// `30 %` of `total`; nothing when the total is unknown or zero, or less than its part.
  package static func percent(_ part: UInt64?, of total: UInt64?) -> String {
    guard let part, let total, total > 0, part <= total else { return nothing }
    return "\(Int((Double(part) / Double(total) * 100).rounded())) %"
  }

  /// An age or a span in its two greatest units, cut rather than rounded: `0 s`, `3 min 20 s`.
  package static func span(_ seconds: Double?) -> String {
    guard let seconds, seconds.isFinite else { return nothing }
    // Beyond a million days nothing is a span; the bound keeps the conversion to Int defined.
    let whole = Int(min(max(seconds, 0), 86_400e6))
    let (days, hours, minutes) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60)
    func pair(_ a: Int, _ unitA: String, _ b: Int, _ unitB: String) -> String {
      b == 0 ? "\(a) \(unitA)" : "\(a) \(unitA) \(b) \(unitB)"
    }
    if days > 0 { return pair(days, "d", hours, "h") }
    if hours > 0 { return pair(hours, "h", minutes, "min") }
    if minutes > 0 { return pair(minutes, "min", whole % 60, "s") }
    return "\(whole) s"
  }

  /// `12 s ago`.
  package static func ago(_ seconds: Double?) -> String {
    guard let seconds, seconds.isFinite else { return nothing }
    return "\(span(seconds)) ago"
  }

  /// The same in one unit, for the narrow columns of tables: `119 s ago`, `2 min ago`, `47 h ago`.
  package static func briefAgo(_ seconds: Double?) -> String {
    guard let seconds, seconds.isFinite else { return nothing }
    return "\(briefSpan(seconds)) ago"
  }

  /// A span in the greatest unit of which there are at least two, cut rather than rounded.
  static func briefSpan(_ seconds: Double) -> String {
    let whole = Int(min(max(seconds, 0), 86_400e6))
    if whole >= 2 * 86_400 { return "\(whole / 86_400) d" }
    if whole >= 2 * 3_600 { return "\(whole / 3_600) h" }
    return whole >= 120 ? "\(whole / 60) min" : "\(whole) s"
  }

  /// A value of a metric in its unit, three significant digits; `perSecond` for rates.
  package static func measure(_ value: Double?, unit: String, perSecond: Bool) -> String {
    guard let value, value.isFinite else { return nothing }
    // A rate of seconds is a share of time: 0.25 s of work in each second.
    let text =
      switch unit {
      case "bytes": bytes(value, digits: .threeSignificant)
      case "seconds": time(value)
      case "milliseconds": time(value / 1e3)
      case "microseconds": time(value / 1e6)
      case "nanoseconds": time(value / 1e9)
      case "1", "": scaled(value, digits: .threeSignificant)
      default: "\(scaled(value, digits: .threeSignificant)) \(printable(unit))"
      }
    return perSecond ? "\(text)/s" : text
  }

  /// A moment of the wall clock in UTC, to the second: `2026-08-01 12:00:05 UTC`.
  package static func moment(_ nanoseconds: Int64?) -> String {
    nanoseconds.map { moment(seconds: $0 / 1_000_000_000) } ?? nothing
  }

  /// The same of seconds since the epoch.
  static func moment(seconds: Int64) -> String {
    let text = Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
    return text.replacing("T", with: " ").replacing("Z", with: " UTC")
  }

  /// A moment and how far off it is: `2026-08-01 12:00:05 UTC (in 29 d)`.
  package static func expiry(_ nanoseconds: Int64?, now: Int64) -> String {
    guard let nanoseconds else { return "never" }
    let (distance, overflow) = nanoseconds.subtractingReportingOverflow(now)
    guard !overflow else { return moment(nanoseconds) }
    let seconds = Double(distance) / 1e9
    return seconds >= 0
      ? "\(moment(nanoseconds)) (in \(span(seconds)))"
      : "\(moment(nanoseconds)) (expired \(span(-seconds)) ago)"
  }
}

extension Quantities {
  /// For a column whose title says that it is UTC: `2026-08-01 12:00 (in 29 d)`.
  static func briefExpiry(_ nanoseconds: Int64?, now: Int64) -> String {
    guard let nanoseconds else { return "never" }
    let minute = moment(nanoseconds).prefix(16)
    let (distance, overflow) = nanoseconds.subtractingReportingOverflow(now)
    guard !overflow else { return String(minute) }
    let seconds = Double(distance) / 1e9
    return seconds >= 0
      ? "\(minute) (in \(briefSpan(seconds)))" : "\(minute) (\(briefSpan(-seconds)) ago)"
  }

  private enum Digits { case oneDecimal, threeSignificant }

  private static func bytes(_ value: Double, digits: Digits) -> String {
    scale(
      value, step: 1024, units: ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"], digits: digits)
  }

  private static func scaled(_ value: Double, digits: Digits) -> String {
    scale(value, step: 1000, units: ["", "k", "M", "G", "T", "P", "E"], digits: digits)
  }

  private static func time(_ seconds: Double) -> String {
    let size = abs(seconds)
    if size == 0 { return "0 s" }
    if size < 1e-3 { return "\(significant(seconds * 1e6)) us" }
    if size < 1 { return "\(significant(seconds * 1e3)) ms" }
    return size < 120 ? "\(significant(seconds)) s" : (seconds < 0 ? "-" : "") + span(size)
  }

  private static func scale(
    _ value: Double, step: Double, units: [String], digits: Digits
  ) -> String {
    var rest = value
    var unit = 0
    // What rounds to a whole step is one unit more: 1 MiB, never 1024.0 KiB.
    let rounding = digits == .oneDecimal ? 0.05 : 0.5
    while unit + 1 < units.count, abs(rest) >= step - (unit == 0 ? 0 : rounding) {
      rest /= step
      unit += 1
    }
    let number =
      unit == 0 && (digits == .oneDecimal || rest == rest.rounded())
      ? decimals(rest, 0) : digits == .oneDecimal ? decimals(rest, 1) : significant(rest)
    return units[unit].isEmpty ? number : "\(number) \(units[unit])"
  }

  /// `1.23`, `12.3`, `123`, `1023`.
  private static func significant(_ value: Double) -> String {
    let size = abs(value)
    if size >= 99.95 { return decimals(value, 0) }
    if size >= 9.995 { return decimals(value, 1) }
    return decimals(value, size >= 0.1 || size == 0 ? 2 : 4)
  }

  private static func decimals(_ value: Double, _ places: Int) -> String {
    let power = [1, 10, 100, 1_000, 10_000][places]
    let shifted = (value * Double(power)).rounded()
    // Above the exact integers of a Double its own description is as good as any.
    guard abs(shifted) < 9e15 else { return "\(value)" }
    let number = Int(abs(shifted))
    let sign = shifted < 0 ? "-" : ""
    guard places > 0 else { return "\(sign)\(number)" }
    let fraction = String(number % power)
    let zeros = String(repeating: "0", count: places - fraction.count)
    return "\(sign)\(number / power).\(zeros)\(fraction)"
  }
}

/// Text from elsewhere made safe for a terminal: control characters are spelled, never sent.
package func printable(_ text: String) -> String {
  guard text.unicodeScalars.contains(where: isControl) else { return text }
  return text.unicodeScalars.reduce(into: "") { result, scalar in
    if isControl(scalar) {
      result += scalar == "\n" || scalar == "\t" ? " " : "\\x" + hexadecimal(scalar.value)
    } else {
      result.unicodeScalars.append(scalar)
    }
  }
}

/// C0, DEL, C1, the marks that reorder the text around them, and those that end a line or a paragraph.
func isControl(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.value {
  case 0..<0x20, 0x7f..<0xa0, 0x061c, 0x200e, 0x200f, 0x2028...0x202e, 0x2066...0x2069: true
  default: false
  }
}

private func hexadecimal(_ value: UInt32) -> String {
  let text = String(value, radix: 16)
  return text.count < 2 ? "0" + text : text
}
