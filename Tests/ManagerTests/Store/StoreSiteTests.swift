import ManagerCore
import Protocol
import Testing

@testable import Manager

@Suite struct StoreSiteTests {
  @Test func recordsComeBackAfterARestart() async throws {
    let site = try await TrustSite()
    let server = try await site.enrol("oss1").server
    let serial = try #require(try await site.store.server(server)?.certificateSerial)
    let mgs = MGSRecord(id: "m", nids: ["10.0.0.1@tcp"])
    let target = TargetRecord(
      id: "t", mgs: "m", label: "fs1-OST0000", kind: .ost, fileSystem: "fs1",
      lastActiveServer: server, servers: [server], servingNIDs: ["10.0.0.2@tcp"])
    try await site.store.apply([
      .persistServer(
        ServerRecord(
          id: server, hostname: "oss1.example", profile: "unheard of", enrolledNanoseconds: 1,
          certificateSerial: "stale", lastBoot: BootID("b"), lastHeardNanoseconds: 50,
          nids: ["10.0.0.2@tcp"])),
      .persistMGS(mgs), .persistTarget(target),
    ])
    let records = try await site.store.siteRecords()
    #expect(records.mgs == [mgs])
    #expect(records.targets == [target])
    let read = try #require(records.servers.first)
    #expect(read.nids == ["10.0.0.2@tcp"])
    #expect(read.hostname == "oss1.example")
    #expect(read.lastBoot == BootID("b"))
    #expect(read.lastHeardNanoseconds == 50)
    // The trust tables know better than a record that was made before a renewal.
    #expect(read.certificateSerial == serial)
    #expect(read.profile == "monitor")
  }

  /// A clock that was ahead is put back: what was heard under it was earlier than it said.
  @Test func whenAServerWasHeardIsWhatWasSaidOfItLast() async throws {
    let site = try await TrustSite()
    let server = try await site.enrol("oss1").server
    func persist(_ heard: Int64?) async throws {
      try await site.store.apply([
        .persistServer(
          ServerRecord(
            id: server, hostname: "oss1", profile: "monitor", enrolledNanoseconds: 1,
            lastHeardNanoseconds: heard))
      ])
    }
    try await persist(nil)
    #expect(try await site.store.server(server)?.heardNanoseconds == nil)
    try await persist(70)
    try await persist(nil)
    #expect(try await site.store.server(server)?.heardNanoseconds == 70)
    try await persist(50)
    #expect(try await site.store.server(server)?.heardNanoseconds == 50)
  }

  @Test func aForgottenServerIsNoRecord() async throws {
    let site = try await TrustSite()
    let server = try await site.enrol("oss1").server
    try await site.enrolment.forget(server, by: "root")
    try await site.store.apply([.removeServer(server)])
    #expect(try await site.store.siteRecords().servers.isEmpty)
    #expect(try await site.store.servers().map(\.isForgotten) == [true])
  }

  @Test func seriesFollowATargetThatIsMerged() async throws {
    let site = try await TrustSite()
    func series(_ target: String) -> StoredSeries {
      StoredSeries(
        subject: .target(target), metric: "lustre_x", labels: [:], kind: .gauge, unit: "1",
        decimals: 0, width: 64)
    }
    var write = HistoryWrite()
    write.series = [(1, series("a")), (2, series("b")), (3, Given.series("c"))]
    try await site.store.append(write, nanoseconds: 1)
    try await site.store.apply([.mergedTarget(from: "b", into: "a")])
    #expect(
      try await site.store.series().map(\.1) == [series("a"), series("a"), Given.series("c")])
  }
}
