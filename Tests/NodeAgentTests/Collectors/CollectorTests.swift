import AgentCore
import Glibc
import NodeAgent
import Protocol
import Foundation
import Testing

@Suite struct CollectorTests {
  private static let reference = ["10.0.0.1@tcp", "10.1.0.1@o2ib", "10.0.0.2@tcp"]

  @Test(arguments: Layout.allCases) func everyLayoutTellsTheSameFacts(layout: Layout) throws {
    let server = try ServerTree(layout)
    let look = try server.tree.look()
    #expect(look.failures.isEmpty)
    #expect(look.leftovers.isEmpty)
    #expect(Set(look.names("target")) == ["MGS", "fs-1-MDT0000", "fs-1-OST000a"])
    let ost: TargetSection = try look.section("fs-1-OST000a")
    #expect(ost.kind == .ost && ost.fileSystem == "fs-1" && ost.index == 10)
    #expect(ost.uuid == "fs-1-OST000a_UUID" && ost.instance == 4)
    #expect(ost.backend == "zfs" && ost.device == "ost0/ost0" && ost.mountPoint == "/mnt/ost0")
    #expect(ost.recovery == .complete && ost.degraded == true)
    #expect(ost.reference.mgs == (layout == .v210 ? ["10.0.0.1@tcp"] : Self.reference))
    #expect(ost.readOnly == (layout == .v217 ? true : nil), "earlier `ro` means nothing")
    let mdt: TargetSection = try look.section("fs-1-MDT0000")
    #expect(mdt.kind == .mdt && mdt.index == 0 && mdt.recovery == .recovering)
    #expect(mdt.backend == "ldiskfs" && mdt.device == "/dev/mapper/mdt0")
    #expect(mdt.readOnly == (layout == .v217 ? false : nil))
    let mgt: TargetSection = try look.section("MGS")
    #expect(mgt.kind == .mgt && mgt.fileSystem == nil && mgt.mountPoint == "/mnt/mgs")
    #expect(mgt.reference == TargetReference(label: "MGS", mgs: ["10.0.0.1@tcp"]))
  }

