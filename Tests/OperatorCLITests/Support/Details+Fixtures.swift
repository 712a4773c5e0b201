import ManagerCore
import Protocol

extension Fixture {
  static func serverDetail(_ summary: ServerSummary) throws -> ServerDetail {
    var host = HostSection(hostname: summary.hostname)
    host.operatingSystem = "Rocky Linux 9.4"
    host.kernel = "5.14.0-427.el9_lustre"
    host.processors = 32
    host.memoryBytes = 134_600_000_000
    let lnet = LNetSection(
      interfaces: [
        .init(nid: "0@lo", status: "up"), .init(nid: "10.0.0.3@tcp", status: "up"),
        .init(nid: "10.1.0.3@o2ib", status: "down"),
      ], peersUp: 9, peersDown: 3, downPeers: [])
    let line = LogLine(
      origin: "agent", cursor: 7,
      stamp: Stamp(bootNanoseconds: 1, wallNanoseconds: now - 60_000_000_000), priority: 4,
      text: "collector ost: a read has not come back\u{1b}[2J")
    var detail = ServerDetail(
      summary: summary,
      sections: [
        SectionView(
          key: SectionKey("lnet"), collector: "lnet", evidenceSecondsAgo: 42.7, isCurrent: false,
          body: try CanonicalJSON.value(lnet)),
        SectionView(
          key: SectionKey("host"), collector: "host", evidenceSecondsAgo: 2.1, isCurrent: true,
          body: try CanonicalJSON.value(host)),
      ],
      findings: [findings[0]],
      losses: [
        SampleLoss(
          afterNanoseconds: now - 90_000_000_000, beforeNanoseconds: now - 30_000_000_000,
          batches: 12, samples: 4_800, reason: "the agent's spool was full"),
        SampleLoss(
          afterNanoseconds: nil, beforeNanoseconds: now - 600_000_000_000, batches: nil,
          samples: nil, reason: "the agent's process ended with what it held"),
      ], batchesReceived: 18_000, samplesReceived: 3_400_000, recentLog: [line])
    detail.agentVersion = "0.1.0"
    detail.address = "10.0.0.3:40122"
    detail.certificateSerial = "0a1b2c3d"
    detail.certificateExpiresNanoseconds = now + 29 * 86_400_000_000_000
    detail.sessionSeconds = 3_720
    detail.clockOffsetSeconds = -12.25
    return detail
  }

  static var clients: [ExportsSection.Client] {
    [
      .init(uuid: "1f3c0e5a-9e1c-4f5e-8f2a-0d6c5d1f7a01", nid: "10.0.1.1@tcp"),
      .init(uuid: "1f3c0e5a-9e1c-4f5e-8f2a-0d6c5d1f7a02", nid: "10.1.1.2@o2ib"),
    ]
  }

  static var fileSystemDetail: FileSystemDetail {
    FileSystemDetail(
      summary: soundFileSystem, mgsNIDs: ["10.0.0.1@tcp", "10.0.0.2@tcp"],
      mgsActiveOn: ["mds01"], targets: Array(targets.prefix(2)), clients: clients,
      findings: [findings[0]])
  }

  /// With every member.
  static var fullTarget: TargetSummary {
    var target = targets[0]
    target.recovery = .complete
    target.activeServers = ["mds01"]
    target.capacitySecondsAgo = 9
    target.inodesTotal = 100
    target.inodesFree = 40
    target.backend = "ldiskfs"
    return target
  }

  /// A file system of seven OSTs and two MDTs, some of which have not told.
  static var partialFileSystem: FileSystemSummary {
    var fileSystem = soundFileSystem
    fileSystem.mdts = 2
    fileSystem.osts = 7
    fileSystem.targetsActive = 9
    fileSystem.bytesTargets = 4
    fileSystem.inodesTargets = 1
    fileSystem.clientsTargets = 1
    return fileSystem
  }

  /// Active on two servers, as the manager tells it.
  static var doubledTarget: TargetSummary {
    var target = target(
      "fs1-OST0001", .ost, state: .twice, reason: "active on oss01 and oss02", on: "oss01",
      failover: [])
    target.activeServers = ["oss01", "oss02"]
    return target
  }

  static func targetDetail(_ summary: TargetSummary) -> TargetDetail {
    var detail = TargetDetail(
      summary: summary, clientList: [],
      claims: [
        .init(server: "oss02", isActive: false, isCurrent: true, evidenceSecondsAgo: 2),
        .init(server: "oss01", isActive: true, isCurrent: false, evidenceSecondsAgo: 42.7),
      ], findings: [])
    detail.device = "/dev/mapper/ost0"
    detail.mountPoint = "/mnt/fs1-ost0"
    detail.uuid = "fs1-OST0000_UUID"
    return detail
  }

  static var metricAnswer: MetricAnswer {
    let minute: Int64 = 60_000_000_000
    var busy = MetricAnswer.Group(labels: ["target": "fs1-OST0000"])
    busy.series = 1
    busy.value = 1_293_942
    busy.minimum = 0
    busy.maximum = 5_242_880
    busy.samples = 3_600
    busy.lastSecondsAgo = 0.8
    busy.points = (0..<60).map {
      .init(nanoseconds: now - (60 - $0) * minute, value: Double($0 % 30) * 1e5)
    }
    var silent = MetricAnswer.Group(labels: ["target": "fs1-OST0001"])
    silent.series = 2
    silent.samples = 40
    silent.resets = 1
    silent.lastSecondsAgo = 312
    silent.points = [.init(nanoseconds: now - 59 * minute, value: 7)]
    return MetricAnswer(
      metric: "lustre_ost_write_bytes_total", unit: "bytes", kind: .counter, isRate: true,
      fromNanoseconds: now - 60 * minute, throughNanoseconds: now, groups: [busy, silent])
  }
}
