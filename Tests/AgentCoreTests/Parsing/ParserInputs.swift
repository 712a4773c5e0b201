import AgentCore

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
    ParserInput(description: "label", texts: ["a-b-OST00ff", "MGS"]) {
      let text = String(decoding: $0, as: UTF8.self)
      return TargetLabel.registered(text).count + (TargetLabel(text)?.index ?? 0)
    },
  ]
}