  @Test(arguments: Layout.allCases) func everyLayoutTellsTheSameNumbers(layout: Layout) throws {
    let server = try ServerTree(layout)
    let look = try server.tree.look()
    let ost = ["component": "ost", "target": "fs-1-OST000a"]
    let mdt = ["component": "mdt", "target": "fs-1-MDT0000"]
    #expect(look.value("lustre_write_bytes_total", ost, ["operation": "write"]) == "16552048697344")
    #expect(look.value("lustre_write_samples_total", ost, ["operation": "write"]) == "4298711")
    #expect(look.value("lustre_read_maximum_size_bytes", ost, ["operation": "read"]) == "1048576")
    #expect(look.value("lustre_stats_total", ost, ["operation": "punch"]) == "57")
    #expect(look.value("lustre_stats_total", mdt, ["operation": "open"]) == "10")
    #expect(look.value("lustre_capacity_bytes", ost) == "307200", "obdfilter's, not the osd's")
    #expect(look.value("lustre_inodes_free", ost) == "304")
    #expect(look.value("lustre_capacity_bytes", mdt) == "204800")
    #expect(look.value("lustre_free_bytes", ["component": "mgt", "target": "MGS"]) == "103424")
    #expect(look.value("lustre_connected_clients", mdt) == "2")
    #expect(look.value("lustre_exports", mdt) == "12")
    #expect(look.value("lustre_exports_granted_bytes", ost) == "22")
    #expect(look.value("recovery_status", mdt) == "4")
    #expect(look.value("recovery_status_total_clients", mdt) == "4")
    #expect(look.value("recovery_status_time_remaining_seconds", mdt) == "142")
    #expect(look.value("recovery_status_evicted_clients", ost) == "2")
    #expect(look.value("lustre_send_count_total", [:]) == "4294967295")
    #expect(look.value("lustre_mem_used", [:]) == "4501320")
    #expect(look.value("lustre_health_healthy", [:]) == "0")
    #expect(look.value("lustre_node_load15", [:]) == "12.00")
    #expect(look.value("lustre_node_cpu_seconds_total", ["mode": "steal"]) == "0.80")
    #expect(look.value("lustre_lnet_interface_credits", ["nid": "10.0.0.3@tcp"]) == "252")
    if layout == .v217 { #expect(look.value("lustre_evictions_total", ost) == "303") }
  }

  @Test func nodeSectionsAreComplete() throws {
    let look = try ServerTree(.v215).tree.look()
    let host: HostSection = try look.section("")
    #expect(host.hostname == "oss1" && host.processors == 2)
    #expect(host.memoryBytes == 16_265_936 * 1_024 && host.bootedAt == 1_749_000_000)
    #expect(host.operatingSystem == "Some Linux 9")
    let lustre: LustreSection = try look.section("")
    #expect(lustre.version == "2.15.8" && lustre.health == .unhealthy)
    #expect(lustre.unhealthyDevices == ["fs-1-OST000a"], "named in debugfs only")
    #expect(lustre.devices.map { $0.name } == ["fs-1-OST000a"] && lustre.debugfsReadable)
    let lnet: LNetSection = try look.section("")
    #expect(lnet.interfaces.map { $0.nid } == ["0@lo", "10.0.0.3@tcp"])
    #expect(lnet.peersUp == 1 && lnet.downPeers == ["10.0.0.9@tcp"])
    let interfaces: InterfacesSection = try look.section("")
    #expect(interfaces.interfaces.first?.megabitsPerSecond == 100_000)
    let mounts: MountsSection = try look.section("")
    #expect(mounts.mounts.map { $0.role } == [.target, .target, .target, .client])
    #expect(mounts.mounts.last?.name == "fs-1")
    let mgs: MGSSection = try look.section("")
    #expect(mgs.nids == ["10.0.0.1@tcp", "10.0.0.3@tcp"])
    #expect(mgs.fileSystems.map { $0.name } == ["fs-1"], "params is no file system")
    #expect(mgs.fileSystems.first?.targets == ["fs-1-MDT0000", "fs-1-OST000a"])
  }

  @Test(arguments: Layout.allCases) func importsNameTheOtherServers(layout: Layout) throws {
    let look = try ServerTree(layout).tree.look("imports")
    let section: ImportsSection = try look.section("")
    #expect(
      section.imports.map { $0.name } == [
        "MGC10.0.0.1@tcp", "fs-1-MDT0000-lwp-OST000a", "fs-1-OST000b-osc-MDT0000",
      ])
    #expect(section.imports[0].target == "MGS" && section.imports[0].mgs == ["10.0.0.1@tcp"])
    #expect(section.imports[1].target == "fs-1-MDT0000" && section.imports[1].state == nil)
    let ost = section.imports[2]
    #expect(ost.target == "fs-1-OST000b" && ost.state == "DISCONN")
    #expect(ost.failoverNIDs == ["10.0.0.4@tcp", "10.0.0.3@tcp"])
    #expect(ost.mgs == (layout == .v210 ? ["10.0.0.1@tcp"] : Self.reference))
  }

  @Test func exportsTellClientsFromServers() throws {
    let look = try ServerTree(.v217).tree.look("exports")
    let mdt: ExportsSection = try look.section("fs-1-MDT0000")
    #expect(mdt.clients.map { $0.uuid } == ["client-1", "client-2"])
    #expect(mdt.clients.allSatisfy { $0.nid == "10.0.0.7@tcp" })
    #expect(mdt.serverConnections == 1)
    #expect(mdt.reference.mgs == Self.reference)
  }

  /// Whoever can not be read may be connected.
  @Test func aClientThatCanNotBeReadLeavesNoNumberOfThem() throws {
    let server = try ServerTree(.v217)
    let path = "/proc/fs/lustre/obdfilter/fs-1-OST000a/exports/10.0.0.7@tcp/uuid"
    let place =
      FileManager.default.fileExists(atPath: server.tree.path + path)
      ? path
      : "/sys/kernel/debug/lustre/obdfilter/fs-1-OST000a/exports/10.0.0.7@tcp/uuid"
    try server.tree.remove(place)
    try server.tree.link(place, to: "../../../../../../../../../../../etc/hostname")
    let look = try server.tree.look("exports")
    #expect(look.failures.map(\.source) == ["obdfilter.fs-1-OST000a.exports.10.0.0.7@tcp.uuid"])
    #expect(look.value("lustre_connected_clients", ["component": "ost"]) == nil)
    #expect(look.value("lustre_connected_clients", ["component": "mdt"]) == "2")
  }

