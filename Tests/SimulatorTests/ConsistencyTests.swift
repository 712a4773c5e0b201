import Protocol
import Simulator
import Testing

@Suite struct ConsistencyTests {
  @Test func whatClientsMoveIsWhatObjectTargetsCount() throws {
    var site = Reading.site(try .standard(), at: 100)
    try site.schedule(ScheduledFault(parsing: "power-loss:oss01@110s+40s"))
    site.advance(to: 250 * Reading.second)
    for fileSystem in ["scratch", "home"] {
      let clients = site.clientTotals(of: fileSystem)
      let objects = site.objectTotals(of: fileSystem)
      #expect(clients.written == objects.written)
      #expect(clients.read == objects.read)
      #expect(clients.written > 1 << 30)
    }
  }

  @Test func theFilesOfAllObjectTargetsAddUpToWhatClientsWrote() throws {
    let site = Reading.site(try .standard(), at: 60)
    var written: UInt64 = 0
    for server in site.servers {
      let tree = site.tree(of: server.name)
      for path in Reading.paths(tree, endingIn: "/stats")
      where path.contains("/obdfilter/scratch-") && !path.contains("/exports/") {
        written += try Reading.stats(tree, path).sums["write_bytes"] ?? 0
      }
    }
    #expect(written == site.clientTotals(of: "scratch").written)
  }

  @Test(arguments: ["mds01", "mds02", "oss01", "oss02", "oss03", "oss04"])
  func exportsAddUpToTheirTarget(server: String) throws {
    let tree = Reading.site(try .standard(), at: 60).tree(of: server)
    let totals =
      Reading.paths(tree, endingIn: "/stats").filter {
        $0.contains("/obdfilter/") && !$0.contains("/exports/")
      } + Reading.paths(tree, endingIn: "/md_stats")
    #expect(!totals.isEmpty)
    for path in totals {
      let slash = try #require(path.lastIndex(of: "/"))
      // A 2.17 md_stats is in another root than its exports; the folders' names are the same.
      let folder = path[..<slash].split(separator: "/").suffix(2).joined(separator: "/")
      var sum: [String: UInt64] = [:]
      for export in Reading.paths(tree, endingIn: "/stats")
      where export.contains("/\(folder)/exports/") {
        sum.merge(try Reading.stats(tree, export).samples) { $0 + $1 }
      }
      #expect(sum == (try Reading.stats(tree, path).samples), "\(path)")
    }
  }

  @Test func countersNeverFallWithinAMountAndRestartWithANewOne() throws {
    var site = Reading.site(try .standard(layouts: .uniform(.lustre2_15)))
    try site.schedule(ScheduledFault(parsing: "power-loss:oss01@15s+60s"))
    try site.schedule(ScheduledFault(parsing: "failback:oss01@120s"))
    try site.schedule(ScheduledFault(parsing: "power-loss:mds01@30s+60s"))
    var last: [String: Reading.Stats] = [:]
    var remounts = 0
    for second in stride(from: Int64(1), through: 180, by: 4) {
      site.advance(to: second * Reading.second)
      for server in site.servers {
        let tree = site.tree(of: server.name)
        for path in Reading.paths(tree, endingIn: "stats") where !path.hasSuffix("job_stats") {
          guard path.contains("/obdfilter/") || path.contains("/mdt/") else { continue }
          let now = try Reading.stats(tree, path)
          // One target's file, whichever server shows it.
          if let before = last[path], before.startTime == now.startTime {
            for (name, count) in before.samples {
              #expect(now.samples[name, default: 0] >= count, "\(path) \(name) at \(second) s")
            }
          } else if last[path] != nil, path.hasSuffix("OST0000/stats") {
            remounts += 1
            #expect(now.samples["write_bytes", default: 0] < 1_000)
          }
          last[path] = now
        }
      }
    }
    // scratch-OST0000 and home-OST0000 move away and back.
    #expect(remounts == 4)
  }

  @Test func instanceGrowsWithEachMount() throws {
    var site = Reading.site(try .standard(), at: 1)
    func instance() -> Int64? {
      site.targets.first { $0.label == "scratch-OST0000" }?.instance
    }
    let before = try #require(instance())
    try site.apply(.powerLoss(server: "oss01"))
    site.advance(to: 60 * Reading.second)
    #expect(instance() == before + 1)
    let tree = site.tree(of: "oss02")
    let path = "proc/fs/lustre/obdfilter/scratch-OST0000/instance"
    #expect(try Reading.number(tree, path) == UInt64(before + 1))
  }

  @Test func freeSpaceSinksByWhatIsWritten() throws {
    var site = Reading.site(try .steady(layouts: .uniform(.lustre2_15)), at: 1)
    let stats = "proc/fs/lustre/obdfilter/scratch-OST0001/stats"
    let free = "sys/fs/lustre/obdfilter/scratch-OST0001/kbytesfree"
    let before = site.tree(of: "oss01")
    site.advance(to: 31 * Reading.second)
    let after = site.tree(of: "oss01")
    let written =
      try #require(Reading.stats(after, stats).sums["write_bytes"])
      - #require(Reading.stats(before, stats).sums["write_bytes"])
    let sunk = try Reading.number(before, free) - Reading.number(after, free)
    #expect(written > 0)
    #expect(sunk == written / 1_024)
    #expect(
      try Reading.number(after, "sys/fs/lustre/osd-ldiskfs/scratch-OST0001/kbytesfree")
        == Reading.number(after, free))
  }

  @Test func idleClientsCountNothing() throws {
    let site = Reading.site(try .standard(), at: 100)
    let tree = site.tree(of: "oss01")
    let idle = site.clients(of: "scratch")[9]
    let folder = "proc/fs/lustre/obdfilter/scratch-OST0000/exports/\(idle.nid)"
    #expect(try Reading.text(tree, folder + "/uuid") == idle.uuid + "\n")
    #expect(try Reading.stats(tree, folder + "/stats").samples.isEmpty)
  }

  @Test func oneObjectTargetIsHotterThanTheRest() throws {
    var site = Reading.site(try .standard(layouts: .uniform(.lustre2_12)), at: 1)
    func reads() throws -> [String: UInt64] {
      var found: [String: UInt64] = [:]
      for server in site.servers {
        let tree = site.tree(of: server.name)
        for path in Reading.paths(tree, endingIn: "/stats")
        where path.contains("obdfilter/scratch") && !path.contains("exports") {
          found[path] = try Reading.stats(tree, path).samples["read_bytes"]
        }
      }
      return found
    }
    let before = try reads()
    site.advance(to: 61 * Reading.second)
    let rates = try reads().mapValues { $0 }.merging(before) { $0 - $1 }
    let hottest = rates.max { $0.value < $1.value }
    #expect(hottest?.key.contains("scratch-OST0003") == true)
  }

  @Test func aMessageCounterWrapsAtThirtyTwoBits() throws {
    var site = Reading.site(try .standard())
    func sent() throws -> UInt64 {
      let text = try Reading.text(site.tree(of: "oss02"), "sys/kernel/debug/lnet/stats")
      return try #require(UInt64(text.split(separator: " ")[3]))
    }
    let before = try sent()
    site.advance(to: 120 * Reading.second)
    #expect(before > 4_294_000_000)
    #expect(try sent() < before)
  }
}
