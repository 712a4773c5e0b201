import Protocol
import Testing

@testable import ManagerCore

/// What is more than any server has is not taken, and said to be missing.
@Suite struct LeftOutTests {
  private static func big(_ subject: String, _ fill: String) throws -> Section {
    try Section(
      key: SectionKey("exports", subject), collector: "exports",
      body: .string(String(repeating: fill, count: 14 << 20)))
  }

  @Test func sectionsOfOneServerAreBoundedTogether() throws {
    var stage = try Stage.pair()
    let id = try #require(stage.servers["oss01"]?.id)
    let before = stage.site.servers[id]?.sectionBytes ?? 0
    for subject in ["a", "b", "c"] {
      stage.site.sectionArrived(id, try Self.big(subject, "x"), at: stage.now)
    }
    #expect(stage.findings(.reportLeftOut).isEmpty)
    stage.site.sectionArrived(id, try Self.big("d", "x"), at: stage.now)
    let finding = try #require(stage.findings(.reportLeftOut).first)
    #expect(finding.diagnostic.subject == "oss01")
    #expect(finding.diagnostic.severity == .warning)
    #expect(finding.diagnostic.reason.contains("a section, such as exports/d: more than 48 MiB"))
    #expect(stage.server("oss01")?.health == .degraded)
    #expect(try stage.site.serverDetail("oss01", at: stage.now).sections.count > 3)
    // Another takes no more room than the one in whose place it comes.
    stage.site.sectionArrived(id, try Self.big("a", "y"), at: stage.now)
    #expect(stage.site.servers[id]?.leftOut.sections.count == 1)
    stage.site.sectionGone(id, SectionKey("exports", "b"), at: stage.now)
    stage.site.sectionArrived(id, try Self.big("d", "x"), at: stage.now)
    #expect(stage.findings(.reportLeftOut).isEmpty)
    for subject in ["a", "c", "d"] {
      stage.site.sectionGone(id, SectionKey("exports", subject), at: stage.now)
    }
    #expect(stage.site.servers[id]?.sectionBytes == before)
  }

  @Test func aSectionThatGrewTooLargeIsNotKnownAnyMore() throws {
    var stage = try Stage.pair()
    let id = try #require(stage.servers["oss01"]?.id)
    for subject in ["a", "b", "c"] {
      stage.site.sectionArrived(id, try Self.big(subject, "x"), at: stage.now)
    }
    stage.site.sectionArrived(id, try Self.big("c", "\u{1}"), at: stage.now)
    #expect(stage.site.servers[id]?.sections[SectionKey("exports", "c")]?.standing == .unconfirmed)
    #expect(stage.findings(.reportLeftOut).count == 1)
  }

  @Test func aTargetWhoseReportIsLeftOutIsUnknownAndNotLetGo() throws {
    var stage = try Stage.pair()
    let id = try #require(stage.servers["oss01"]?.id)
    let key = try #require(
      stage.site.servers[id]?.sections.keys.first {
        $0.subject == "fs1-OST0000" && $0.name == "target"
      })
    #expect(stage.target("fs1-OST0000")?.state == .mounted)
    for subject in ["a", "b", "c"] {
      stage.site.sectionArrived(id, try Self.big(subject, "x"), at: stage.now)
    }
    var large = try Self.big("d", "x")
    large.key = key
    stage.site.sectionArrived(id, large, at: stage.now)
    #expect(stage.target("fs1-OST0000")?.state == .unknown)
    #expect(
      stage.site.servers[id]?.isComplete("ost", at: stage.now.monotonicNanoseconds, StatePolicy())
        == false)
  }

  @Test func newSeriesThatAreLeftOutAreAFindingOfTheSession() throws {
    var stage = try Stage.pair()
    let id = try #require(stage.servers["oss02"]?.id)
    stage.site.seriesLeftOut(id, 70, at: stage.now)
    stage.site.seriesLeftOut(id, 7, at: stage.now)
    let finding = try #require(stage.findings(.reportLeftOut).first)
    #expect(finding.diagnostic.reason.contains("77 new series"))
    stage.close("oss02")
    stage.connect("oss02")
    try stage.run(2)
    #expect(stage.findings(.reportLeftOut).isEmpty)
  }

  @Test func targetsThatOneServerMakesUpAreBoundAndGoWithIt() throws {
    var stage = try Stage.pair()
    let id = try #require(stage.servers["oss02"]?.id)
    let before = stage.site.targets.count
    stage.servers["oss02"]?.live = (0..<3).map { number in
      .init(
        name: "x\(number)", generation: 1,
        targets: (0..<10_000).map { "x\(number)-OST" + Self.hex($0) }, imperativeRecovery: "full")
    }
    try stage.run(2)
    #expect(stage.site.targets.count <= before + StateLimits.targetsPerServer)
    let finding = try #require(stage.findings(.reportLeftOut).first)
    #expect(finding.diagnostic.reason.contains("it names more than 20000 or 64"))
    #expect(stage.target("fs1-OST0000")?.state == .mounted, "others are none the worse")
    stage.site.serverForgotten(id, at: stage.now)
    #expect(stage.site.targets.count <= before)
  }

  @Test func ofManyMGSsThatOneServerNamesSomeCount() throws {
    var stage = try Stage.pair()
    let id = try #require(stage.servers["oss02"]?.id)
    for number in 0..<3_000 {
      stage.servers["oss02"]?.imports.append(
        .init(
          name: "MGC", target: "MGS", state: "FULL", currentConnection: nil, failoverNIDs: [],
          mgs: ["10.9.\(number / 256).\(number % 256)@tcp"]))
    }
    try stage.run(2)
    #expect(stage.site.servers[id]?.mgcs.count == StateLimits.mgcsPerServer)
    #expect(stage.findings(.reportLeftOut).count == 1)
  }

  private static func hex(_ number: Int) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }
}
