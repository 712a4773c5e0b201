import Protocol

@testable import ManagerCore

/// A server as its agent sees it: what each of its collectors would report now.
struct StagedServer {
  enum Cycle: Equatable {
    case sampled
    case failed(String)
    case stalled
    /// No cycle ends at all.
    case silent
  }

  var id: ServerID
  var name: String { didSet { changed() } }
  var boot = "boot-1"
  var nids: [String] { didSet { changed() } }
  var isConnected = false
  var readsTree = false
  var health: LustreHealth? = .healthy { didSet { changed() } }
  var unhealthyDevices: [String] = [] { didSet { changed() } }
  var release: String? = "2.15.4" { didSet { changed() } }
  var debugfs = true { didSet { changed() } }
  /// Those of its NIDs whose interface is down.
  var downNIDs: Set<String> = [] { didSet { changed() } }
  /// Targets as the mount table names them.
  var mounts: [String] = [] { didSet { changed() } }
  /// What the agent says of reads that failed and of what it did not understand.
  var fates: [CollectorsSection.Collector] = [] { didSet { changed() } }
  var devices: [LustreSection.Device] = [] { didSet { changed() } }
  var targets: [String: TargetSection] = [:] { didSet { changed() } }
  var clients: [String: [String]] = [:] { didSet { changed() } }
  var live: [MGSSection.LiveFileSystem]? { didSet { changed() } }
  var imports: [ImportsSection.Import] = [] { didSet { changed() } }
  var cycles: [String: Cycle] = [:]
  var sessions = 0
  var sent: [SectionKey: Section] = [:]
  var told: [String: [Section]] = [:]
  /// Collectors whose sections must be made anew.
  var unmade = Set(StagedServer.collectors)

  init(id: ServerID, name: String, nids: [String]) {
    self.id = id
    self.name = name
    self.nids = nids
  }

  private mutating func changed() { unmade = Set(StagedServer.collectors) }

  static let collectors = [
    "host", "lnet", "lustre", "mgs", "mdt", "ost", "exports", "imports", "agent", "mounts",
  ]

  func sections(of collector: String) throws -> [Section] {
    switch collector {
    case "host": return [try HostSection(hostname: name).section(collector: collector)]
    case "lnet":
      let all = ["0@lo"] + nids
      return [
        try LNetSection(
          interfaces: all.map { .init(nid: $0, status: downNIDs.contains($0) ? "down" : "up") },
          peersUp: 1, peersDown: 0,
          downPeers: []
        ).section(collector: collector)
      ]
    case "lustre":
      return [
        try LustreSection(
          version: release, health: health, unhealthyDevices: unhealthyDevices, devices: devices,
          debugfsReadable: debugfs
        ).section(collector: collector)
      ]
    case "mgs":
      let mgt = try targets["MGS"].map { try $0.section(subject: "MGS", collector: collector) }
      let mgs = try live.map {
        try MGSSection(nids: nids, fileSystems: $0).section(collector: collector)
      }
      return [mgt, mgs].compactMap { $0 }
    case "mdt", "ost":
      let kind: TargetKind = collector == "mdt" ? .mdt : .ost
      return try targets.values.filter { $0.kind == kind }.map {
        try $0.section(subject: $0.reference.label, collector: collector)
      }
    case "exports":
      return try clients.compactMap { label, uuids in
        guard let target = targets[label] else { return nil }
        return try ExportsSection(
          reference: target.reference,
          clients: uuids.map { .init(uuid: $0, nid: "10.9.9.9@tcp") }, serverConnections: 2
        ).section(subject: label, collector: collector)
      }
    case "imports": return [try ImportsSection(imports: imports).section(collector: collector)]
    case "mounts":
      return [
        try MountsSection(
          mounts: mounts.map {
            .init(
              source: "/dev/x", mountPoint: "/mnt/x", type: "lustre", role: .target, name: $0,
              options: [])
          }
        ).section(collector: collector)
      ]
    case "agent": return [try CollectorsSection(collectors: fates).section(collector: collector)]
    default: return []
    }
  }
}

