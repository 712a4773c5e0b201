import AgentCore
import Protocol
import Testing

@Suite struct LustreFileTests {
  @Test func completeRecoveryTellsWhoWasEvicted() {
    let bytes = Array(LustreTexts.recoveryComplete.utf8)
    let parsed = RecoveryParser.parse(bytes.span)
    #expect(parsed.leftovers.texts.isEmpty)
    #expect(parsed.value.status == .complete)
    #expect(parsed.value.completedClients == 7 && parsed.value.totalClients == 9)
    #expect(parsed.value.evictedClients == 2)
    #expect(parsed.value.duration == 31)
    #expect(parsed.value.replayedRequests == 5)
  }

  @Test func recoveringTellsProgress() {
    let bytes = Array(LustreTexts.recovering.utf8)
    let parsed = RecoveryParser.parse(bytes.span)
    #expect(parsed.leftovers.texts.isEmpty)
    #expect(parsed.value.status == .recovering)
    #expect(parsed.value.timeRemaining == 142)
    #expect(parsed.value.connectedClients == 3 && parsed.value.totalClients == 4)
    #expect(parsed.value.completedClients == 1)
    #expect(parsed.value.evictedClients == 0)
    #expect(parsed.value.queuedRequests == 12)
  }

  @Test(arguments: [
    ("status: INACTIVE", RecoveryStatus.inactive),
    ("status: WAITING_FOR_CLIENTS\n", .waitingForClients),
    (
      "status: WAITING\nnon-ready MDTs:  fs1-MDT0001\nrecovery_start: 12\ntime_waited: 9\n",
      .waiting
    ),
  ])
  func shortStatuses(text: String, status: RecoveryStatus) {
    let bytes = Array(text.utf8)
    let parsed = RecoveryParser.parse(bytes.span)
    #expect(parsed.value.status == status)
    #expect(parsed.leftovers.texts.isEmpty)
  }

  @Test func twoStatusesThatDifferAreNone() {
    for text in [
      "status: COMPLETE\nstatus: RECOVERING\n", "status: RECOVERING\nstatus: COMPLETE\n",
    ] {
      let bytes = Array(text.utf8)
      let parsed = RecoveryParser.parse(bytes.span)
      #expect(parsed.value.status == .unrecognised)
      #expect(parsed.leftovers.texts.count == 1)
    }
    let bytes = Array("status: COMPLETE\nstatus: COMPLETE\n".utf8)
    let parsed = RecoveryParser.parse(bytes.span)
    #expect(parsed.value.status == .complete)
    #expect(parsed.leftovers.texts == ["status: COMPLETE"])
  }

  @Test func unknownRecoveryStatusIsSaidAndKept() {
    let bytes = Array("status: MEDITATING\nnew_field: 1\n".utf8)
    let parsed = RecoveryParser.parse(bytes.span)
    #expect(parsed.value.status == .unrecognised)
    #expect(parsed.leftovers.texts == ["status: MEDITATING", "new_field: 1"])
  }

  @Test(arguments: [
    ("healthy\n", LustreHealth.healthy, []),
    ("healthy\n\n", .healthy, []),
    ("NOT HEALTHY\n", .unhealthy, []),
    ("LBUG\nNOT HEALTHY\n", .lbug, []),
    (
      "device fs1-OST0012 reported unhealthy\ndevice fs1-OST0013 reported unhealthy\nNOT HEALTHY\n",
      .unhealthy, ["fs1-OST0012", "fs1-OST0013"]
    ),
    ("device fs1-OST0012 reported unhealthy\nhealthy\n", .unhealthy, ["fs1-OST0012"]),
  ])
  func healthInItsShapes(text: String, health: LustreHealth, devices: [String]) {
    let bytes = Array(text.utf8)
    let parsed = HealthParser.parse(bytes.span)
    #expect(parsed.value.health == health)
    #expect(parsed.value.unhealthyDevices == devices)
    #expect(parsed.leftovers.texts.isEmpty)
  }

