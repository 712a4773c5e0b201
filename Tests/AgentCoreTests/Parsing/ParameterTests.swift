import AgentCore
import Testing

@Suite struct ParameterTests {
  @Test func holesAreFilledInOrder() {
    let parameter = Parameter.ostExportUUIDs
    #expect(
      parameter.name(["fs1-OST0000", "10.2.4.27@o2ib1"])
        == "obdfilter.fs1-OST0000.exports.10.2.4.27@o2ib1.uuid")
    #expect(
      parameter.paths(["fs1-OST0000", "10.2.4.27@o2ib1"]) == [
        "/proc/fs/lustre/obdfilter/fs1-OST0000/exports/10.2.4.27@o2ib1/uuid",
        "/sys/kernel/debug/lustre/obdfilter/fs1-OST0000/exports/10.2.4.27@o2ib1/uuid",
      ])
    #expect(
      Parameter.osdFree.paths(["zfs", "fs1-OST0000"]).first
        == "/sys/fs/lustre/osd-zfs/fs1-OST0000/kbytesfree")
  }

  @Test(arguments: ["..", ".", "", "a/b", "/etc", "a\0b"])
  func valuesThatLeadElsewhereGiveNoPath(value: String) {
    #expect(Parameter.ostStats.paths([value]).isEmpty)
  }

  @Test func aWrongNumberOfValuesGivesNoPath() {
    #expect(Parameter.ostStats.paths([]).isEmpty)
    #expect(Parameter.ostStats.paths(["a", "b"]).isEmpty)
    #expect(Parameter.version.paths(["a"]).isEmpty)
  }

  /// Locations by release: which root holds the parameter in 2.10, 2.12, 2.15, 2.16 and 2.17.
  @Test(arguments: [
    (Parameter.version, "SSSSS"), (.healthCheck, "SSSSS"), (.devices, "DDDDD"),
    (.mdtStats, "PPPPP"), (.mdtRecovery, "PPPPD"), (.mdtExportCount, "PPSSS"),
    (.mdtExports, "PPPPD"), (.mdtUUID, "PSSSS"), (.mdtInstance, "PPSSS"),
    (.osdFree, "PPSSS"), (.osdDevice, "PPSSS"), (.ostStats, "PPPPD"), (.ostRecovery, "PPPPD"),
    (.ostFree, "PSSSS"), (.ostExportCount, "PPSSS"), (.ostInstance, "PPSSS"),
    (.ostDegraded, "PSSSS"), (.ostExportUUIDs, "PPPPD"), (.ospImport, "PDDDD"),
    (.mgcImport, "PDDDD"), (.mgsExportCount, "PPSSS"), (.liveFileSystem, "PPPPP"),
    (.mdtEvictions, "---SS"), (.ostEvictions, "---SS"),
  ])
  func rootsCoverEveryRelease(parameter: Parameter, locations: String) {
    let roots: [Character: ParameterRoot] = ["P": .proc, "S": .sys, "D": .debug]
    for location in locations where location != "-" {
      guard let root = roots[location] else {
        Issue.record("unknown location \(location)")
        continue
      }
      #expect(parameter.roots.contains(root), "\(parameter.pattern) in \(root)")
    }
  }

  @Test func lnetFilesLieInTwoPlaces() {
    #expect(
      Parameter.lnetStats.paths([]) == ["/proc/sys/lnet/stats", "/sys/kernel/debug/lnet/stats"])
  }
}
