func hexadecimal(_ value: UInt64, width: Int) -> String {
  let digits = String(value, radix: 16)
  return String(repeating: "0", count: max(0, width - digits.count)) + digits
}

func leading(_ text: String, _ width: Int) -> String {
  text + String(repeating: " ", count: max(0, width - text.utf8.count))
}

func trailing(_ text: String, _ width: Int) -> String {
  String(repeating: " ", count: max(0, width - text.utf8.count)) + text
}

func trailing(_ value: some BinaryInteger, _ width: Int) -> String {
  trailing(String(value), width)
}

/// Decimal digits with leading zeros.
func zeroPadded(_ value: some BinaryInteger, _ width: Int) -> String {
  let digits = String(value)
  return String(repeating: "0", count: max(0, width - digits.count)) + digits
}

/// Nanoseconds as the kernel prints a time: `1749630552.994884593`.
func secondsAndNanoseconds(_ nanoseconds: Int64) -> String {
  let (seconds, rest) = max(0, nanoseconds).quotientAndRemainder(dividingBy: 1_000_000_000)
  return "\(seconds).\(zeroPadded(rest, 9))"
}

/// A value with two decimals, as `/proc/loadavg` and `/proc/uptime` print it.
func twoDecimals(_ value: Double) -> String {
  let hundredths = Int64((max(0, value) * 100).rounded())
  return "\(hundredths / 100).\(zeroPadded(hundredths % 100, 2))"
}
