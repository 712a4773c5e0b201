import Protocol
import Simulator
import Testing

@Suite struct DeterminismTests {
  private func bytes(of site: SimulatedSite) -> [String: [String: [UInt8]]] {
    Dictionary(uniqueKeysWithValues: site.servers.map { ($0.name, site.tree(of: $0.name)) })
  }

  @Test func sameSeedGivesSameBytesHoweverTimeIsCutUp() throws {
    let configuration = try SiteConfiguration.standard(clients: 12)
    let loss = try ScheduledFault(parsing: "power-loss:oss01@12s+30s")
    var whole = Reading.site(configuration)
    try whole.schedule(loss)
    whole.advance(to: 60 * Reading.second)
    var pieces = Reading.site(configuration)
    try pieces.schedule(loss)
    var time: Int64 = 0
    while time < 60 * Reading.second {
      time += 733_333_331
      pieces.advance(to: min(time, 60 * Reading.second))
    }
    #expect(bytes(of: whole) == bytes(of: pieces))
    #expect(bytes(of: whole)["oss02"]?.isEmpty == false)
  }

  @Test func anotherSeedGivesAnotherSite() throws {
    let configuration = try SiteConfiguration.standard(clients: 12)
    let one = Reading.site(configuration, seed: 1, at: 20)
    let two = Reading.site(configuration, seed: 2, at: 20)
    #expect(bytes(of: one) != bytes(of: two))
    #expect(one.servers.map(\.name) == two.servers.map(\.name))
  }

  @Test func timeNeverGoesBack() throws {
    var site = Reading.site(try .standard(clients: 4), at: 5)
    let before = bytes(of: site)
    site.advance(to: Reading.second)
    #expect(site.now == 5 * Reading.second)
    #expect(bytes(of: site) == before)
  }

  /// The generator's first values for seed 0, as published with the algorithm.
  @Test func generatorIsSplitMix64() {
    var random = SplitMix64(seed: 0)
    #expect(random.next() == 0xe220_a839_7b1d_cdaf)
    #expect(random.next() == 0x6e78_9e6a_a1b9_65f4)
    #expect(ServerID(random.uuid()) != nil)
  }
}
