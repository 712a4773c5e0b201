import Protocol
import Testing

@testable import ManagerCore

@Suite struct ViewTests {
  private func value(
    _ stage: inout Stage, _ label: String, on name: String, _ metric: Metric, _ number: Int64,
    age: Int64 = 0
  ) throws {
    let id = try #require(stage.servers[name]?.id)
    stage.site.valueArrived(
      server: id, subject: .target(TargetReference(label: label, mgs: ["10.0.0.1@tcp"])),
      metric: metric.name, labels: ["component": "ost"], bits: UInt64(bitPattern: number),
      nanoseconds: stage.now.wallNanoseconds - age * Stage.second, at: stage.now)
  }

  @Test func spaceIsTheSumOfTheOSTsAndInodesOfTheMDTs() throws {
    var stage = try Stage.pair()
    try value(&stage, "fs1-OST0000", on: "oss01", .capacity, 1_000)
    try value(&stage, "fs1-OST0001", on: "oss02", .capacity, 500, age: 7)
    try value(&stage, "fs1-OST0001", on: "oss02", .availableSpace, 100)
    try value(&stage, "fs1-MDT0000", on: "mds01", .capacity, 7_777)
    try value(&stage, "fs1-MDT0000", on: "mds01", .inodes, 40)
    try value(&stage, "fs1-MDT0000", on: "mds01", .freeInodes, 30)
    let summary = try #require(stage.fileSystem)
    #expect(summary.bytesTotal == 1_500)
    #expect(summary.bytesAvailable == 100)
    #expect(summary.bytesFree == nil)
    #expect(summary.inodesTotal == 40)
    #expect(summary.inodesFree == 30)
    #expect(summary.evidenceSecondsAgo == 7)
    // No OST has told all three: the least covered of the sums tells the number.
    #expect(summary.bytesTargets == 1 && summary.inodesTargets == 1)
    #expect(stage.target("fs1-MDT0000")?.bytesTotal == 7_777)
  }

  @Test func aSumTellsHowManyTargetsItCovers() throws {
    var stage = try Stage.pair()
    #expect(stage.fileSystem?.bytesTargets == 0 && stage.fileSystem?.inodesTargets == 0)
    for metric in [Metric.capacity, .freeSpace, .availableSpace] {
      try value(&stage, "fs1-OST0000", on: "oss01", metric, 1_000, age: 5)
    }
    // A size without the free space beside it would make a wrong share.
    try value(&stage, "fs1-OST0001", on: "oss02", .capacity, 500)
    var summary = try #require(stage.fileSystem)
    #expect(summary.osts == 2 && summary.bytesTargets == 1)
    #expect(summary.bytesTotal == 1_000 && summary.bytesFree == 1_000)
    #expect(stage.target("fs1-OST0000")?.capacitySecondsAgo == 5)
    for metric in [Metric.freeSpace, .availableSpace] {
      try value(&stage, "fs1-OST0001", on: "oss02", metric, 300)
    }
    summary = try #require(stage.fileSystem)
    #expect(summary.bytesTargets == 2 && summary.bytesTotal == 1_500)
    // Figures that can not be true are none: a size of nothing, more free than there is.
    for (metric, lie, truth) in [(Metric.capacity, 0, 500), (.freeSpace, 501, 300)] {
      try value(&stage, "fs1-OST0001", on: "oss02", metric, Int64(lie))
      summary = try #require(stage.fileSystem)
      #expect(summary.bytesTargets == 1 && summary.bytesTotal == 1_000)
      try value(&stage, "fs1-OST0001", on: "oss02", metric, Int64(truth))
    }
    // What an away server told last stays, with its age.
    stage.cut("oss01")
    try stage.run(60)
    summary = try #require(stage.fileSystem)
    #expect(summary.bytesTargets == 2 && summary.evidenceSecondsAgo == 65)
    #expect(stage.target("fs1-OST0000")?.capacitySecondsAgo == 65)
  }

  @Test func aTargetOnTwoServersIsActiveOnBothAndFailoverOfNeither() throws {
    var stage = try Stage.pair()
    #expect(stage.target("fs1-OST0000")?.activeServers == ["oss01"])
    stage.mount("fs1-OST0000", on: "oss02")
    try stage.run(2)
    let target = try #require(stage.target("fs1-OST0000"))
    #expect(target.state == .twice && target.activeOn == "oss01")
    #expect(target.activeServers == ["oss01", "oss02"])
    #expect(target.failoverServers.isEmpty)
    // Silence releases nothing: both stay named.
    stage.cut("oss01")
    try stage.run(60)
    let later = try #require(stage.target("fs1-OST0000"))
    #expect(later.state == .twice && Set(later.activeServers ?? []) == ["oss01", "oss02"])
    #expect(later.failoverServers.isEmpty)
  }

  @Test func aValueNeitherGoesBackInTimeNorBelowZero() throws {
    var stage = try Stage.pair()
    try value(&stage, "fs1-OST0000", on: "oss01", .freeSpace, 10)
    try value(&stage, "fs1-OST0000", on: "oss01", .freeSpace, 99, age: 60)
    #expect(stage.target("fs1-OST0000")?.bytesFree == 10)
    try value(&stage, "fs1-OST0000", on: "oss01", .freeSpace, -1)
    #expect(stage.target("fs1-OST0000")?.bytesFree == nil)
    try value(&stage, "fs1-OST0000", on: "oss01", .load1, 3)
    let id = try #require(stage.target("fs1-OST0000")?.id)
    #expect(stage.site.targets[id]?.values.count == 1)
  }