  @Test func devicesKeepStatusTypeAndName() {
    let bytes = Array(LustreTexts.devices.utf8)
    let parsed = DevicesParser.parse(bytes.span)
    #expect(parsed.leftovers.texts.isEmpty)
    #expect(parsed.value.count == 4)
    #expect(
      parsed.value[1]
        == LustreSection.Device(status: "IN", type: "osp", name: "fs1-OST0000-osc-MDT0000"))
    // `lctl dl -t` ends its lines with a NID; the file may one day too.
    #expect(parsed.value[3].name == "fs1-OST0001-osc-MDT0000")
  }

  @Test func liveFileSystemNamesItsTargets() throws {
    let bytes = Array(LustreTexts.live.utf8)
    let parsed = LiveFileSystemParser.parse(bytes.span)
    let file = try #require(parsed.value)
    #expect(file.name == "fs1" && file.generation == 28)
    #expect(file.targets == ["fs1-MDT0000", "fs1-OST0000", "fs1-OST000a"])
    #expect(file.imperativeRecovery == "partial")
    #expect(parsed.leftovers.texts.isEmpty)
  }

  @Test func liveFileSystemWithoutNameIsNone() {
    let bytes = Array("flags: 0x20 gen: 1\n".utf8)
    #expect(LiveFileSystemParser.parse(bytes.span).value == nil)
  }

  @Test func importTellsTargetStateAndServers() {
    let bytes = Array(LustreTexts.importFull.utf8)
    let parsed = ImportParser.parse(bytes.span)
    #expect(parsed.leftovers.texts.isEmpty)
    #expect(parsed.value.name == "fs1-OST0005-osc-MDT0000")
    #expect(parsed.value.target == "fs1-OST0005")
    #expect(parsed.value.state == "FULL")
    #expect(parsed.value.currentConnection == "10.0.0.6@tcp")
    #expect(parsed.value.failoverNIDs == ["10.0.0.6@tcp", "10.0.0.5@tcp"])
  }

  @Test func quotesAndNoneInAnImportAreTakenOff() {
    let bytes = Array(LustreTexts.importDown.utf8)
    let parsed = ImportParser.parse(bytes.span)
    #expect(parsed.leftovers.texts.isEmpty)
    #expect(parsed.value.target == "MGS")
    #expect(parsed.value.state == "DISCONN")
    #expect(parsed.value.currentConnection == nil)
    #expect(parsed.value.failoverNIDs == ["2001:db8::1@tcp", "10.0.0.1@o2ib1"])
  }

  @Test func serversAreNoClients() {
    let bytes = Array(LustreTexts.uuids.utf8)
    let parsed = ExportUUIDParser.parse(bytes.span)
    #expect(
      parsed.value.clients == [
        "e874d9be-c166-afa0-2526-44586436510a", "0cc91214-e481-586f-0881-b0e08d30e5c2",
      ])
    #expect(parsed.value.serverConnections == 3)
    #expect(parsed.leftovers.texts.isEmpty)
  }

  @Test(arguments: [
    ("fs1-OST0000", TargetKind.ost, "fs1", 0), ("a-b_c-MDT00ff", .mdt, "a-b_c", 255),
    ("fs1:OST0000", .ost, "fs1", 0), ("fs1=MDT0001", .mdt, "fs1", 1),
    ("fs1+OST0010", .ost, "fs1", 16), ("fsnameof-OSTffff", .ost, "fsnameof", 0xffff),
  ])
  func labelsAreReadFromTheRight(text: String, kind: TargetKind, fileSystem: String, index: Int) {
    let label = TargetLabel(text)
    #expect(label?.kind == kind && label?.fileSystem == fileSystem && label?.index == index)
    #expect(TargetLabel.registered(text) == fileSystem + "-" + text.suffix(7))
  }

  @Test(arguments: [
    "", "OST0001", "fs1-OST001", "fs1-OST000g", "fs1-OST000A", "-OST0000", "fs1.OST0000",
    "ninechars-OST0000", "fs1-MGT0000", "mgs", "fs 1-OST0000",
  ])
  func otherNamesAreNoLabels(text: String) { #expect(TargetLabel(text) == nil) }

  @Test func managementTargetIsALabel() { #expect(TargetLabel("MGS")?.kind == .mgt) }

  @Test(arguments: [
    ("2.15.4_1.llnl\n", 2, 15), ("2.17.57", 2, 17), ("lustre: 2.8.0\nkernel: patchless\n", 2, 8),
    ("kernel: x\nlustre: 2.5.3\n", 2, 5),
  ])
  func versions(text: String, major: Int, minor: Int) {
    let bytes = Array(text.utf8)
    let version = LustreVersion(bytes.span)
    #expect(version?.major == major && version?.minor == minor)
  }

  @Test func versionsCompareByNumber() throws {
    let older = Array("2.9.0".utf8)
    let newer = Array("2.16.1".utf8)
    let versions = (LustreVersion(older.span), LustreVersion(newer.span))
    let old = try #require(versions.0)
    let new = try #require(versions.1)
    #expect(old < new && new.isAtLeast(2, 16) && !old.isAtLeast(2, 16))
    let garbage = Array("garbage".utf8)
    let none = LustreVersion(garbage.span)
    #expect(none == nil)
  }
}

/// Written for these tests after the grammars of the files.
enum LustreTexts {
  static let recoveryComplete = """
    status: COMPLETE
    recovery_start: 1510605701
    recovery_duration: 31
    completed_clients: 7/9
    replayed_requests: 5
    last_transno: 8589934592
    VBR: DISABLED
    IR: ENABLED

    """
  static let recovering = """
    status: RECOVERING
    recovery_start: 1749555000
    time_remaining: 142
    connected_clients: 3/4
    req_replay_clients: 1
    lock_repay_clients: 0
    completed_clients: 1
    evicted_clients: 0
    replayed_requests: 0
    queued_requests: 12
    next_transno: 4295034210

    """
  static let devices = """
      0 UP osd-ldiskfs fs1-MDT0000-osd fs1-MDT0000-osd_UUID 11
      1 IN osp fs1-OST0000-osc-MDT0000 fs1-MDT0000-mdtlov_UUID 4
      2 ST mdt fs1-MDT0000 fs1-MDT0000_UUID 9
      3 UP osp fs1-OST0001-osc-MDT0000 fs1-MDT0000-mdtlov_UUID 4 10.0.0.3@tcp

    """
  static let live = """
    fsname: fs1
    flags: 0x20     gen: 28
    fs1-MDT0000
    fs1-OST0000

    fs1-OST000a

    Secure RPC Config Rules:
    fs1.srpc.flavor.default=null

    imperative_recovery_state:
        state: partial
        nonir_clients: 0
        nidtbl_version: 24
        notify_duration_total: 0.006756186
        notify_duation_max: 0.000853740
        notify_count: 14

    """
  static let importFull = """
    import:
        name: fs1-OST0005-osc-MDT0000
        target: fs1-OST0005_UUID
        state: FULL
        connect_flags: [ lov_index, version, full20 ]
        connect_data:
           flags: 0x2040401443000066
           target_version: 2.10.1.0
        import_flags: [ replayable, pingable ]
        connection:
           failover_nids: [ 10.0.0.6@tcp, 10.0.0.5@tcp, 10.0.0.6@tcp ]
           current_connection: 10.0.0.6@tcp
           connection_attempts: 24

    """
  static let importDown = """
    import:
        name: MGC10.0.0.1@tcp
        target: MGS
        state: DISCONN
        connection:
           failover_nids:
              - "2001:db8::1@tcp"
              - 10.0.0.1@o2ib1
           current_connection: <none>
           nids_stats:
              "10.0.0.1@tcp": { connects: 3, replied: 3, uptodate: true, sec_ago: 90 }

    """
  static let uuids = """
    e874d9be-c166-afa0-2526-44586436510a
    fs1-MDT0000-lwp-OST0005_UUID
    fs1-MDT0002-mdtlov_UUID
    0cc91214-e481-586f-0881-b0e08d30e5c2
    fs1-MDT0000-lwp-MDT0001_UUID

    """
}
