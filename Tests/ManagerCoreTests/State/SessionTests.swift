import Protocol
import Testing

@testable import ManagerCore

@Suite struct SessionTests {
  @Test func oneDigestVouchesForAllSectionsOnlyWhenTheyWereRepeated() throws {
    var stage = try Stage.pair()
    let id = try #require(stage.servers["oss01"]?.id)
    let sent = try #require(stage.servers["oss01"]).sent.values.map {
      SectionDigest(key: $0.key, digest: $0.digest)
    }
    let summary = SectionDigest.summary(of: sent)
    #expect(summary == SectionDigest.summary(of: sent.reversed()))
    func agrees(_ count: Int, _ digest: UInt64) -> Bool {
      stage.site.holds(sections: count, digest: digest, of: id)
    }
    #expect(agrees(sent.count, summary))
    #expect(!agrees(sent.count + 1, summary))
    #expect(!agrees(sent.count, summary &+ 1))
    // Of an earlier session nothing counts until it was said again.
    stage.close("oss01")
    stage.connect("oss01")
    #expect(!agrees(sent.count, summary))
    try stage.run()
    #expect(agrees(sent.count, summary))
  }

  @Test func contactFollowsTheSilence() throws {
    var stage = Stage()
    stage.enrol("oss01")
    #expect(stage.server("oss01")?.contact == .never)
    #expect(stage.server("oss01")?.heardSecondsAgo == nil)
    stage.connect("oss01")
    #expect(stage.server("oss01")?.contact == .connected)
    stage.pass(1.5)
    #expect(stage.server("oss01")?.contact == .connected)
    stage.pass(0.1)
    #expect(stage.server("oss01")?.contact == .suspect)
    stage.pass(1.4)
    #expect(stage.server("oss01")?.contact == .suspect)
    stage.pass(0.1)
    #expect(stage.server("oss01")?.contact == .lost)
    let id = try #require(stage.servers["oss01"]?.id)
    stage.site.heard(id, at: stage.now)
    #expect(stage.server("oss01")?.contact == .connected)
  }

  @Test func contactDoesNotFollowTheWallClock() throws {
    var stage = try Stage.pair()
    stage.now.wallNanoseconds += 3_600 * Stage.second
    #expect(stage.server("oss01")?.contact == .connected)
    #expect(stage.target("fs1-OST0000")?.state == .mounted)
    stage.now.wallNanoseconds -= 7_200 * Stage.second
    #expect(stage.target("fs1-OST0000")?.evidenceSecondsAgo == 0.1)
  }

  @Test func aClosedSessionIsLostAtOnceAndSaysWhy() throws {
    var stage = try Stage.pair()
    stage.close("oss01")
    let server = try #require(stage.server("oss01"))
    #expect(server.contact == .lost)
    #expect(server.health == .unknown)
    #expect(server.reason.hasSuffix("the last session ended: the agent is stopping"))
    #expect(stage.target("fs1-OST0000")?.state == .unknown)
  }

  @Test func theLateEndOfAReplacedSessionIsNoNews() throws {
    var stage = try Stage.pair()
    let id = try #require(stage.servers["oss01"]?.id)
    stage.connect("oss01")
    stage.site.sessionClosed(
      id, session: "oss01-1", reason: Diagnostic(.sessionReplaced, subject: "", reason: ""),
      at: stage.now)
    #expect(stage.server("oss01")?.contact == .connected)
  }

  @Test func whatWasSaidInAnEarlierSessionDoesNotCountUntilSaidAgain() throws {
    var stage = try Stage.pair()
    stage.connect("oss01")
    #expect(stage.target("fs1-OST0000")?.state == .unknown)
    try stage.run()
    #expect(stage.target("fs1-OST0000")?.state == .mounted)
  }

  @Test func aTargetThatWentBetweenSessionsIsGone() throws {
    var stage = try Stage.pair()
    stage.cut("oss01")
    try stage.run(5)
    stage.unmount("fs1-OST0000", on: "oss01")
    stage.connect("oss01")
    try stage.run()
    #expect(stage.target("fs1-OST0000")?.state == .unmounted)
  }

  @Test func digestsConfirmAskAgainAndTakeAway() throws {
    var stage = try Stage.pair()
    let oss01 = try #require(stage.servers["oss01"])
    var digests = oss01.sent.values.map { SectionDigest(key: $0.key, digest: $0.digest) }
    #expect(stage.site.digests(oss01.id, digests, at: stage.now) == [])
    let target = SectionKey("target", "fs1-OST0000")
    digests.removeAll { $0.key == target }
    digests.append(SectionDigest(key: target, digest: 1))
    #expect(stage.site.digests(oss01.id, digests, at: stage.now) == [target])
    digests.removeLast()
    #expect(stage.site.digests(oss01.id, digests, at: stage.now) == [])
    #expect(stage.site.servers[oss01.id]?.sections[target] == nil)
    #expect(stage.server("oss01")?.targets == [])
  }

  @Test func whatWasAskedForAgainIsNotAbsent() throws {
    var stage = try Stage.pair()
    let oss01 = try #require(stage.servers["oss01"])
    stage.unmount("fs1-OST0000", on: "oss01")
    try stage.run()
    #expect(stage.target("fs1-OST0000")?.state == .unmounted)
    let digests = try #require(stage.servers["oss01"]).sent.values.map {
      SectionDigest(key: $0.key, digest: $0.digest)
    }
    let missing = SectionDigest(key: SectionKey("target", "fs1-OST0000"), digest: 5)
    #expect(stage.site.digests(oss01.id, digests + [missing], at: stage.now) == [missing.key])
    try stage.run()
    #expect(stage.target("fs1-OST0000")?.state == .unknown)
  }

  @Test func logLinesAreKeptOnceAndCountAnewAfterAReboot() throws {
    var stage = Stage()
    stage.enrol("oss01")
    stage.connect("oss01")
    let id = try #require(stage.servers["oss01"]?.id)
    func line(_ cursor: UInt64) -> LogLine {
      LogLine(
        origin: "kernel", cursor: cursor, stamp: Stamp(bootNanoseconds: 0, wallNanoseconds: 0),
        priority: 6, text: "line \(cursor)")
    }
    func cursors() throws -> [UInt64] {
      try stage.site.serverDetail("oss01", at: stage.now).recentLog.map(\.cursor)
    }
    stage.site.logged(id, (1...150).map(line), at: stage.now)
    stage.site.logged(id, (100...250).map(line), at: stage.now)
    #expect(try cursors() == Array(51...250))
    stage.site.logged(id, [line(3), line(250)], at: stage.now)
    #expect(try cursors() == Array(51...250))
    stage.servers["oss01"]?.boot = "boot-2"
    stage.connect("oss01")
    stage.site.logged(id, [line(3), line(3), line(4)], at: stage.now)
    #expect(try cursors().suffix(3) == [250, 3, 4])
    #expect(try cursors().count == 200)
  }

  @Test func theLastHundredLossesAreKept() throws {
    var stage = Stage()
    stage.enrol("oss01")
    let id = try #require(stage.servers["oss01"]?.id)
    for number in 0..<120 {
      stage.site.lossFound(
        id,
        SampleLoss(
          afterNanoseconds: nil, beforeNanoseconds: Int64(number), batches: 1, samples: 1,
          reason: "test"), at: stage.now)
    }
    let losses = try stage.site.serverDetail("oss01", at: stage.now).losses
    #expect(losses.map(\.beforeNanoseconds) == Array(20..<120))
  }

  @Test func eventsOfAForgottenServerAreLetGo() throws {
    var stage = try Stage.pair()
    let id = try #require(stage.servers["oss01"]?.id)
    stage.site.serverForgotten(id, at: stage.now)
    _ = stage.site.takeEffects()
    try stage.run(2)
    stage.site.batchIngested(id, samples: 3, at: stage.now)
    #expect(stage.site.servers[id] == nil)
    #expect(
      !stage.site.takeEffects().contains {
        if case .persistServer(let record) = $0 { record.id == id } else { false }
      })
  }

  @Test func aRenewedCertificateKeepsWhatTheAgentSaid() throws {
    var stage = try Stage.pair()
    let id = try #require(stage.servers["oss01"]?.id)
    stage.site.serverEnrolled(
      ServerRecord(
        id: id, hostname: "other", profile: "monitor", enrolledNanoseconds: 1,
        certificateSerial: "ab"), at: stage.now)
    let detail = try stage.site.serverDetail("oss01", at: stage.now)
    #expect(detail.certificateSerial == "ab")
    #expect(stage.target("fs1-OST0000")?.failoverServers == ["oss02"])
    #expect(stage.target("fs1-OST0000")?.state == .mounted)
  }

  @Test func effectsWriteEachRecordOnceAndOnlyWhenItChanged() throws {
    var stage = try Stage.pair()
    let first = stage.site.takeEffects()
    let targets = first.compactMap {
      if case .persistTarget(let record) = $0 { record.label } else { nil }
    }
    #expect(targets.sorted() == ["MGS", "fs1-MDT0000", "fs1-OST0000", "fs1-OST0001"])
    // What the agents said is written down once, when the burst of their first words is over.
    try stage.run(10)
    let memories = stage.site.takeEffects().filter {
      if case .persistMemory = $0 { true } else { false }
    }
    #expect(memories.count == 3)
    try stage.run(60)
    #expect(stage.site.takeEffects().isEmpty)
    try stage.run(300)
    let later = stage.site.takeEffects()
    #expect(
      later.contains {
        guard case .persistTarget(let record) = $0, record.label == "fs1-OST0000",
          let last = record.lastActiveNanoseconds
        else { return false }
        return stage.now.wallNanoseconds - last < 301 * Stage.second
      })
  }
}
