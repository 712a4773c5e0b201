/// `job_stats` of an OST as Lustre prints it, with entries of realistic names and sizes. Written
/// here and not taken from the simulator, so that reader and text do not share a mistake.
struct JobText {
  enum Grammar: String, CaseIterable {
    case lustre2_12 = "2.12"
    case lustre2_15 = "2.15"
    case lustre2_17 = "2.17"
  }

  let grammar: Grammar

  /// What an OST lists, in the order of the release, whether it counted or not.
  private var operations: [String] {
    switch grammar {
    case .lustre2_12:
      [
        "read_bytes", "write_bytes", "getattr", "setattr", "punch", "sync", "destroy", "create",
        "statfs", "get_info", "set_info", "quotactl",
      ]
    case .lustre2_15, .lustre2_17:
      [
        "read_bytes", "write_bytes", "read", "write", "getattr", "setattr", "punch", "sync",
        "destroy", "create", "statfs", "get_info", "set_info", "quotactl", "prealloc",
      ]
    }
  }

  /// One job in ten has done something since the reading before.
  func file(jobs: Range<Int>, reading: Int) -> [UInt8] {
    var text = Array("job_stats:\n".utf8)
    for job in jobs { text += Array(entry(job, reading: reading).utf8) }
    return text
  }

  /// A batch system's number, `procname_uid`, and `command:user:host` in equal parts.
  private func name(_ job: Int) -> String {
    switch job % 3 {
    case 0: return String(4_000_000 + job)
    case 1: return "ior.\(10_000 + job)"
    default:
      let colon = grammar == .lustre2_15 ? "\\x3A" : ":"
      let plain = "fio\(colon)u\(job)\(colon)node\(job % 2_000)"
      return grammar == .lustre2_12 ? plain : "\"\(plain)\""
    }
  }

  private func entry(_ job: Int, reading: Int) -> String {
    var chance = Chance(seed: UInt64(job) &* 977)
    let rounds = UInt64(job % 10 == 0 ? reading + 1 : 1)
    var text = "- job_id:          \(name(job))\n"
    let second = 1_749_555_518 + (job % 10 == 0 ? reading : 0)
    if grammar == .lustre2_12 {
      text += "  snapshot_time:   \(second)\n"
    } else {
      text += "  snapshot_time:   \(second).685497069 secs.nsecs\n"
      text += "  start_time:      \(1_749_000_000 + job).485137821 secs.nsecs\n"
      text += "  elapsed_time:    \(second - 1_749_000_000 - job).200359248 secs.nsecs\n"
    }
    for operation in operations {
      // Most of what an OST lists never happens for a job.
      let isBytes = operation.hasSuffix("_bytes")
      let isLatency = operation == "read" || operation == "write"
      let count = isBytes || isLatency || chance.below(4) == 0 ? chance.below(60_000) * rounds : 0
      text += line(operation, count, isBytes: isBytes)
    }
    return text
  }

  private func line(_ operation: String, _ count: UInt64, isBytes: Bool) -> String {
    let low: UInt64 = count == 0 ? 0 : 4_096
    let high: UInt64 = count == 0 ? 0 : 4_194_304
    var text = "  \(padded(operation + ":", 16)) { samples: \(leading(count, 11)), unit: "
    if grammar == .lustre2_12 {
      text += isBytes ? "bytes" : " reqs"
      if isBytes {
        text +=
          ", min:\(leading(low, 8)), max:\(leading(high, 8)), sum:\(leading(count * high, 16))"
      }
      return text + " }\n"
    }
    text += isBytes ? "bytes" : "usecs"
    text += ", min: \(leading(low, 8)), max: \(leading(high, 8))"
    text += ", sum: \(leading(count * high, 16)), sumsq: \(leading(count &* high &* high, 18))"
    if grammar == .lustre2_17, isBytes {
      text +=
        count == 0 ? ", hist: {  }" : ", hist: { 4K: \(count / 3), 64K: 7, 1M: 12, 4M: \(count) }"
    }
    return text + " }\n"
  }

  private func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.utf8.count))
  }

  private func leading(_ number: UInt64, _ width: Int) -> String {
    let text = String(number)
    return String(repeating: " ", count: max(0, width - text.utf8.count)) + text
  }
}
