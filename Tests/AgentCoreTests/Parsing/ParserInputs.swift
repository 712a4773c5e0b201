import AgentCore
import Protocol

/// A parser and texts that it reads well, for tests that hold for every parser.
struct ParserInput: Sendable, CustomStringConvertible {
  let description: String
  let texts: [String]
  /// Returns how many things came out, so that no call can be left out by the optimiser.
  let parse: @Sendable ([UInt8]) -> Int

  static let all: [ParserInput] = [
    ParserInput(
      description: "stats", texts: [StatsTexts.v210, StatsTexts.v215, StatsTexts.v217]
    ) {
      let parsed = StatsParser.parse($0.span)
      return parsed.value.counters.count + parsed.leftovers.texts.count
    },
    ParserInput(
      description: "recovery_status",
      texts: [LustreTexts.recoveryComplete, LustreTexts.recovering]
    ) { RecoveryParser.parse($0.span).leftovers.texts.count },
    ParserInput(
      description: "health_check", texts: ["device fs1-OST0012 reported unhealthy\nNOT HEALTHY\n"]
    ) { HealthParser.parse($0.span).leftovers.texts.count },
    ParserInput(description: "devices", texts: [LustreTexts.devices]) {
      DevicesParser.parse($0.span).value.count
    },
    ParserInput(description: "live", texts: [LustreTexts.live]) {
      LiveFileSystemParser.parse($0.span).leftovers.texts.count
    },
    ParserInput(description: "import", texts: [LustreTexts.importFull, LustreTexts.importDown]) {
      ImportParser.parse($0.span).value.failoverNIDs.count
    },
    ParserInput(description: "uuid", texts: [LustreTexts.uuids]) {
      ExportUUIDParser.parse($0.span).value.clients.count
    },
    ParserInput(
      description: "lnet stats", texts: ["0 28 3 42 101719291 5 6 21201322992 53029 7 8\n"]
    ) { LNetParser.stats($0.span).leftovers.texts.count },
    ParserInput(description: "nis", texts: [NetworkTexts.nis]) {
      LNetParser.interfaces($0.span).value.count
    },
    ParserInput(description: "peers", texts: [NetworkTexts.peers]) {
      LNetParser.peers($0.span).value.up
    },
    ParserInput(description: "mountinfo", texts: [NetworkTexts.mountinfo]) {
      let entries = MountParser.mountinfo($0.span).value
      return entries.reduce(0) { $0 + $1.mgsNIDs.count + ($1.name?.count ?? 0) }
    },
    ParserInput(description: "mounts", texts: [NetworkTexts.mounts]) {
      let entries = MountParser.mounts($0.span).value
      return entries.reduce(0) { $0 + $1.mgsNIDs.count + ($1.name?.count ?? 0) }
    },
    ParserInput(description: "meminfo", texts: [HostTexts.meminfo]) {
      HostParsers.meminfo($0.span).leftovers.texts.count
    },
    ParserInput(description: "stat", texts: [HostTexts.stat]) {
      HostParsers.stat($0.span).value.modes.count
    },
    ParserInput(description: "net/dev", texts: [HostTexts.netDev]) {
      HostParsers.netDev($0.span).value.count
    },
    ParserInput(description: "loadavg", texts: ["0.52 1.05 12.00 2/345 6789\n"]) {
      HostParsers.loadavg($0.span).value?.count ?? 0
    },
    ParserInput(description: "cpuinfo", texts: ["processor\t: 0\nmodel name\t: x\n"]) {
      HostParsers.processors($0.span)
    },
    ParserInput(description: "os-release", texts: ["NAME='A'\nVERSION=\"9\"\n"]) {
      HostParsers.osRelease($0.span)?.count ?? 0
    },
    ParserInput(description: "version", texts: ["2.15.4_1.llnl\n", "lustre: 2.8.0\nkernel: x\n"]) {
      LustreVersion($0.span)?.major ?? 0
    },
    ParserInput(description: "scalar", texts: ["-9223372036854775808\n", " 42 \n\n"]) {
      let number = ScalarParser.number($0.span).map { $0 == 0 ? 1 : 2 } ?? 0
      return number + (ScalarParser.text($0.span)?.count ?? 0)
        + (ScalarParser.bits($0.span) == nil ? 0 : 1)
    },
    ParserInput(description: "NIDs", texts: ["2001:db8::1@tcp,10.0.0.1@o2ib:10.0.0.2@tcp"]) {
      NIDList.parse(String(decoding: $0, as: UTF8.self)).count
    },
    ParserInput(description: "job_stats", texts: [jobStats]) { bytes in
      var scanner = JobStatsScanner()
      var taken = CountingTaker()
      // The last third comes as a piece of its own, the way a large file is read.
      let cut = bytes.count / 3 * 2
      let used = scanner.scan(bytes.span.extracting(0..<cut), into: &taken)
      if used == 0 { scanner.skipLine(bytes.span.extracting(0..<cut)) }
      scanner.finish(bytes.span.extracting(used..<bytes.count), into: &taken)
      return taken.count + scanner.leftovers.texts.count
    },
    ParserInput(description: "job name", texts: ["dd.0", "a\\b\u{7}\u{202e}é日"]) {
      JobName.text($0).count
    },
    ParserInput(description: "leftover", texts: [String(repeating: "é x\n", count: 60)]) {
      var leftovers = Leftovers()
      leftovers.keep($0.span, 0..<$0.count)
      return Leftovers.cut(String(decoding: $0, as: UTF8.self)).count + leftovers.texts.count
    },
    ParserInput(description: "label", texts: ["a-b-OST00ff", "MGS"]) {
      let text = String(decoding: $0, as: UTF8.self)
      return TargetLabel.registered(text).count + (TargetLabel(text)?.index ?? 0)
    },
  ]
}

private struct CountingTaker: JobEntryTaker {
  var count = 0
  mutating func take(id: [UInt8], counters: JobCounters, start: UInt64) { count += 1 }
}

private let jobStats = """
  job_stats:
  - job_id:          dd.0
    snapshot_time:   1767225720.000000000 secs.nsecs
    start_time:      1767225700.000000000 secs.nsecs
    read_bytes:      { samples:           2, unit: bytes, min:    4096, max: 1048576, sum: 1052672 }
    write:           { samples:           3, unit: usecs, min:       1, max:       9, sum:      17 }
  - job_id:          "cp \\x22.1"
    write_bytes:     { samples:           0, unit: bytes, min:       0, max:       0, sum:       0 }
    setattr:         { samples:           7, unit:  reqs }

  """
