import Protocol

/// The text of `job_stats`, whose grammar and escaping changed with nearly every release.
struct JobStatsText: Sendable {
  var layout: Layout

  /// `entries`: the jobs still remembered; times are wall nanoseconds.
  func file(_ entries: [(name: String, entry: JobEntry)], of kind: TargetKind, wallAtStart: Int64)
    -> String
  {
    // 2.17 prints nothing at all when there is no job.
    if entries.isEmpty && layout == .lustre2_17 { return "" }
    var text = "job_stats:\n"
    for (name, entry) in entries {
      text += "- job_id:          \(escaped(name))\n"
      text += times(entry, wallAtStart)
      for operation in Operation.order(kind, layout) {
        text += line(operation, entry)
      }
    }
    return text
  }

  private func times(_ entry: JobEntry, _ wallAtStart: Int64) -> String {
    let snapshot = wallAtStart + entry.changedAt
    guard layout.hasStartTime else { return "  snapshot_time:   \(snapshot / 1_000_000_000)\n" }
    return """
        snapshot_time:   \(secondsAndNanoseconds(snapshot)) secs.nsecs
        start_time:      \(secondsAndNanoseconds(wallAtStart + entry.startedAt)) secs.nsecs
        elapsed_time:    \(secondsAndNanoseconds(entry.changedAt - entry.startedAt)) secs.nsecs

      """
  }

  private func line(_ operation: Operation, _ entry: JobEntry) -> String {
    let counter = entry.counters[operation]
    let name = leading(operation.name + ":", 16)
    var text = "  \(name) { samples: \(trailing(counter.count, 11))"
    guard layout.hasLatencies else {
      // No blank between colon and number: wide numbers touch the colon.
      text += ", unit: \(operation.isBytes ? "bytes" : " reqs")"
      if operation.isBytes {
        text += ", min:\(trailing(counter.low, 8)), max:\(trailing(counter.high, 8))"
        text += ", sum:\(trailing(counter.sum, 16))"
      }
      return text + " }\n"
    }
    text += ", unit: \(operation.isBytes ? "bytes" : "usecs")"
    text += ", min: \(trailing(counter.low, 8)), max: \(trailing(counter.high, 8))"
    text += ", sum: \(trailing(counter.sum, 16)), sumsq: \(trailing(counter.sumOfSquares, 18))"
    if layout == .lustre2_17, operation.isBytes {
      text += ", hist: \(histogram(operation == .readBytes ? entry.readSizes : entry.writeSizes))"
    }
    return text + " }\n"
  }

  private func histogram(_ sizes: [Int: UInt64]) -> String {
    let parts = sizes.sorted { $0.key < $1.key }.map { "\(Self.bucket($0.key)): \($0.value)" }
    return "{ \(parts.joined(separator: ", ")) }"
  }

  /// The upper bound of a power of two as the kernel writes it: `512`, `4K`, `1M`.
  private static func bucket(_ power: Int) -> String {
    let suffixes = ["", "K", "M", "G"]
    let unit = min(power / 10, suffixes.count - 1)
    return "\(UInt64(1) << UInt64(power - unit * 10))\(suffixes[unit])"
  }

  /// Until 2.13 nothing is quoted; then everything outside a small set is `\xHH` within quotes; from
  /// 2.16 `:` and `/` stand for themselves, but a colon calls for quotes.
  func escaped(_ name: String) -> String {
    guard layout != .lustre2_12 else { return name }
    let bare = layout == .lustre2_17 ? ".@-_:/" : ".@-_"
    var text = ""
    var quoted = false
    for byte in name.utf8 {
      let scalar = Character(UnicodeScalar(byte))
      if (scalar.isLetter || scalar.isNumber) && scalar.isASCII || bare.contains(scalar) {
        text.append(scalar)
      } else {
        text += "\\x" + hexadecimal(UInt64(byte), width: 2).uppercased()
        quoted = true
      }
    }
    if layout == .lustre2_17, name.contains(":") || name.hasPrefix("@") { quoted = true }
    return quoted ? "\"\(text)\"" : text
  }
}
