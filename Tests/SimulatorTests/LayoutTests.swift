import Protocol
import Simulator
import Testing

@Suite struct LayoutTests {
  /// Where a file lies in 2.12, 2.15, 2.17: P `/proc/fs/lustre`, S `/sys/fs/lustre`, D debugfs,
  /// several letters for several copies, nothing for no such file. After the parameter tables of
  /// Lustre's branches b2_12, b2_15 and b2_17.
  private static let positions: [(path: String, places: [String])] = [
    ("version", ["S", "S", "S"]),
    ("health_check", ["S", "SD", "S"]),
    ("memused", ["S", "S", "S"]),
    ("devices", ["D", "D", "D"]),
    ("mdt/scratch-MDT0000/md_stats", ["P", "P", "P"]),
    ("mdt/scratch-MDT0000/job_stats", ["P", "P", "P"]),
    ("mdt/scratch-MDT0000/recovery_status", ["P", "P", "D"]),
    ("mdt/scratch-MDT0000/num_exports", ["P", "S", "S"]),
    ("mdt/scratch-MDT0000/uuid", ["S", "S", "S"]),
    ("mdt/scratch-MDT0000/instance", ["P", "S", "S"]),
    ("mdt/scratch-MDT0000/eviction_count", ["", "", "S"]),
    ("mdt/scratch-MDT0000/exports/10.73.100.1@tcp/uuid", ["P", "P", "D"]),
    ("mdt/scratch-MDT0000/exports/10.73.100.1@tcp/stats", ["P", "P", "D"]),
    ("mdt/scratch-MDT0000/tot_granted", ["P", "S", "S"]),
    ("osd-ldiskfs/scratch-MDT0000/kbytesfree", ["P", "S", "S"]),
    ("osd-ldiskfs/scratch-MDT0000/filesfree", ["P", "S", "S"]),
    ("osd-ldiskfs/scratch-MDT0000/mntdev", ["P", "S", "S"]),
    ("osp/scratch-OST0000-osc-MDT0000/import", ["D", "D", "D"]),
    ("osp/scratch-OST0000-osc-MDT0000/active", ["S", "S", "S"]),
    ("osp/scratch-MDT0001-osp-MDT0000/mdt_server_uuid", ["D", "D", "D"]),
    ("lod/scratch-MDT0000-mdtlov/target_obd", ["P", "P", "D"]),
    ("mgs/MGS/live/scratch", ["P", "P", "P"]),
    ("mgs/MGS/live/params", ["P", "P", "P"]),
    ("mgs/MGS/filesystems", ["D", "D", "D"]),
    ("mgs/MGS/num_exports", ["P", "S", "S"]),
    ("mgs/MGS/exports/10.73.20.1@tcp/uuid", ["P", "P", "D"]),
    ("mgs/MGS/mntdev", ["", "S", "S"]),
    ("mgc/MGC10.73.10.11@tcp/import", ["D", "D", "D"]),
    ("obdfilter/scratch-OST0000/stats", ["P", "P", "D"]),
    ("obdfilter/scratch-OST0000/job_stats", ["P", "P", "P"]),
    ("obdfilter/scratch-OST0000/recovery_status", ["P", "P", "D"]),
    ("obdfilter/scratch-OST0000/exports/10.73.10.11@tcp/uuid", ["P", "P", "D"]),
    ("obdfilter/scratch-OST0000/num_exports", ["P", "S", "S"]),
    ("obdfilter/scratch-OST0000/kbytesavail", ["S", "S", "S"]),
    ("obdfilter/scratch-OST0000/degraded", ["S", "S", "S"]),
    ("obdfilter/scratch-OST0000/tot_granted", ["P", "S", "S"]),
    ("obdfilter/scratch-OST0000/recovery_time_soft", ["P", "S", "S"]),
    ("osd-ldiskfs/scratch-OST0000/kbytestotal", ["P", "S", "S"]),
    ("osd-zfs/home-OST0000/kbytestotal", ["P", "S", "S"]),
    ("lwp/scratch-MDT0000-lwp-OST0000/import", ["D", "D", "D"]),
  ]

  @Test(arguments: Layout.allCases)
  func everyParameterLiesWhereItsReleaseHasIt(layout: Layout) throws {
    let column = try #require(Layout.allCases.firstIndex(of: layout))
    let site = Reading.site(
      try .steady(servers: 4, clients: 2, layouts: .uniform(layout)), at: 1)
    let tree = site.tree(of: "mds01").merging(site.tree(of: "oss01")) { own, _ in own }
    let roots = [
      ("P", "proc/fs/lustre/"), ("S", "sys/fs/lustre/"), ("D", "sys/kernel/debug/lustre/"),
    ]
    for (path, places) in Self.positions {
      let found = roots.filter { tree[$0.1 + path] != nil }.map(\.0).joined()
      #expect(found == places[column], "\(path) in \(layout.rawValue)")
    }
  }

