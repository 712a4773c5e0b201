import Simulator
import Testing

@Suite struct FaultSyntaxTests {
  @Test func everyFormIsUnderstood() throws {
    let second = Reading.second
    let forms: [(String, ScheduledFault)] = [
      (
        "agent-stop:oss01@20s+30s",
        ScheduledFault(.agentStop(server: "oss01"), at: 20 * second, duration: 30 * second)
      ),
      ("agent-start:oss01", ScheduledFault(.agentStart(server: "oss01"), at: 0)),
      (
        "link-cut:mds02@1m+1h",
        ScheduledFault(.linkCut(server: "mds02"), at: 60 * second, duration: 3_600 * second)
      ),
      ("link-heal:mds02@500ms", ScheduledFault(.linkHeal(server: "mds02"), at: second / 2)),
      (
        "power-loss:oss03+90s",
        ScheduledFault(.powerLoss(server: "oss03"), at: 0, duration: 90 * second)
      ),
      ("power-return:oss03@2m", ScheduledFault(.powerReturn(server: "oss03"), at: 120 * second)),
      ("failback:oss03@200s", ScheduledFault(.failback(server: "oss03"), at: 200 * second)),
      (
        "mount-twice:scratch-OST0001@40s",
        ScheduledFault(.mountTwice(target: "scratch-OST0001"), at: 40 * second)
      ),
      (
        "unmount-second:scratch-OST0001@50s",
        ScheduledFault(.unmountSecond(target: "scratch-OST0001"), at: 50 * second)
      ),
    ]
    for (text, fault) in forms { #expect(try ScheduledFault(parsing: text) == fault, "\(text)") }
    #expect(
      Set(forms.map { $0.0.split(separator: ":")[0] }).count == ScheduledFault.kindNames.count)
  }

  @Test(arguments: [
    ("", "\"\" is no kind of fault; possible: agent-stop, agent-start, link-cut"),
    ("pwer-loss:oss01", "\"pwer-loss\" is no kind of fault; possible: agent-stop, agent-start"),
    ("power-loss", "\"power-loss\" names no server or target; possible: power-loss:NAME"),
    ("power-loss:@20s", "\"power-loss:@20s\" names no server or target; possible: power-loss:NAME"),
    ("power-loss:oss01@", "\"\" is no start; possible: 20ms, 20s, 20m, 20h"),
    ("power-loss:oss01@20", "\"20\" is no start; possible: 20ms, 20s, 20m, 20h"),
    ("power-loss:oss01@20x+3s", "\"20x\" is no start"),
    ("power-loss:oss01@-5s", "\"-5s\" is no start"),
    ("power-loss:oss01@20s+", "\"\" is no duration"),
    (
      "power-loss:oss01@20s+9999999999h", "\"9999999999h\" is no duration: it is longer than a year"
    ),
    ("power-loss:oss01@20s@30s", "\"20s@30s\" is no start"),
    ("failback:oss01@20s+30s", "\"+30s\" is a duration, and failback does not end"),
  ])
  func errorsNameTheWrongPartAndWhatIsPossible(text: String, message: String) {
    #expect(ScheduledFault(text) == nil)
    #expect {
      try ScheduledFault(parsing: text)
    } throws: { error in
      "\(error)".hasPrefix(message)
    }
  }

  @Test func faultsOfUnknownServersAndTargetsAreRefusedWithTheList() throws {
    var site = Reading.site(try .standard(servers: 4, clients: 1))
    #expect {
      try site.apply(.powerLoss(server: "oss09"))
    } throws: { error in
      "\(error)" == "\"oss09\" is no server of this site; possible: mds01, mds02, oss01, oss02"
    }
    #expect {
      try site.schedule(ScheduledFault(parsing: "mount-twice:scratch-OST0099"))
    } throws: { error in
      "\(error)".hasPrefix(
        "\"scratch-OST0099\" is no target of this site; possible: MGS, scratch-MDT")
    }
  }

  @Test func noTextTrapsTheParser() {
    var random = SplitMix64(seed: 99)
    let seeds = [
      "agent-stop:oss01@20s+30s", "mount-twice:scratch-OST0001@40s", "power-loss:x@1h+1m",
    ]
    for round in 0..<5_000 {
      var bytes = Array(seeds[round % seeds.count].utf8)
      for _ in 0...random.below(4) {
        bytes[Int(random.below(UInt64(bytes.count)))] = UInt8(truncatingIfNeeded: random.next())
      }
      let text = String(decoding: bytes, as: UTF8.self)
      if let fault = ScheduledFault(text) { #expect(fault.at >= 0 && (fault.duration ?? 0) >= 0) }
    }
  }
}
