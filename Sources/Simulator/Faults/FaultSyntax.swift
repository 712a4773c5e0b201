/// The text form `KIND:NAME[@START][+DURATION]`, for example `agent-stop:oss01@20s+30s`: at 20 s
/// after the start, put right 30 s later. Without `@START` it happens at the start.
extension ScheduledFault {
  private struct Kind: Sendable {
    var name: String
    var make: @Sendable (String) -> Fault
  }

  private static let kinds: [Kind] = [
    Kind(name: "agent-stop") { .agentStop(server: $0) },
    Kind(name: "agent-start") { .agentStart(server: $0) },
    Kind(name: "link-cut") { .linkCut(server: $0) },
    Kind(name: "link-heal") { .linkHeal(server: $0) },
    Kind(name: "power-loss") { .powerLoss(server: $0) },
    Kind(name: "power-return") { .powerReturn(server: $0) },
    Kind(name: "failback") { .failback(server: $0) },
    Kind(name: "mount-twice") { .mountTwice(target: $0) },
    Kind(name: "unmount-second") { .unmountSecond(target: $0) },
  ]
  private static let units: [(suffix: String, nanoseconds: Int64)] = [
    ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
  ]
  /// Beyond a year a number is a slip of the pen, and could overflow the clock.
  private static let longest: Int64 = 366 * 86_400 * 1_000_000_000

  /// Every kind that the text form knows.
  package static var kindNames: [String] { kinds.map(\.name) }

  package init(parsing text: String) throws(FaultSyntaxError) {
    let halves = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let kind = Self.kinds.first(where: { $0.name == halves[0] }) else {
      throw FaultSyntaxError(
        part: String(halves[0]), reason: "is no kind of fault", possible: Self.kindNames)
    }
    guard halves.count == 2 else {
      throw FaultSyntaxError(
        part: text, reason: "names no server or target",
        possible: ["\(kind.name):NAME[@START][+DURATION]"])
    }
    let rest = halves[1]
    let name = rest.prefix { $0 != "@" && $0 != "+" }
    guard !name.isEmpty else {
      throw FaultSyntaxError(
        part: text, reason: "names no server or target",
        possible: ["\(kind.name):NAME[@START][+DURATION]"])
    }
    var times = rest.dropFirst(name.count)
    at = 0
    if times.first == "@" {
      let start = times.dropFirst().prefix { $0 != "+" }
      at = try Self.nanoseconds(String(start), as: "start")
      times = times.dropFirst(start.count + 1)
    }
    fault = kind.make(String(name))
    duration = times.isEmpty ? nil : try Self.nanoseconds(String(times.dropFirst()), as: "duration")
    guard duration == nil || fault.healed != nil else {
      throw FaultSyntaxError(
        part: String(times), reason: "is a duration, and \(kind.name) does not end",
        possible: ["\(kind.name):\(name)@START"])
    }
  }

  /// As `init(parsing:)`, without the reason.
  package init?(_ text: String) {
    guard let fault = try? ScheduledFault(parsing: text) else { return nil }
    self = fault
  }

  private static func nanoseconds(
    _ text: String, as role: String
  ) throws(FaultSyntaxError) -> Int64 {
    let possible = units.map { "20" + $0.suffix }
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let number = Int64(digits),
      let unit = units.first(where: { $0.suffix == text.dropFirst(digits.count) })
    else {
      throw FaultSyntaxError(part: text, reason: "is no \(role)", possible: possible)
    }
    let (whole, overflow) = number.multipliedReportingOverflow(by: unit.nanoseconds)
    guard !overflow, whole <= longest else {
      throw FaultSyntaxError(
        part: text, reason: "is no \(role): it is longer than a year", possible: possible)
    }
    return whole
  }
}
