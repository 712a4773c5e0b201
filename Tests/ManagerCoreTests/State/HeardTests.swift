import ManagerCore
import Protocol
import Testing

@Suite struct HeardTests {
  private static let second: Int64 = 1_000_000_000

  @Test func whatHistoryHoldsTellsWhenAServerWasHeard() throws {
    let id = try #require(ServerID("11111111-2222-4333-8444-555555555555"))
    let now = Moment(
      monotonicNanoseconds: 1_000 * Self.second, wallNanoseconds: 5_000 * Self.second)
    var site = ObservedSite(
      managerVersion: "test", startedAt: now, seed: 1,
      known: [
        ServerRecord(
          id: id, hostname: "oss01", profile: "monitor", enrolledNanoseconds: 1,
          lastHeardNanoseconds: 4_940 * Self.second)
      ], targets: [], mgs: [])
    #expect(try site.serverDetail("oss01", at: now).summary.heardSecondsAgo == 60)
    site.wasHeard(id, wallNanoseconds: 4_997 * Self.second, at: now)
    #expect(try site.serverDetail("oss01", at: now).summary.heardSecondsAgo == 3)
    site.wasHeard(id, wallNanoseconds: 4_900 * Self.second, at: now)
    #expect(try site.serverDetail("oss01", at: now).summary.heardSecondsAgo == 3)
    #expect(try site.serverDetail("oss01", at: now).summary.contact == .lost, "no session speaks")
  }

  /// What was written down by a clock that was ahead lies in the future of one that was put right while no
  /// manager ran. How far apart two of these times are is right all the same.
  @Test func agesGoOnWhenTheClockIsPutRightBetweenTwoManagers() throws {
    let dead = try #require(ServerID("11111111-2222-4333-8444-555555555555"))
    let alive = try #require(ServerID("11111111-2222-4333-8444-666666666666"))
    let early = try #require(ServerID("11111111-2222-4333-8444-777777777777"))
    let now = Moment(
      monotonicNanoseconds: 1_000 * Self.second, wallNanoseconds: 5_000 * Self.second)
    func record(_ id: ServerID, _ name: String, _ seconds: Int64) -> ServerRecord {
      ServerRecord(
        id: id, hostname: name, profile: "monitor", enrolledNanoseconds: 1,
        lastHeardNanoseconds: seconds * Self.second)
    }
    var site = ObservedSite(
      managerVersion: "test", startedAt: now, seed: 1,
      known: [
        record(dead, "oss01", 5_580), record(alive, "oss02", 5_600), record(early, "oss03", 4_990),
      ], targets: [], mgs: [])
    func age(_ name: String) throws -> Double? {
      try site.serverDetail(name, at: now).summary.heardSecondsAgo
    }
    #expect(try age("oss01") == 20)
    #expect(try age("oss02") == 0)
    #expect(try age("oss03") == 10, "by the clock before it went ahead")
    // It is written down as it is now.
    let written = site.takeEffects().compactMap {
      if case .persistServer(let record) = $0 { record } else { nil }
    }
    #expect(written.first { $0.id == dead }?.lastHeardNanoseconds == 4_980 * Self.second)
  }
}
