/// Where releases of Lustre keep their files.
enum Layout: String, CaseIterable, Sendable {
  case v210, v212, v215, v217

  /// Of a pattern such as `PSSS`, the letter of this layout.
  fileprivate func root(_ locations: String) -> String? {
    guard let place = Layout.allCases.firstIndex(of: self), locations.count == 4 else { return nil }
    switch Array(locations)[place] {
    case "P": return "/proc/fs/lustre/"
    case "S": return "/sys/fs/lustre/"
    case "D": return "/sys/kernel/debug/lustre/"
    default: return nil
    }
  }
}

/// A server with MGS, MDT and OST, the same facts in every layout. Written for these tests from
/// the locations and grammars of Lustre's releases.
struct ServerTree {
  let tree: TemporaryTree
  let layout: Layout

  init(_ layout: Layout) throws {
    tree = try TemporaryTree()
    self.layout = layout
    try writeHost()
    try writeNode()
    try writeMGS()
    try writeMDT()
    try writeOST()
    try writeImports()
  }

  /// A parameter with `/` for `.`, in the place that the layout has for it.
  func write(_ name: String, _ locations: String, _ text: String) throws {
    if let root = layout.root(locations) { try tree.write(root + name, text) }
  }

  private func writeHost() throws {
    try tree.write("/proc/sys/kernel/hostname", "oss1\n")
    try tree.write("/proc/sys/kernel/osrelease", "5.14.0-427.el9.x86_64\n")
    try tree.write(
      "/proc/sys/kernel/random/boot_id", "0f2c1a34-0000-4000-8000-000000000001\n")
    try tree.write("/etc/os-release", "PRETTY_NAME=\"Some Linux 9\"\n")
    try tree.write("/proc/loadavg", "0.52 1.05 12.00 2/345 6789\n")
    try tree.write("/proc/cpuinfo", "processor\t: 0\n\nprocessor\t: 1\n")
    try tree.write(
      "/proc/meminfo",
      """
      MemTotal:       16265936 kB
      MemFree:         1000000 kB
      MemAvailable:    9000000 kB
      Buffers:           12345 kB
      Cached:          7000000 kB
      SwapTotal:          1024 kB
      SwapFree:           1000 kB

      """)
    try tree.write(
      "/proc/stat",
      """
      cpu  10 20 30 40 50 60 70 80 0 0
      ctxt 123456
      btime 1749000000
      processes 789
      procs_running 2
      procs_blocked 1

      """)
    try tree.write("/proc/net/dev", "  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n")
    try tree.write("/sys/devices/pci0/net/eth0/operstate", "up\n")
    try tree.write("/sys/devices/pci0/net/eth0/speed", "100000\n")
    try tree.write("/sys/devices/pci0/net/eth0/mtu", "9000\n")
    try tree.write("/sys/devices/pci0/net/eth0/address", "aa:bb:cc:00:11:22\n")
    try tree.link("/sys/class/net/eth0", to: "../../devices/pci0/net/eth0")
    let mgs = "mgsnode=10.0.0.1@tcp,10.1.0.1@o2ib:10.0.0.2@tcp"
    // 2.10 shows no names in the mount table, and always `ro`.
    let names = layout != .v210
    let state = layout == .v217 ? "rw" : "ro"
    try tree.write(
      "/proc/self/mountinfo",
      """
      22 1 253:0 / / rw shared:1 - xfs /dev/mapper/root rw
      80 22 0:55 / /mnt/mgs rw - lustre /dev/mapper/mgs \(state)\(names ? ",svname=MGS,mgs,osd=osd-ldiskfs" : "")
      81 22 0:56 / /mnt/mdt0 rw - lustre /dev/mapper/mdt0 \(state)\(names ? ",svname=fs-1-MDT0000,\(mgs),osd=osd-ldiskfs" : "")
      82 22 0:57 / /mnt/ost0 rw - lustre_tgt ost0/ost0 ro\(names ? ",svname=fs-1-OST000a,\(mgs),osd=osd-zfs" : "")
      83 22 0:58 / /mnt/client rw - lustre 10.0.0.1@tcp:10.0.0.2@tcp:/fs-1 rw,flock

      """)
  }

