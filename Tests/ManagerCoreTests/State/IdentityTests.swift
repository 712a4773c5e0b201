import Protocol
import Testing

@testable import ManagerCore

@Suite struct IdentityTests {
  private func resolve(_ stage: inout Stage, _ name: String, _ label: String, _ mgs: [String] = [])
    throws -> ResolvedTarget
  {
    let id = try #require(stage.servers[name]?.id)
    let resolved = stage.site.resolve(
      id, TargetReference(label: label, mgs: mgs), at: stage.now)
    return try #require(resolved)
  }

  /// Two sites of one manager: a.fs1 and b.fs1.
  private func twins() throws -> Stage {
    var stage = Stage()
    for name in ["mdsA", "mdsB"] { stage.enrol(name) }
    for (name, nid) in [("mdsA", "10.0.0.1@tcp"), ("mdsB", "10.0.0.2@tcp")] {
      stage.mount("MGS", on: name, mgs: [nid])
      stage.mount("fs1-MDT0000", on: name, mgs: [nid])
      stage.mount("fs1-OST0000", on: name, mgs: [nid])
      stage.servers[name]?.live = [
        .init(
          name: "fs1", generation: 1, targets: ["fs1-MDT0000", "fs1-OST0000"],
          imperativeRecovery: nil)
      ]
      stage.connect(name)
    }
    try stage.run(2)
    return stage
  }

  @Test func oneNameOnTwoMGSsIsTwoFileSystemsAndAWord() throws {
    let stage = try twins()
    let all = stage.site.fileSystems(at: stage.now)
    #expect(all.map(\.name) == ["fs1", "fs1"])
    #expect(all.map(\.state) == [.available, .available])
    #expect(Set(all.map(\.mgs)) == ["10.0.0.1@tcp", "10.0.0.2@tcp"])
    #expect(Set(stage.site.targets(at: stage.now).map(\.state)) == [.mounted])
    let finding = try #require(stage.findings(.sameNameOnTwoMGSs).first)
    #expect(finding.diagnostic.severity == .info)
    #expect(finding.diagnostic.subject == "fs1")
    #expect(stage.site.status(at: stage.now).health == .healthy)
  }

