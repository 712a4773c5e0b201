import AgentCore
import Protocol

/// Numbers that a seed decides.
struct JobDice {
  var state: UInt64
  init(_ seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
    return value ^ (value >> 31)
  }
  mutating func below(_ bound: Int) -> Int { bound > 0 ? Int(next() % UInt64(bound)) : 0 }
}

/// How a release prints `job_stats`.
enum JobGrammar: CaseIterable {
  /// Numbers may touch their colons, nothing is quoted, whole seconds.
  case v212
  /// Latencies; names quoted with `\xHH`, `:` and `/` among what is escaped.
  case v214
  /// The same with `start_time`.
  case v215

  var tellsStart: Bool { self == .v215 }
}

/// A target's job statistics as the kernel keeps them. It counts each operation twice: in the entry,
/// and in what was done since the last reading; so the truth is no difference of two readings.
struct JobKernel {
  struct Entry {
    var name: [UInt8]
    var counters = JobCounters()
    var sinceReading = JobCounters()
    var start: UInt64
  }

  let grammar: JobGrammar
  var entries: [Entry] = []
  private var clock: UInt64 = 1_700_000_000_000_000_001

  init(_ grammar: JobGrammar) { self.grammar = grammar }

  mutating func work(_ name: [UInt8], _ amount: JobCounters) {
    clock += 1_000_003
    let place: Int
    if let known = entries.firstIndex(where: { $0.name == name }) {
      place = known
    } else {
      place = entries.count
      entries.append(Entry(name: name, start: clock))
    }
    entries[place].counters += amount
    entries[place].sinceReading += amount
  }

  /// Removes an entry, as idle ones are after a while; all of it is gone.
  mutating func forget(_ name: [UInt8]) { entries.removeAll { $0.name == name } }
  mutating func clear() { entries = [] }

  /// The file. `skipping`: entries that this reading steps over.
  mutating func read(skipping: Set<[UInt8]> = []) -> (
    text: [UInt8], done: [(name: [UInt8], amount: JobCounters)]
  ) {
    var text = Array("job_stats:\n".utf8)
    var done: [(name: [UInt8], amount: JobCounters)] = []
    for place in entries.indices where !skipping.contains(entries[place].name) {
      text += Array("- job_id:          ".utf8) + shown(entries[place].name) + [0x0a]
      text += Array(lines(entries[place]).utf8)
      done.append((entries[place].name, entries[place].sinceReading))
      entries[place].sinceReading = JobCounters()
    }
    return (text, done)
  }

  private func shown(_ name: [UInt8]) -> [UInt8] {
    guard grammar != .v212 else { return name }
    var text = ""
    var isQuoted = false
    for byte in name {
      let scalar = Character(UnicodeScalar(byte))
      if byte < 0x80, scalar.isLetter || scalar.isNumber || ".@_-".contains(scalar) {
        text.append(scalar)
      } else {
        let digits = String(byte, radix: 16)
        text += "\\x" + (digits.count < 2 ? "0" : "") + digits
        isQuoted = true
      }
    }
    return Array((isQuoted ? "\"\(text)\"" : text).utf8)
  }

  private func lines(_ entry: Entry) -> String {
    let counters = entry.counters
    // Split so that the parts must be put together again.
    let reads = counters.ioOperations / 3
    let writes = counters.ioOperations - reads
    let punches = counters.metadataOperations / 2
    var text = "  snapshot_time:   \(clock / 1_000_000_000)"
    if grammar.tellsStart {
      let (seconds, rest) = clock.quotientAndRemainder(dividingBy: 1_000_000_000)
      let (start, part) = entry.start.quotientAndRemainder(dividingBy: 1_000_000_000)
      text = "  snapshot_time:   \(seconds).\(nine(rest)) secs.nsecs\n"
      text += "  start_time:      \(start).\(nine(part)) secs.nsecs\n"
      text += "  elapsed_time:    1.000000001 secs.nsecs"
    }
    text += "\n"
    text += bytes("read_bytes:", reads, counters.readBytes)
    text += bytes("write_bytes:", writes, counters.writtenBytes)
    if grammar != .v212 {
      text +=
        "  read:            { samples: \(reads), unit: usecs, min: 1, max: 2, sum: 9, sumsq: 9 }\n"
      text +=
        "  write:           { samples: \(writes), unit: usecs, min: 1, max: 2, sum: 9, sumsq: 9 }\n"
    }
    text += "  getattr:         { samples:           0, unit:  reqs }\n"
    text += "  punch:           { samples:\(punches < 10 ? " " : "")\(punches), unit:  reqs }\n"
    text +=
      "  rename:          { samples: \(counters.metadataOperations - punches), unit: usecs }\n"
    text += "  samedir_rename:  { samples: 7, unit: usecs }\n"
    text += "  crossdir_rename: { samples: 7, unit: usecs }\n"
    text += "  parallel_rename_file: { samples: 7, unit: usecs }\n"
    return text
  }

  private func bytes(_ name: String, _ samples: UInt64, _ sum: UInt64) -> String {
    let key = "  " + name + String(repeating: " ", count: 16 - name.count)
    let colon = grammar == .v212 ? ":" : ": "
    return key
      + " { samples: \(samples), unit: bytes, min\(colon)1, max\(colon)4194304, sum\(colon)"
      + "\(samples == 0 ? 0 : sum)"
      + (grammar == .v212 ? " }\n" : ", sumsq: 18446744073709551615, hist: { 32: 2, 4K: 1 } }\n")
  }

  private func nine(_ number: UInt64) -> String {
    let digits = String(number)
    return String(repeating: "0", count: 9 - digits.count) + digits
  }
}