  @Test func sourceOfACounterNamesItsLife() throws {
    let new = try ServerTree(.v217).tree.look("ost")
    let counters = new.samples.filter { $0.declaration.kind == .counter }
    let evictions = counters.filter { $0.declaration.key.metric == "lustre_evictions_total" }
    #expect(evictions.map { $0.declaration.source } == ["instance=4"])
    let stats = counters.filter { $0.declaration.key.metric != "lustre_evictions_total" }
    #expect(!stats.isEmpty)
    #expect(
      stats.allSatisfy {
        $0.declaration.source == "start=1749630000.000000007 instance=4"
      })
    let old = try ServerTree(.v212).tree.look("ost")
    #expect(
      old.samples.filter { $0.declaration.kind == .counter }
        .allSatisfy { $0.declaration.source == "instance=4" })
  }

  @Test func messageCountersAreAs32BitsWide() throws {
    let look = try ServerTree(.v215).tree.look("lnet")
    let widths = Dictionary(
      look.samples.map { ($0.declaration.key.metric, $0.declaration.width) },
      uniquingKeysWith: { first, _ in first })
    #expect(widths["lustre_drop_count_total"] == 32 && widths["lustre_drop_bytes_total"] == 64)
  }

  @Test func aMachineWithoutLustreSaysSo() throws {
    let tree = try TemporaryTree()
    try tree.write("/proc/loadavg", "0.00 0.00 0.00 1/1 1\n")
    let look = try withExtendedLifetime(tree) { try inspect(root: tree.path) }
    for answer in look.answers
    where ["mgs", "mdt", "ost", "lustre", "exports", "imports"]
      .contains(answer.collector)
    {
      guard case .notApplicable(let reason) = answer.answer else {
        Issue.record("\(answer.collector): \(answer.answer)")
        continue
      }
      #expect(
        reason == "no Lustre here: neither /proc/fs/lustre nor /sys/fs/lustre exists")
    }
    #expect(look.failures.isEmpty)
  }

  @Test func aMachineWhoseLustreCanNotBeLookedForHasNotNone() throws {
    let tree = try TemporaryTree()
    // A loop of links can not be followed, by root either.
    try tree.link("/proc/fs", to: "../proc/fs")
    let look = try withExtendedLifetime(tree) { try inspect(root: tree.path) }
    for answer in look.answers
    where ["mgs", "mdt", "ost", "lustre", "exports", "imports"].contains(answer.collector) {
      guard case .failed(let reason) = answer.answer else {
        Issue.record("\(answer.collector): \(answer.answer)")
        continue
      }
      #expect(reason == "/proc/fs/lustre: too many symbolic links (ELOOP)")
    }
    // What is found elsewhere is found.
    try tree.write("/sys/fs/lustre/version", "2.17.0\n")
    let found = try tree.look("lustre")
    let section: LustreSection = try found.section("")
    #expect(section.version == "2.17.0")
  }

  @Test func debugfsThatIsNotMountedIsSaidWithARemedy() throws {
    let tree = try TemporaryTree()
    try tree.write("/sys/fs/lustre/version", "2.17.0\n")
    try tree.directory("/sys/kernel/debug")
    let look = try tree.look("lustre")
    let section: LustreSection = try look.section("")
    #expect(!section.debugfsReadable)
    #expect(look.failures.count == 1)
    #expect(look.failures.first?.source == "/sys/kernel/debug")
    #expect(look.failures.first?.reason.contains("mount -t debugfs") == true)
  }

  @Test func aTargetThatIsNoLabelIsATargetAllTheSame() throws {
    let tree = try TemporaryTree()
    let stats = "snapshot_time 1.5 secs.usecs\nopen 1 samples [reqs]\n"
    try tree.write("/proc/fs/lustre/obdfilter/OST0001/stats", stats)
    try tree.write("/proc/fs/lustre/mdt/OST0001/md_stats", stats)
    let look = try tree.look()
    #expect(Set(look.names("target")) == ["OST0001", "mdt.OST0001"])
    let ost: TargetSection = try look.section("OST0001")
    #expect(ost.fileSystem == nil && ost.index == nil && ost.kind == .ost)
    #expect(ost.reference == TargetReference(label: "OST0001"))
    #expect(
      look.leftovers == [
        Leftover(source: "mdt", text: "OST0001"), Leftover(source: "obdfilter", text: "OST0001"),
      ])
    #expect(look.value("lustre_stats_total", ["component": "mdt", "target": "OST0001"]) == "1")
  }

  @Test func aLinkOutOfTheTreeIsAFailureAndNoNumber() throws {
    let server = try ServerTree(.v212)
    try server.tree.remove("/proc/fs/lustre/obdfilter/fs-1-OST000a/num_exports")
    try server.tree.link(
      "/proc/fs/lustre/obdfilter/fs-1-OST000a/num_exports", to: "../../../../../../etc/hostname")
    let look = try server.tree.look("ost")
    #expect(
      look.failures == [
        CollectionFailure(
          collector: "ost", source: "obdfilter.fs-1-OST000a.num_exports",
          reason: "the path leads out of the root")
      ])
    #expect(look.value("lustre_exports", ["component": "ost"]) == nil)
    #expect(look.value("lustre_degraded", ["component": "ost"]) == "1", "the rest counts")
  }

  @Test func aNumberThatIsNoneIsLeftOver() throws {
    let server = try ServerTree(.v215)
    try server.write("obdfilter/fs-1-OST000a/num_exports", "PPSS", "many\n")
    try server.write("obdfilter/fs-1-OST000a/kbytestotal", "PSSS", "9223372036854775807\n")
    let look = try server.tree.look("ost")
    #expect(look.failures.isEmpty)
    #expect(
      look.leftovers == [
        Leftover(source: "obdfilter.fs-1-OST000a.num_exports", text: "many\n"),
        Leftover(source: "obdfilter.fs-1-OST000a.kbytestotal", text: "9223372036854775807"),
      ])
  }

  @Test func nothingButFailuresIsAFailedCycle() throws {
    let tree = try TemporaryTree()
    try tree.directory("/proc/fs/lustre")
    try tree.link("/proc/fs/lustre/mdt", to: "../../../../outside")
    let answers = try withExtendedLifetime(tree) {
      try inspect(root: tree.path, only: ["mdt"]).answers
    }
    guard case .failed(let reason) = answers.first?.answer else {
      Issue.record("not failed: a cycle without knowledge would take sections back")
      return
    }
    #expect(reason == "mdt: the path leads out of the root")
  }

  @Test func leftoversAreBoundedPerCollector() throws {
    let server = try ServerTree(.v212)
    let garbage = String(repeating: "not a counter at all\n", count: 80)
    for index in 0..<4 {
      try server.tree.write("/proc/fs/lustre/obdfilter/fs-1-OST002\(index)/stats", garbage)
    }
    let look = try server.tree.look("ost")
    #expect(look.leftovers.count == Leftovers.limit)
  }

  @Test func twoManagementServersLeaveTheTargetWithoutMGSUnlessItsMountSaysWhich() throws {
    let server = try ServerTree(.v210)
    try server.tree.write("/proc/fs/lustre/mgc/MGC10.9.9.9@tcp/import", "import:\n")
    let look = try server.tree.look()
    let ost: TargetSection = try look.section("fs-1-OST000a")
    #expect(ost.reference.mgs.isEmpty)
    let mgt: TargetSection = try look.section("MGS")
    #expect(mgt.reference.mgs == ["10.0.0.3@tcp"], "its own NIDs, without 0@lo")
  }

  @Test func onlyTakesCollectorsAndSections() throws {
    #expect(try collectors(named: ["ost"]).map { $0.name } == ["ost"])
    #expect(try collectors(named: ["target"]).map { $0.name } == ["mgs", "mdt", "ost"])
    #expect(try collectors(named: []).count == allCollectors.count)
    #expect(throws: DiagnosticError.self) { try collectors(named: ["nothing"]) }
    #expect(throws: DiagnosticError.self) { try inspect(root: "/nonexistent-root") }
  }

  @Test func everyCollectorHasAFileAndALine() throws {
    let names = allCollectors.map { $0.name }
    #expect(Set(names).count == names.count)
    guard let resolved = realpath(#filePath, nil) else {
      Issue.record("where is this file?")
      return
    }
    defer { free(resolved) }
    let root = String(cString: resolved).split(separator: "/").dropLast(4)
    let sources = "/" + root.joined(separator: "/") + "/Sources/NodeAgent/Collectors"
    let files = try HostRoot("/").list(sources).filter {
      $0.hasSuffix("Collector.swift") && $0 != "Collector.swift"
    }
    #expect(files.count == allCollectors.count)
  }

  @Test func factsAreSharedUntilTheyAreOld() throws {
    let server = try ServerTree(.v212)
    let lasting = ContextSource(HostRoot(server.tree.path), freshMilliseconds: 3_600_000)
    let fleeting = ContextSource(HostRoot(server.tree.path), freshMilliseconds: 0)
    #expect(lasting.current().facts.mgcNIDs == ["10.0.0.1@tcp"])
    #expect(fleeting.current().facts.mgcNIDs == ["10.0.0.1@tcp"])
    try server.tree.directory("/proc/fs/lustre/mgc/MGC10.9.9.9@tcp")
    #expect(lasting.current().facts.mgcNIDs.count == 1)
    #expect(fleeting.current().facts.mgcNIDs.count == 2)
  }
}