  @Test func anAmbiguousNameIsRefusedWithTheIDsThatAreNot() throws {
    let stage = try twins()
    let error = #expect(throws: DiagnosticError.self) {
      try stage.site.targetDetail("fs1-OST0000", at: stage.now)
    }
    #expect(error?.diagnostic.code == "ambiguous-name")
    let id = try stage.site.targetID(named: "10.0.0.2@tcp/fs1-OST0000")
    #expect(error?.diagnostic.reason.contains(id) == true)
    #expect(try stage.site.targetDetail(id, at: stage.now).summary.activeOn == "mdsB")
    let other = #expect(throws: DiagnosticError.self) {
      try stage.site.fileSystemDetail("fs1", at: stage.now)
    }
    #expect(other?.diagnostic.code == "ambiguous-name")
    let one = try stage.site.fileSystemDetail("10.0.0.1@tcp0/fs1", at: stage.now)
    #expect(one.mgsActiveOn == ["mdsA"])
    #expect(try stage.site.fileSystemDetail(one.summary.id, at: stage.now) == one)
    let none = #expect(throws: DiagnosticError.self) {
      try stage.site.fileSystemDetail("fs9", at: stage.now)
    }
    #expect(none?.diagnostic.code == "not-found")
  }

  @Test func nidsThatAreNamedTogetherAreOneMGS() throws {
    var stage = Stage()
    stage.enrol("oss01")
    let a = try resolve(&stage, "oss01", "fs1-OST0000", ["10.0.0.1@tcp"])
    let b = try resolve(&stage, "oss01", "fs1-OST0001", ["10.1.0.1@o2ib"])
    #expect(a.mgsID != b.mgsID)
    let c = try resolve(&stage, "oss01", "fs1-OST0002", ["10.0.0.1@tcp", "10.1.0.1@o2ib0"])
    let again = try resolve(&stage, "oss01", "fs1-OST0001", ["10.1.0.1@o2ib"])
    #expect(again == ResolvedTarget(targetID: b.targetID, mgsID: c.mgsID))
    let effects = stage.site.takeEffects()
    let loser = a.mgsID == c.mgsID ? b.mgsID : a.mgsID
    #expect(effects.contains(.mergedMGS(from: loser, into: c.mgsID)))
    #expect(effects.contains(.removeMGS(loser)))
    #expect(stage.site.mgsID(named: loser) == c.mgsID)
  }

  @Test func targetsOfMergedMGSsWithOneLabelBecomeOne() throws {
    var stage = Stage()
    for name in ["oss01", "oss02"] { stage.enrol(name) }
    stage.mount("fs1-OST0000", on: "oss01", mgs: ["10.0.1.1@tcp"])
    stage.mount("fs1-OST0000", on: "oss02", mgs: ["10.0.1.2@tcp"])
    for name in ["oss01", "oss02"] { stage.connect(name) }
    try stage.run(2)
    let before = stage.site.targets(at: stage.now)
    #expect(before.map(\.state) == [.mounted, .mounted])
    // They were one MGS all along: both servers had the same target.
    stage.mount("fs1-OST0001", on: "oss01", mgs: ["10.0.1.1@tcp", "10.0.1.2@tcp"])
    try stage.run(2)
    let after = stage.site.targets(at: stage.now).filter { $0.label == "fs1-OST0000" }
    #expect(after.map(\.state) == [.twice])
    for target in before {
      #expect(try stage.site.targetID(named: target.id) == after.first?.id)
    }
  }

  @Test func allNIDsOfTheServerWhereAnMGSIsActiveAreItsOwn() throws {
    var stage = Stage()
    stage.enrol("mds01", nids: ["10.0.0.1@tcp", "10.1.0.1@o2ib"])
    stage.enrol("oss01")
    stage.mount("MGS", on: "mds01", mgs: ["10.0.0.1@tcp"])
    stage.mount("fs1-OST0000", on: "oss01", mgs: ["10.1.0.1@o2ib"])
    for name in ["mds01", "oss01"] { stage.connect(name) }
    try stage.run()
    #expect(stage.site.mgss.count == 1)
    let detail = try stage.site.fileSystemDetail("fs1", at: stage.now)
    #expect(detail.mgsNIDs == ["10.0.0.1@tcp", "10.1.0.1@o2ib"])
    #expect(detail.mgsActiveOn == ["mds01"])
  }

  @Test func theLoopbackNIDMeansTheServerThatSaysIt() throws {
    var stage = Stage()
    for name in ["a", "b"] {
      stage.enrol(name)
      stage.mount("fs1-OST0000", on: name, mgs: ["0@lo"])
      stage.connect(name)
    }
    try stage.run(2)
    #expect(Set(stage.site.targets(at: stage.now).map(\.mgs)) == ["10.0.0.1@tcp", "10.0.0.2@tcp"])
    #expect(stage.findings(.targetOnTwoServers).isEmpty)
  }

  @Test func anMGSWhoseNIDsNobodyKnowsIsThatOfItsServer() throws {
    var stage = Stage()
    for name in ["a", "b"] {
      stage.enrol(name, nids: [])
      stage.mount("MGS", on: name, mgs: [])
      stage.connect(name)
    }
    try stage.run(2)
    #expect(stage.site.mgss.count == 2)
    #expect(stage.findings(.targetOnTwoServers).isEmpty)
    #expect(Set(stage.site.targets(at: stage.now).map(\.mgs)) == ["a", "b"])
    let before = Set(stage.site.mgss.keys)
    stage.servers["a"]?.nids = ["10.0.0.1@tcp"]
    try stage.run()
    #expect(Set(stage.site.mgss.keys) == before)
    #expect(Set(stage.site.targets(at: stage.now).map(\.mgs)) == ["10.0.0.1@tcp", "b"])
  }

  @Test func targetsOfAnotherMGSOnAnMGSServerDoNotJoinTheTwo() throws {
    var stage = try Stage.pair()
    stage.enrol("far", nids: ["10.9.0.1@tcp"])
    stage.mount("MGS", on: "far", mgs: ["10.9.0.1@tcp"])
    stage.mount("fs2-OST0000", on: "mds01", mgs: ["10.9.0.1@tcp"])
    stage.connect("far")
    try stage.run(2)
    let id = try #require(stage.servers["mds01"]?.id)
    let section = try MGSSection(nids: ["10.9.0.1@tcp", "10.0.0.1@tcp"], fileSystems: [])
      .section(collector: "mgs")
    stage.site.sectionArrived(id, section, at: stage.now)
    #expect(stage.site.mgss.count == 2)
  }

  @Test func aLabelWithoutNIDsBelongsToTheOneMGSThatListsIt() throws {
    var stage = try Stage.pair()
    stage.servers["mds01"]?.live?[0].targets.append("fs1-OST0007")
    stage.mount("fs1-OST0007", on: "oss01", mgs: [])
    try stage.run(2)
    #expect(stage.target("fs1-OST0007")?.mgs == "10.0.0.1@tcp")
    #expect(stage.target("fs1-OST0007")?.activeOn == "oss01")
    stage.mount("fs9-OST0000", on: "oss01", mgs: [])
    try stage.run(2)
    #expect(stage.target("fs9-OST0000")?.mgs == "unknown")
  }

  @Test func aSingleMGCNamesTheMGSOfTargetsWithoutNIDs() throws {
    var stage = try Stage.pair()
    stage.mount("fs2-OST0000", on: "oss01", mgs: [])
    stage.importing("MGS", on: "oss01", failover: ["10.0.0.1@tcp"], mgs: ["10.0.0.1@tcp"])
    try stage.run(2)
    #expect(stage.target("fs2-OST0000")?.mgs == "10.0.0.1@tcp")
  }

  @Test func aTargetOfAnUnknownMGSIsAdoptedByTheOnlyCandidate() throws {
    var stage = Stage()
    for name in ["mds01", "oss01"] { stage.enrol(name) }
    stage.mount("fs1-OST0000", on: "oss01", mgs: [])
    stage.connect("oss01")
    try stage.run(2)
    let before = try #require(stage.target("fs1-OST0000"))
    #expect(before.mgs == "unknown")
    stage.mount("MGS", on: "mds01")
    stage.servers["mds01"]?.live = [
      .init(name: "fs1", generation: 1, targets: ["fs1-OST0000"], imperativeRecovery: nil)
    ]
    stage.connect("mds01")
    try stage.run(2)
    let after = try #require(stage.target("fs1-OST0000"))
    #expect(after.mgs == "10.0.0.1@tcp")
    #expect(after.id == before.id)
    #expect(after.activeOn == "oss01")
    #expect(stage.site.targets(at: stage.now).filter { $0.label == "fs1-OST0000" }.count == 1)
  }

  @Test func withTwoCandidatesAnUnknownTargetStaysUnknownUntilItNamesItsMGS() throws {
    var stage = try twins()
    stage.enrol("oss01")
    stage.mount("fs1-OST0000", on: "oss01", mgs: [])
    stage.connect("oss01")
    try stage.run(2)
    let orphan = try #require(
      stage.site.targets(at: stage.now).first { $0.mgs == "unknown" })
    #expect(orphan.activeOn == "oss01")
    stage.unmount("fs1-OST0000", on: "mdsB")
    try stage.run(1)
    stage.mount("fs1-OST0000", on: "oss01", mgs: ["10.0.0.2@tcp"])
    try stage.run(2)
    let id = try stage.site.targetID(named: "10.0.0.2@tcp/fs1-OST0000")
    #expect(try stage.site.targetDetail(id, at: stage.now).summary.activeOn == "oss01")
    #expect(!stage.site.targets(at: stage.now).contains { $0.mgs == "unknown" })
    #expect(try stage.site.targetID(named: orphan.id) == id)
  }

  @Test func samplesAndSectionsOfATargetMeanTheSame() throws {
    var stage = try Stage.pair()
    let id = try #require(stage.target("fs1-OST0000")?.id)
    #expect(try resolve(&stage, "oss01", "fs1-OST0000", ["10.0.0.1@tcp"]).targetID == id)
    #expect(try resolve(&stage, "oss01", "fs1-OST0000").targetID == id)
    #expect(try resolve(&stage, "oss02", "fs1-OST0000", ["10.0.0.1@tcp0"]).targetID == id)
  }

  @Test func theSameFactsGiveTheSameIDs() throws {
    let ids = try (0..<2).map { _ in
      try Stage.pair().site.targets(at: Moment(monotonicNanoseconds: 0, wallNanoseconds: 0))
        .map(\.id).sorted()
    }
    #expect(ids[0] == ids[1])
    #expect(Set(ids[0]).count == 4)
  }

  @Test(arguments: [
    ("fs1-OST000a", TargetKind.ost, "fs1", 10), ("a-b-MDT0001", .mdt, "a-b", 1),
    ("fs1:OST0000", .ost, "fs1", 0),
  ])
  func labelsAreTakenApart(text: String, kind: TargetKind, fileSystem: String, index: Int) throws {
    let label = try #require(TargetLabel(text))
    #expect(label.kind == kind)
    #expect(label.fileSystem == fileSystem)
    #expect(label.index == index)
  }

  @Test(arguments: ["", "-OST0000", "fs1-OST", "fs1-XYZ0000", "fs1-client", "fs1-OST-001", "é"])
  func otherTextsAreNoLabels(text: String) {
    #expect(TargetLabel(text) == nil)
  }
}