  private func writeNode() throws {
    let versions: [Layout: String] = [
      .v210: "2.10.8\n", .v212: "2.12.9_38\n", .v215: "2.15.8\n", .v217: "2.17.0\n",
    ]
    try write("version", "SSSS", versions[layout] ?? "")
    try write("health_check", "SSSS", "NOT HEALTHY\n")
    try write(
      "health_check", "--D-", "device fs-1-OST000a reported unhealthy\nNOT HEALTHY\n")
    try write("devices", "DDDD", "  0 UP obdfilter fs-1-OST000a fs-1-OST000a_UUID 9\n")
    try write("memused", "SSSS", "4501320\n")
    try write("memused_max", "SSSS", "4600000\n")
    let lnet = layout == .v210 ? "/proc/sys/lnet/" : "/sys/kernel/debug/lnet/"
    try tree.write(lnet + "stats", "1 28 3 4294967295 101 5 6 21201322992 53029 7 8\n")
    try tree.write(lnet + "lnet_memused", "36109496\n")
    try tree.write(
      lnet + "nis",
      """
      nid                      status alive refs peer  rtr   max    tx   min
      0@lo                         up     0    2    0    0     0     0     0
      10.0.0.3@tcp                 up    -1    1    8    0   256   256   247
      10.0.0.3@tcp                 up    -1    1    8    0   256    -4    -9

      """)
    try tree.write(
      lnet + "peers",
      """
      nid                      refs state  last   max   rtr   min    tx   min queue
      10.0.0.2@tcp                4    up    -1     8     8     8     8     6 0
      10.0.0.9@tcp                1  down    99     8     8     8     8     6 4096

      """)
  }

  private func writeMGS() throws {
    try write(
      "mgs/MGS/live/fs-1", "PPPP",
      """
      fsname: fs-1
      flags: 0x20     gen: 28
      fs-1-MDT0000
      fs-1-OST000a

      Secure RPC Config Rules:

      imperative_recovery_state:
          state: full
          nonir_clients: 0

      """)
    try write("mgs/MGS/live/params", "PPPP", "fsname: params\nflags: 0x20     gen: 1\n")
    try write("mgs/MGS/num_exports", "PPSS", "7\n")
    try write("mgs/MGS/eviction_count", "---S", "202\n")
    try write("mgs/MGS/exports/10.0.0.7@tcp/uuid", "PPPD", "aaaa-1\n")
    try writeSpace("osd-ldiskfs/MGS", "PPSS", 100, "/dev/mapper/mgs")
  }

  private func writeMDT() throws {
    try write("mdt/fs-1-MDT0000/md_stats", "PPPP", metadataStats)
    try write("mdt/fs-1-MDT0000/job_stats", "PPPP", "job_stats:\n")
    try write(
      "mdt/fs-1-MDT0000/recovery_status", "PPPD",
      """
      status: RECOVERING
      recovery_start: 1749555000
      time_remaining: 142
      connected_clients: 3/4
      req_replay_clients: 2
      lock_repay_clients: 1
      completed_clients: 1
      evicted_clients: 0
      replayed_requests: 6
      queued_requests: 12
      next_transno: 4294967307

      """)
    try write("mdt/fs-1-MDT0000/num_exports", "PPSS", "12\n")
    try write("mdt/fs-1-MDT0000/eviction_count", "---S", "101\n")
    try write("mdt/fs-1-MDT0000/instance", "PPSS", "3\n")
    try write("mdt/fs-1-MDT0000/uuid", "PSSS", "fs-1-MDT0000_UUID\n")
    try write("mdt/fs-1-MDT0000/tot_dirty", "PPSS", "11\n")
    try write("mdt/fs-1-MDT0000/tot_granted", "PPSS", "12\n")
    try write("mdt/fs-1-MDT0000/tot_pending", "PPSS", "13\n")
    try write("mdt/fs-1-MDT0000/exports/10.0.0.7@tcp/uuid", "PPPD", "client-1\nclient-2\n")
    try write(
      "mdt/fs-1-MDT0000/exports/10.0.0.3@tcp/uuid", "PPPD", "fs-1-MDT0000-lwp-OST000a_UUID\n")
    try write("mdt/fs-1-MDT0000/exports/10.0.0.8@tcp/uuid", "PPPD", "")
    try write("mdt/fs-1-MDT0000/exports/clear", "PPPD", "")
    try writeSpace("osd-ldiskfs/fs-1-MDT0000", "PPSS", 200, "/dev/mapper/mdt0")
  }