  @Test func clientsAreCountedOnceOverTheMDTs() throws {
    var stage = try Stage.pair()
    stage.mount("fs1-MDT0001", on: "mds01")
    stage.servers["mds01"]?.clients = ["fs1-MDT0000": ["a", "b"], "fs1-MDT0001": ["b", "c"]]
    stage.servers["oss01"]?.clients = ["fs1-OST0000": ["x"]]
    try stage.run(2)
    #expect(stage.fileSystem?.clients == 3)
    #expect(stage.fileSystem?.clientsTargets == 2 && stage.fileSystem?.mdts == 2)
    #expect(stage.target("fs1-MDT0001")?.clients == 2)
    let detail = try stage.site.fileSystemDetail("fs1", at: stage.now)
    #expect(detail.clients.map(\.uuid) == ["a", "b", "c"])
    #expect(
      try stage.site.targetDetail("fs1-OST0000", at: stage.now).clientList.map(\.uuid) == ["x"])
  }

  @Test func withoutMDT0000AFileSystemIsUnavailable() throws {
    var stage = try Stage.pair()
    stage.unmount("fs1-MDT0000", on: "mds01")
    try stage.run()
    #expect(stage.fileSystem?.state == .unavailable)
    #expect(stage.fileSystem?.targetsActive == 2)
    #expect(stage.site.status(at: stage.now).health == .unhealthy)
    stage.cut("mds01")
    try stage.run(5)
    #expect(stage.fileSystem?.state == .unknown)
    #expect(stage.site.status(at: stage.now).health == .unknown)
  }

  @Test func withoutItsMGSAFileSystemIsDegraded() throws {
    var stage = try Stage.pair()
    stage.unmount("MGS", on: "mds01")
    stage.servers["mds01"]?.live = nil
    try stage.run()
    #expect(stage.target("MGS")?.state == .unmounted)
    #expect(stage.fileSystem?.state == .degraded)
    #expect(stage.fileSystem?.reason.contains("no client can mount") == true)
  }

  @Test func aFileSystemOfWhichNobodyTellsMDT0000IsUnknown() throws {
    var stage = Stage()
    stage.enrol("oss01")
    stage.mount("fs1-OST0000", on: "oss01")
    stage.connect("oss01")
    try stage.run(2)
    #expect(stage.fileSystem?.state == .unknown)
    #expect(stage.fileSystem?.reason == "no server tells of fs1-MDT0000")
  }

  @Test func aTargetsClaimsNameWhoSaysWhat() throws {
    var stage = try Stage.pair()
    stage.cut("oss01")
    try stage.run(10)
    stage.mount("fs1-OST0000", on: "oss02")
    try stage.run(2)
    let detail = try stage.site.targetDetail("fs1-OST0000", at: stage.now)
    #expect(detail.claims.map(\.server) == ["oss02", "oss01"])
    #expect(detail.claims.map(\.isActive) == [true, true])
    #expect(detail.claims.map(\.isCurrent) == [true, false])
    let other = try stage.site.targetDetail("fs1-OST0001", at: stage.now)
    #expect(other.claims.map(\.isActive) == [true, false])
  }

  @Test func aServersDetailShowsItsSectionsWithTheirAge() throws {
    var stage = try Stage.pair()
    stage.servers["oss01"]?.cycles["lnet"] = .stalled
    try stage.run(5)
    let id = try #require(stage.servers["oss01"]?.id)
    stage.site.batchIngested(id, samples: 40, at: stage.now)
    let detail = try stage.site.serverDetail(id.text.uppercased(), at: stage.now)
    #expect(detail.summary.lustreVersion == "2.15.4")
    #expect(detail.summary.targets == ["fs1-OST0000"])
    #expect(detail.samplesReceived == 40)
    #expect(detail.agentVersion == "1.0")
    let sections = Dictionary(detail.sections.map { ($0.key.name, $0) }) { first, _ in first }
    #expect(sections["target"]?.isCurrent == true)
    #expect(sections["target"]?.evidenceSecondsAgo == 0.1)
    #expect(sections["lnet"]?.isCurrent == false)
    #expect(sections["lnet"]?.evidenceSecondsAgo == 5.1)
  }

  @Test func twoServersOfOneNameAreAmbiguous() throws {
    var stage = Stage()
    stage.enrol("a")
    stage.enrol("b")
    for name in ["a", "b"] {
      stage.servers[name]?.name = "same"
      stage.connect(name)
    }
    try stage.run()
    let error = #expect(throws: DiagnosticError.self) {
      try stage.site.serverDetail("same", at: stage.now)
    }
    #expect(error?.diagnostic.code == "ambiguous-name")
    let ids = stage.site.servers(at: stage.now).map(\.id.text)
    #expect(ids.allSatisfy { error?.diagnostic.reason.contains($0) == true })
    stage.cut("a")
    try stage.run(5)
    #expect(stage.findings(.serverLost).first?.diagnostic.remedy == "iml server show \(ids[0])")
  }

  @Test func anEmptySiteIsUnknownNotHealthy() {
    let stage = Stage()
    let status = stage.site.status(at: stage.now)
    #expect(status.health == .unknown)
    #expect(status.upSeconds == 0)
  }

  @Test func agesReadLikeAges() {
    let texts: [Int64] = [0, 99, 100, 5_999, 6_000, 172_799, 172_800]
    #expect(
      texts.map { AgeText.text(nanoseconds: $0 * 1_000_000_000) }
        == ["0 s", "99 s", "1 min", "99 min", "1 h", "47 h", "2 d"])
  }
}
