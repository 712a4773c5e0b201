import ManagerCore
import Protocol

@testable import OperatorCLI

/// Fixed views: a sound pair of servers, and the troubles that each page has to show.
enum Fixture {
  static let now: Int64 = 1_785_585_600_000_000_000  // 2026-08-01 12:00:00 UTC

  static func serverID(_ number: UInt8) -> ServerID {
    let digits = String(number, radix: 16)
    let tail = String(repeating: "0", count: 12 - digits.count) + digits
    guard let id = ServerID("6f9619ff-8b86-4011-b42d-\(tail)") else {
      preconditionFailure("a UUID by construction")
    }
    return id
  }

  static func server(
    _ number: UInt8, _ hostname: String, contact: Contact = .connected,
    heard: Double? = 0.4, health: Health = .healthy, reason: String = "",
    targets: [String] = []
  ) -> ServerSummary {
    ServerSummary(
      id: serverID(number), hostname: hostname, profile: "monitor", contact: contact,
      heardSecondsAgo: heard, health: health, reason: reason, lustreVersion: "2.15.5",
      targets: targets, bootID: BootID("5d0c2a3e-0000-4000-8000-00000000000\(number)"),
      readsTree: false)
  }

  static var soundServers: [ServerSummary] {
    [
      server(1, "mds01", targets: ["MGS", "fs1-MDT0000"]),
      server(2, "oss01", heard: 1.2, targets: ["fs1-OST0000", "fs1-OST0001"]),
    ]
  }

  static var troubledServers: [ServerSummary] {
    [
      server(1, "mds01", targets: ["MGS", "fs1-MDT0000"]),
      server(
        2, "oss01", contact: .lost, heard: 42.7, health: .unknown,
        reason: "nothing heard for 42 s", targets: ["fs1-OST0000"]),
      server(
        3, "oss02", health: .unhealthy,
        reason: "health_check names fs1-OST0001 as unhealthy, and LNet has 3 peers down of the 12"
          + " that it knows", targets: ["fs1-OST0001"]),
      server(4, "oss03", contact: .never, heard: nil, health: .unknown, reason: "never heard"),
    ]
  }

  static var soundFileSystem: FileSystemSummary {
    var fileSystem = FileSystemSummary(
      id: "b5d1", name: "fs1", mgs: "10.0.0.1@tcp", state: .available,
      reason: "all 3 targets are mounted", mdts: 1, osts: 2, targetsActive: 3)
    fileSystem.bytesTotal = 4_398_046_511_104
    fileSystem.bytesFree = 3_078_632_557_773
    fileSystem.bytesAvailable = 2_858_730_232_218
    fileSystem.inodesTotal = 120_000_000
    fileSystem.inodesFree = 116_600_000
    fileSystem.clients = 12
    fileSystem.evidenceSecondsAgo = 3.4
    return fileSystem
  }

  static var lostFileSystem: FileSystemSummary {
    FileSystemSummary(
      id: "c7aa", name: "scratch", mgs: "unknown", state: .unknown,
      reason: "no current evidence of 2 of 2 targets", mdts: 1, osts: 1, targetsActive: 0)
  }

  static func target(
    _ label: String, _ kind: TargetKind, state: TargetState = .mounted, reason: String = "",
    on server: String?, last: String? = nil, failover: [String] = ["oss02"], seen: Double? = 2
  ) -> TargetSummary {
    var target = TargetSummary(
      id: "t-\(label)", label: label, kind: kind, fileSystem: "fs1", mgs: "10.0.0.1@tcp",
      state: state, reason: reason, activeOn: server, lastActiveOn: last ?? server,
      failoverServers: failover)
    target.evidenceSecondsAgo = seen
    return target
  }

  static var targets: [TargetSummary] {
    var whole = target(
      "fs1-MDT0000", .mdt, reason: "active on mds01, seen 2 s ago", on: "mds01",
      failover: ["mds02"])
    whole.bytesTotal = 107_374_182_400
    whole.bytesFree = 106_100_000_000
    whole.bytesAvailable = 100_000_000_000
    whole.clients = 12
    var recovering = target("fs1-OST0002", .ost, state: .recovering, on: "oss02")
    recovering.recovery = .waitingForClients
    return [
      whole,
      target("fs1-OST0000", .ost, state: .unknown, on: nil, last: "oss01", seen: 42.7),
      target(
        "fs1-OST0001", .ost, state: .twice, reason: "active on oss01 and oss02 at once", on: nil,
        failover: []),
      recovering,
      target(
        "fs1-OST0003", .ost, state: .unmounted, reason: "no server that may serve it has it",
        on: nil, seen: 4),
      target("fs1-OST0004", .ost, state: .unknown, on: nil, seen: nil),
      target(
        "fs1-OST0005", .ost, state: .unknown,
        reason: "nothing heard of oss01 for 3 s; last seen active there 42 s ago", on: nil,
        last: "oss01", seen: 42.7),
    ]
  }

  static var findings: [Finding] {
    [
      Finding(
        diagnostic: Diagnostic(
          .serverLost, .error, subject: "oss01", reason: "nothing heard for 42 s",
          remedy: "Look at the host's console, its network, and `systemctl status iml-agent`."),
        ageSeconds: 39),
      Finding(
        diagnostic: Diagnostic(
          .targetOnTwoServers, .emergency, subject: "fs1-OST0001",
          reason: "is active on oss01 and oss02 at once; both may write to the same device",
          remedy: "Stop it on one of the two at once, and check the file system afterwards."),
        ageSeconds: 12),
      Finding(
        diagnostic: Diagnostic(
          .clockSkewed, .warning, subject: "oss02", reason: "its clock is 12 s ahead"),
        ageSeconds: 7_260),
    ]
  }

  static func status(
    _ health: Health, _ servers: [ServerSummary], _ fileSystems: [FileSystemSummary],
    _ findings: [Finding] = []
  ) -> SiteStatus {
    SiteStatus(
      managerVersion: "0.1.0", upSeconds: 11_000, health: health, servers: servers,
      fileSystems: fileSystems, findings: findings)
  }

  static var soundStatus: SiteStatus { status(.healthy, soundServers, [soundFileSystem]) }
  static var troubledStatus: SiteStatus {
    status(.unhealthy, troubledServers, [soundFileSystem, lostFileSystem], findings)
  }
}