  private func writeOST() throws {
    try write(
      "obdfilter/fs-1-OST000a/job_stats", "PPPP",
      """
      job_stats:
      - job_id:          dd.0
        snapshot_time:   1749555518
        write_bytes:     { samples: 2, unit: bytes, min: 1, max: 4096, sum: 4097 }

      """)
    try write("obdfilter/fs-1-OST000a/stats", "PPPD", objectStats)
    try write(
      "obdfilter/fs-1-OST000a/recovery_status", "PPPD",
      """
      status: COMPLETE
      recovery_start: 1510605701
      recovery_duration: 31
      completed_clients: 7/9
      replayed_requests: 5
      last_transno: 8589934592
      VBR: DISABLED
      IR: ENABLED

      """)
    try write("obdfilter/fs-1-OST000a/num_exports", "PPSS", "5\n")
    try write("obdfilter/fs-1-OST000a/eviction_count", "---S", "303\n")
    try write("obdfilter/fs-1-OST000a/instance", "PPSS", "4\n")
    try write("obdfilter/fs-1-OST000a/uuid", "PSSS", "fs-1-OST000a_UUID\n")
    try write("obdfilter/fs-1-OST000a/degraded", "PSSS", "1\n")
    try write("obdfilter/fs-1-OST000a/tot_dirty", "PPSS", "21\n")
    try write("obdfilter/fs-1-OST000a/tot_granted", "PPSS", "22\n")
    try write("obdfilter/fs-1-OST000a/tot_pending", "PPSS", "23\n")
    try write("obdfilter/fs-1-OST000a/exports/10.0.0.7@tcp/uuid", "PPPD", "client-1\n")
    try writeSpace("obdfilter/fs-1-OST000a", "PSSS", 300, nil)
    try writeSpace("osd-zfs/fs-1-OST000a", "PPSS", 999, "ost0/ost0")
  }

  private func writeSpace(
    _ directory: String, _ locations: String, _ base: Int, _ device: String?
  ) throws {
    for (place, name) in [
      "kbytestotal", "kbytesfree", "kbytesavail", "filestotal", "filesfree", "blocksize",
    ].enumerated() {
      try write("\(directory)/\(name)", locations, "\(base + place)\n")
    }
    if let device { try write("\(directory)/mntdev", locations, device + "\n") }
  }

  private func writeImports() throws {
    try write(
      "mgc/MGC10.0.0.1@tcp/import", "PDDD",
      "import:\n    name: MGC10.0.0.1@tcp\n    target: MGS\n    state: FULL\n")
    try write(
      "osp/fs-1-OST000b-osc-MDT0000/import", "PDDD",
      """
      import:
          name: fs-1-OST000b-osc-MDT0000
          target: fs-1-OST000b_UUID
          state: DISCONN
          connection:
             failover_nids: [ 10.0.0.4@tcp, 10.0.0.3@tcp ]
             current_connection: 10.0.0.4@tcp

      """)
    try write("lwp/fs-1-MDT0000-lwp-OST000a/connect_flags", "PDDD", "x\n")
  }

  private var header: String {
    let snapshot = "snapshot_time             1749630552.994884593 secs.nsecs\n"
    guard layout == .v215 || layout == .v217 else { return snapshot }
    return snapshot + "start_time                1749630000.000000007 secs.nsecs\n"
      + "elapsed_time              552.994884586 secs.nsecs\n"
  }

  private var metadataStats: String {
    switch layout {
    case .v210:
      header + "open 10 samples [reqs]\nstatfs 1 samples [reqs]\nstatfs 2 samples [reqs]\n"
    // The unit of 2.11 to 2.13 is wrong; the numbers are bytes.
    case .v212:
      header + "open 10 samples [reqs]\nread_bytes 2 samples [reqs] 1 5 6\n"
    case .v215, .v217:
      header + "open 10 samples [usecs] 1 9 35 200\nnovel 3 samples [widgets] 1 2 5 9\n"
    }
  }

  private var objectStats: String {
    switch layout {
    case .v210, .v212:
      header + "read_bytes 5 samples [bytes] 4096 1048576 2097152\n"
        + "write_bytes 4298711 samples [bytes] 1 4194304 16552048697344\npunch 57 samples [reqs]\n"
    case .v215, .v217:
      header + "read_bytes 5 samples [bytes] 4096 1048576 2097152 99\n"
        + "write_bytes 4298711 samples [bytes] 1 4194304 16552048697344 99\n"
        + "punch 57 samples [usecs] 3 4 200 900\n"
    }
  }
}