/// A site with a clock of its own, driven a second at a time.
struct Stage {
  static let second: Int64 = 1_000_000_000
  static let seed: UInt64 = 7
  var site: ObservedSite
  var now = Moment(
    monotonicNanoseconds: 5_000 * second, wallNanoseconds: 1_700_000_000 * second)
  var servers: [String: StagedServer] = [:]

  init() {
    site = ObservedSite(
      managerVersion: "1", startedAt: now, seed: Stage.seed, known: [], targets: [], mgs: [])
  }

  mutating func pass(_ seconds: Double) {
    now.monotonicNanoseconds += Int64(seconds * 1e9)
    now.wallNanoseconds += Int64(seconds * 1e9)
  }

  static func id(_ number: Int) -> ServerID? {
    let tail = String(number, radix: 16)
    return ServerID(
      "00000000-0000-4000-8000-" + String(repeating: "0", count: 12 - tail.count) + tail)
  }

  mutating func enrol(_ name: String, nids: [String]? = nil) {
    let number = servers.count + 1
    guard let id = Stage.id(number) else { return }
    servers[name] = StagedServer(
      id: id, name: name, nids: nids ?? ["10.0.0.\(number)@tcp"])
    site.serverEnrolled(
      ServerRecord(
        id: id, hostname: name, profile: "monitor", enrolledNanoseconds: now.wallNanoseconds),
      at: now)
  }

  mutating func connect(_ name: String) {
    guard let server = servers[name] else { return }
    servers[name]?.isConnected = true
    servers[name]?.sent = [:]
    servers[name]?.sessions += 1
    site.sessionOpened(
      server.id, session: "\(name)-\(server.sessions + 1)",
      hello: Hello(
        server: server.id, boot: BootID(server.boot), incarnation: "i", hostname: server.name,
        agentVersion: "1.0", highestOrder: 0, readsTree: server.readsTree),
      address: "10.0.0.9:1", at: now)
  }

  /// The link falls silent; nobody closes anything.
  mutating func cut(_ name: String) { servers[name]?.isConnected = false }

  mutating func close(_ name: String) {
    guard let server = servers[name] else { return }
    servers[name]?.isConnected = false
    site.sessionClosed(
      server.id, session: "\(name)-\(server.sessions)",
      reason: Diagnostic(.agentStopping, .info, subject: name, reason: "the agent is stopping"),
      at: now)
  }

  /// One cycle of all collectors of one server, whose reads began `began` seconds ago.
  mutating func cycle(_ name: String, began: Double = 0.1, only: [String]? = nil) throws {
    guard let server = servers[name], server.isConnected else { return }
    site.heard(server.id, at: now)
    var ends: [CycleEnd] = []
    for collector in only ?? StagedServer.collectors {
      let cycle = server.cycles[collector] ?? .sampled
      let stamp = Stamp(bootNanoseconds: 0, wallNanoseconds: 0)
      switch cycle {
      case .silent: continue
      case .failed(let reason):
        ends.append(
          CycleEnd(collector: collector, outcome: .failed, reason: reason, began: stamp))
      case .stalled:
        ends.append(CycleEnd(collector: collector, outcome: .stalled, reason: nil, began: stamp))
      case .sampled:
        if server.unmade.contains(collector) {
          servers[name]?.told[collector] = try server.sections(of: collector)
          servers[name]?.unmade.remove(collector)
        }
        ends.append(CycleEnd(collector: collector, outcome: .sampled, reason: nil, began: stamp))
      }
    }
    send(name)
    let evidence = now.wallNanoseconds - Int64(began * 1e9)
    for end in ends {
      site.cycleEnded(server.id, end, evidenceNanoseconds: evidence, at: now)
    }
  }

  private mutating func send(_ name: String) {
    guard let server = servers[name] else { return }
    let all = server.told.values.joined().sorted { $0.key < $1.key }
    let keys = Set(all.map(\.key))
    for key in server.sent.keys.sorted() where !keys.contains(key) {
      servers[name]?.sent[key] = nil
      site.sectionGone(server.id, key, at: now)
    }
    for section in all where server.sent[section.key] != section {
      servers[name]?.sent[section.key] = section
      site.sectionArrived(server.id, section, at: now)
    }
  }

