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
}
