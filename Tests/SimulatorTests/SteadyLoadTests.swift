import Simulator
import Testing

@Suite struct SteadyLoadTests {
  private static let lnetColumns = [
    "msgs_alloc", "msgs_max", "errors", "send_count", "recv_count", "route_count", "drop_count",
    "send_length", "recv_length", "route_length", "drop_length",
  ]

  private func value(_ rate: ExpectedRate, _ tree: [String: [UInt8]]) throws -> UInt64 {
    let text = try Reading.text(tree, rate.file)
    switch rate.field {
    case .samples: return try #require(Reading.stats(text).samples[rate.counter])
    case .sum: return try #require(Reading.stats(text).sums[rate.counter])
    case .value:
      let column = try #require(Self.lnetColumns.firstIndex(of: rate.counter))
      return try #require(UInt64(text.dropLast().split(separator: " ")[column]))
    }
  }

  @Test(arguments: ["mds01", "mds02", "oss01", "oss02"])
  func everyCounterGrowsAtExactlyItsStatedRate(server: String) throws {
    var site = Reading.site(try .steady(), at: 3)
    let before = site.tree(of: server)
    site.advance(to: 20 * Reading.second)
    let after = site.tree(of: server)
    let rates = site.expectedRates(of: server)
    #expect(rates.count > 10)
    for rate in rates {
      let (old, new) = (try value(rate, before), try value(rate, after))
      // LNet's message counters have 32 bits.
      let growth = rate.counter.hasSuffix("_count") && new < old ? new + (1 << 32) - old : new - old
      #expect(growth == rate.perSecond * 17, "\(rate.file) \(rate.counter) \(rate.field)")
    }
  }

  @Test func everyTargetCounterOfTheFilesHasAStatedRate() throws {
    let site = Reading.site(try .steady(), at: 3)
    for server in site.servers {
      let stated = Set(
        site.expectedRates(of: server.name).filter { $0.field == .samples }.map {
          $0.file + " " + $0.counter
        })
      let tree = site.tree(of: server.name)
      var found: Set<String> = []
      for path in tree.keys
      where
        (path.hasSuffix("/stats") && path.contains("/obdfilter/") || path.hasSuffix("/md_stats"))
        && !path.contains("/exports/")
      {
        for counter in try Reading.stats(tree, path).samples.keys {
          found.insert(path + " " + counter)
        }
      }
      #expect(found == stated)
    }
  }

  @Test func neighbouringTargetsHaveDifferentRates() throws {
    let site = Reading.site(try .steady())
    let writes = site.expectedRates(of: "oss01").filter {
      $0.counter == "write_bytes" && $0.field == .sum
    }
    #expect(Set(writes.map(\.perSecond)).count == writes.count)
    #expect(writes.count == 3)
  }

  @Test func aLoadWithChanceHasNoStatedRates() throws {
    #expect(Reading.site(try .standard()).expectedRates(of: "oss01").isEmpty)
  }
}