  @Test(arguments: Layout.allCases)
  func hostFilesAreThereInEveryLayout(layout: Layout) throws {
    let site = Reading.site(try .standard(clients: 2, layouts: .uniform(layout)), at: 1)
    for server in site.servers {
      let tree = site.tree(of: server.name)
      for path in [
        "etc/hostname", "etc/os-release", "proc/self/mountinfo", "proc/self/mounts", "proc/mounts",
        "proc/stat", "proc/meminfo", "proc/cpuinfo", "proc/loadavg", "proc/uptime", "proc/net/dev",
        "proc/sys/kernel/osrelease", "sys/class/net/ens1f0/operstate", "sys/class/net/ens1f0/mtu",
        "sys/class/net/ens1f0/speed", "sys/class/net/ens1f0/address",
        "sys/kernel/debug/lnet/stats", "sys/kernel/debug/lnet/nis", "sys/kernel/debug/lnet/peers",
      ] {
        #expect(tree[path] != nil, "\(path)")
      }
      #expect(try Reading.text(tree, "proc/sys/kernel/hostname") == server.name + "\n")
      #expect(
        try Reading.text(tree, "proc/sys/kernel/random/boot_id") == server.bootID.text + "\n")
      #expect(try Reading.text(tree, "sys/fs/lustre/version") == layout.version + "\n")
    }
  }

  /// Blanks, colons and `@` in a job's name: bare until 2.13, then escaped, from 2.16 partly bare.
  @Test(arguments: [
    (Layout.lustre2_12, ["align genome.1340", "fio:0:hot", "rsync@login01.1001"]),
    (.lustre2_15, ["\"align\\x20genome.1340\"", "\"fio\\x3A0\\x3Ahot\"", "rsync@login01.1001"]),
    (.lustre2_17, ["\"align\\x20genome.1340\"", "\"fio:0:hot\"", "rsync@login01.1001"]),
  ])
  func jobNamesAreEscapedAsEachReleaseDoes(layout: Layout, names: [String]) throws {
    let site = Reading.site(try .standard(clients: 10, layouts: .uniform(layout)), at: 1)
    var text = ""
    for server in site.servers {
      let tree = site.tree(of: server.name)
      for path in Reading.paths(tree, endingIn: "/job_stats") {
        text += try Reading.text(tree, path)
      }
    }
    for name in names { #expect(text.contains("- job_id:          \(name)\n"), "\(name)") }
  }

  @Test func pairsRunTheSameReleaseAndTheDefaultSiteHasAllThree() throws {
    let site = Reading.site(try .standard())
    #expect(Set(site.servers.map(\.layout)) == Set(Layout.allCases))
    for server in site.servers {
      #expect(site.servers.first { $0.name == server.twin }?.layout == server.layout)
    }
  }

  @Test func theDefaultSiteIsTwoFileSystemsOnThreePairs() throws {
    let site = Reading.site(try .standard())
    #expect(site.servers.map(\.name) == ["mds01", "mds02", "oss01", "oss02", "oss03", "oss04"])
    func labels(_ fileSystem: String?, _ kind: TargetKind) -> Int {
      site.targets.count { $0.fileSystem == fileSystem && $0.kind == kind }
    }
    #expect(labels(nil, .mgt) == 1)
    #expect(labels("scratch", .mdt) == 2)
    #expect(labels("scratch", .ost) == 8)
    #expect(labels("home", .mdt) == 1)
    #expect(labels("home", .ost) == 4)
    #expect(site.clients(of: "scratch").count == 40)
    #expect(site.targets.allSatisfy { $0.mountedOn == [$0.servers[0]] })
  }

  @Test func moreServersMeanMoreObjectTargetsWithNamesAndAddressesOfTheirOwn() throws {
    let site = Reading.site(try .standard(servers: 400, clients: 1))
    #expect(site.targets.count { $0.kind == .ost } == 398 * 3)
    #expect(Set(site.servers.map(\.name)).count == 400)
    #expect(Set(site.servers.map(\.nid)).count == 400)
  }

  @Test(arguments: [0, 2, 3, 5, 402]) func impossibleNumbersOfServersAreRefused(servers: Int) {
    #expect(throws: SiteProblem.self) { try SiteConfiguration.standard(servers: servers) }
  }

  @Test func unknownLayoutsAreRefusedWithTheList() {
    #expect {
      try SiteConfiguration.Layouts(parsing: "2.16")
    } throws: { error in
      "\(error)" == "\"2.16\" is no layout; possible: mixed, 2.12, 2.15, 2.17"
    }
  }
}