  /// Lets time pass; connected agents collect each second.
  mutating func run(_ seconds: Int = 1) throws {
    for _ in 0..<seconds {
      pass(1)
      for name in servers.keys.sorted() { try cycle(name) }
    }
  }

  // MARK: Scenery

  mutating func mount(
    _ label: String, on name: String, mgs: [String] = ["10.0.0.1@tcp"],
    recovery: RecoveryStatus? = .inactive
  ) {
    let parsed = TargetLabel(label)
    var section = TargetSection(
      kind: parsed?.kind ?? .unrecognised, reference: TargetReference(label: label, mgs: mgs))
    section.fileSystem = parsed?.fileSystem
    section.index = parsed?.index
    section.recovery = parsed?.kind == .mgt ? nil : recovery
    section.backend = "ldiskfs"
    servers[name]?.targets[label] = section
  }

  mutating func unmount(_ label: String, on name: String) { servers[name]?.targets[label] = nil }

  mutating func importing(
    _ label: String, on name: String, failover: [String], mgs: [String] = ["10.0.0.1@tcp"],
    state: String = "FULL"
  ) {
    servers[name]?.imports.removeAll { $0.target == label && $0.mgs == mgs }
    servers[name]?.imports.append(
      .init(
        name: "\(label)-osc", target: label, state: state, currentConnection: failover.first,
        failoverNIDs: failover, mgs: mgs))
  }

  /// mds01 with the MGS and fs1-MDT0000; oss01 and oss02, a pair, with an OST each.
  static func pair() throws -> Stage {
    var stage = Stage()
    for name in ["mds01", "oss01", "oss02"] { stage.enrol(name) }
    stage.mount("MGS", on: "mds01")
    stage.mount("fs1-MDT0000", on: "mds01")
    stage.mount("fs1-OST0000", on: "oss01")
    stage.mount("fs1-OST0001", on: "oss02")
    stage.servers["mds01"]?.live = [
      .init(
        name: "fs1", generation: 3, targets: ["fs1-MDT0000", "fs1-OST0000", "fs1-OST0001"],
        imperativeRecovery: "full")
    ]
    for label in ["fs1-OST0000", "fs1-OST0001"] {
      stage.importing(label, on: "mds01", failover: ["10.0.0.2@tcp", "10.0.0.3@tcp"])
    }
    stage.importing("fs1-MDT0000", on: "oss01", failover: ["10.0.0.1@tcp"])
    for name in ["mds01", "oss01", "oss02"] { stage.connect(name) }
    try stage.run(2)
    return stage
  }

  // MARK: Looking

  func target(_ label: String) -> TargetSummary? {
    site.targets(at: now).first { $0.label == label }
  }

  func server(_ name: String) -> ServerSummary? {
    site.servers(at: now).first { $0.hostname == name }
  }

  var fileSystem: FileSystemSummary? { site.fileSystems(at: now).first }

  func findings(_ code: DiagnosticCode) -> [Finding] {
    site.status(at: now).findings.filter { $0.diagnostic.code == code.rawValue }
  }

  /// Why a target can not be forgotten; `nil` when it is forgotten by now.
  mutating func refusalToForget(_ label: String) -> Diagnostic? {
    do throws(DiagnosticError) {
      try site.targetForgotten(label, at: now)
      return nil
    } catch { return error.diagnostic }
  }

  /// A manager that starts on what this one wrote down.
  func restarted(after seconds: Double) -> Stage {
    var next = self
    next.now.monotonicNanoseconds = 10 * Stage.second
    next.now.wallNanoseconds += Int64(seconds * 1e9)
    next.site = ObservedSite(
      managerVersion: "1", startedAt: next.now, seed: Stage.seed,
      known: site.servers.values.map(\.record), targets: site.targets.values.map(\.record),
      mgs: Array(site.mgss.values))
    for name in servers.keys { next.cut(name) }
    return next
  }
}
