import AgentCore
import Protocol

/// What MDT, OST and MGT have in common, and by which parameters each is read.
struct TargetReader {
  let kind: TargetKind
  /// Value of the label `component`.
  let component: String
  /// Its directories are the targets that are set up here.
  let targets: Parameter
  let exports: Parameter
  let exportUUIDs: Parameter
  let uuid: Parameter
  let instance: Parameter?
  let stats: Parameter?
  let recovery: Parameter?
  let evictions: Parameter
  /// Plain numbers.
  let gauges: [(parameter: Parameter, metric: Metric)]
  /// Space as the target itself tells it; what it does not tell, its storage does.
  let space: [Parameter?]

  static let mgt = TargetReader(
    kind: .mgt, component: "mgt", targets: .managementServices, exports: .mgsExports,
    exportUUIDs: .mgsExportUUIDs, uuid: .mgsUUID, instance: nil, stats: nil, recovery: nil,
    evictions: .mgsEvictions, gauges: [(.mgsExportCount, .exports)],
    space: [nil, nil, nil, nil, nil, nil])

  static let mdt = TargetReader(
    kind: .mdt, component: "mdt", targets: .metadataTargets, exports: .mdtExports,
    exportUUIDs: .mdtExportUUIDs, uuid: .mdtUUID, instance: .mdtInstance, stats: .mdtStats,
    recovery: .mdtRecovery, evictions: .mdtEvictions,
    gauges: [
      (.mdtExportCount, .exports), (.mdtDirty, .dirty), (.mdtGranted, .granted),
      (.mdtPending, .pending),
    ],
    space: [nil, nil, nil, nil, nil, nil])

  static let ost = TargetReader(
    kind: .ost, component: "ost", targets: .objectTargets, exports: .ostExports,
    exportUUIDs: .ostExportUUIDs, uuid: .ostUUID, instance: .ostInstance, stats: .ostStats,
    recovery: .ostRecovery, evictions: .ostEvictions,
    gauges: [
      (.ostExportCount, .exports), (.ostDirty, .dirty), (.ostGranted, .granted),
      (.ostPending, .pending),
    ],
    space: [
      .ostCapacity, .ostFree, .ostAvailable, .ostInodes, .ostInodesFree, .ostBlockSize,
    ])

  static let all = [mgt, mdt, ost]

  /// In the order of `space`: the storage's parameter, the metric, bytes or inodes a unit.
  private static let storage: [(parameter: Parameter, metric: Metric, factor: Int64)] = [
    (.osdCapacity, .capacity, 1_024), (.osdFree, .freeSpace, 1_024),
    (.osdAvailable, .availableSpace, 1_024), (.osdInodes, .inodes, 1),
    (.osdInodesFree, .freeInodes, 1), (.osdBlockSize, .blockSize, 1),
  ]

  /// A target as all collectors of a cycle name it.
  struct Identity: Sendable {
    let directory: String
    let reference: TargetReference
    let mount: MountEntry?
    let device: String?
    let backend: String?
    var subject: SeriesSubject { .target(reference) }
  }

  /// No server serves this many targets; a tree of garbage must not fill the memory.
  private static let targetLimit = 512

  /// The directories of the targets set up here, which asks none of them; `nil` when that can not be
  /// told, which `gathering` then knows.
  func directories(_ gathering: inout Gathering) -> [String]? {
    gathering.directories(targets).map { Array($0.prefix(TargetReader.targetLimit)) }
  }

  /// A target as all collectors name it.
  func identity(_ directory: String, _ gathering: inout Gathering, _ facts: NodeFacts) -> Identity {
    let backend = facts.backends[directory]
    let device = backend.flatMap { gathering.text(.osdDevice, $0, directory) }
    let mount = facts.mount(of: directory, device: device)
    return Identity(
      directory: directory, reference: facts.reference(directory, mount: mount), mount: mount,
      device: mount?.source ?? device, backend: backend)
  }

  /// What is read by itself: one target, by whatever collector.
  func lane(_ directory: String) -> String { "\(targets.pattern).\(directory)" }

  /// A name that says something else than its directory gets the directory before it, so that two
  /// devices of one name do not hide each other's sections.
  func subject(_ directory: String) -> String {
    let said = TargetLabel(directory)?.kind ?? TargetReader.kindWord(directory)
    return said == nil || said == kind ? directory : lane(directory)
  }

  /// What a name such as `OST0001`, which is no label, still says.
  private static func kindWord(_ name: String) -> TargetKind? {
    name.hasPrefix("OST") ? .ost : name.hasPrefix("MDT") ? .mdt : nil
  }

  /// Section and series of one target.
  func collect(_ identity: Identity, _ facts: NodeFacts, _ gathering: inout Gathering) {
    var section = TargetSection(kind: kind, reference: identity.reference)
    if let label = TargetLabel(identity.directory), label.kind == kind {
      section.fileSystem = label.fileSystem
      section.index = label.index
    } else {
      gathering.leftover(targets.pattern, identity.directory)
    }
    section.uuid = gathering.text(uuid, identity.directory)
    section.backend = identity.backend
    section.device = identity.device
    section.mountPoint = identity.mount?.mountPoint
    if let mount = identity.mount, facts.version?.isAtLeast(2, 16) == true {
      section.readOnly = mount.isReadOnly
    }
    section.instance = instance.flatMap { gathering.number($0, identity.directory) }
    readRecovery(&gathering, identity, &section)
    section.degraded = readDegraded(&gathering, identity)
    readNumbers(&gathering, identity, instance: section.instance)
    readSpace(&gathering, identity)
    gathering.section(section, subject: subject(identity.directory))
  }

  private func labels() -> [String: String] { ["component": component] }

  /// Names a counter's life: when it was cleared last, and which mount of the target it is.
  private func source(start: String?, instance: Int64?) -> String {
    [start.map { "start=\($0)" }, instance.map { "instance=\($0)" }]
      .compactMap { $0 }.joined(separator: " ")
  }

  private func readNumbers(
    _ gathering: inout Gathering, _ identity: Identity, instance: Int64?
  ) {
    let target = identity.directory
    for (parameter, metric) in gauges {
      gathering.sample(
        metric, gathering.number(parameter, target), of: identity.subject, labels())
    }
    if let bytes = gathering.read(evictions, target) {
      if let count = ScalarParser.bits(bytes.span) {
        gathering.sample(
          .evictions, bits: count, of: identity.subject, labels(),
          source: source(start: nil, instance: instance))
      } else {
        gathering.leftover(evictions.name([target]), bytes)
      }
    }
    guard let stats, let bytes = gathering.read(stats, target) else { return }
    var places = StatsPlaces()
    let file = gathering.take(StatsParser.parse(bytes.span, &places), from: stats.name([target]))
    gathering.sample(.statsStart, file.startNanoseconds, of: identity.subject, labels())
    let life = source(start: file.startTime, instance: instance)
    var firsts: [Int] = []
    for counter in file.counters {
      firsts.append(gathering.collection.samples.count)
      StatsSeries(subject: identity.subject, component: component, source: life)
        .sample(counter, &gathering)
    }
    gathering.counts(StatsSeries.counted(places, firsts))
  }

  private func readSpace(_ gathering: inout Gathering, _ identity: Identity) {
    for (own, storage) in zip(space, TargetReader.storage) {
      var value: Int64?
      var name = ""
      if let own {
        value = gathering.number(own, identity.directory)
        name = own.name([identity.directory])
      }
      if value == nil, let backend = identity.backend {
        value = gathering.number(storage.parameter, backend, identity.directory)
        name = storage.parameter.name([backend, identity.directory])
      }
      guard let value else { continue }
      let (amount, over) = value.multipliedReportingOverflow(by: storage.factor)
      if over {
        gathering.leftover(name, String(value))
      } else {
        gathering.sample(storage.metric, amount, of: identity.subject, labels())
      }
    }
  }

  private func readDegraded(_ gathering: inout Gathering, _ identity: Identity) -> Bool? {
    guard kind == .ost, let value = gathering.number(.ostDegraded, identity.directory) else {
      return nil
    }
    gathering.sample(.degraded, value, of: identity.subject, labels())
    return value != 0
  }

  private func readRecovery(
    _ gathering: inout Gathering, _ identity: Identity, _ section: inout TargetSection
  ) {
    guard let recovery, let bytes = gathering.read(recovery, identity.directory) else { return }
    let file = gathering.take(
      RecoveryParser.parse(bytes.span), from: recovery.name([identity.directory]))
    guard let status = file.status else { return }
    section.recovery = status
    section.versionBasedRecovery = file.versionBasedRecovery
    section.imperativeRecovery = file.imperativeRecovery
    section.waitsFor = file.nonReadyTargets
    let numbers: [(Metric, Int64?)] = [
      (.recoveryStatus, TargetReader.code(status)),
      (.recoveryCompleted, file.completedClients), (.recoveryConnected, file.connectedClients),
      (.recoveryEvicted, file.evictedClients), (.recoveryTotal, file.totalClients),
      (.recoveryDuration, file.duration), (.recoveryRemaining, file.timeRemaining),
      (.recoveryReplayed, file.replayedRequests), (.recoveryQueued, file.queuedRequests),
      (.recoveryStart, file.start), (.recoveryWaited, file.timeWaited),
      (.recoveryRequestReplay, file.requestReplayClients),
      (.recoveryLockReplay, file.lockReplayClients),
      (.recoveryLastTransaction, file.lastTransaction),
      (.recoveryNextTransaction, file.nextTransaction),
    ]
    for (metric, value) in numbers {
      gathering.sample(metric, value, of: identity.subject, labels())
    }
  }

  /// lustrefs-exporter's numbers.
  private static func code(_ status: RecoveryStatus) -> Int64 {
    switch status {
    case .complete: 0
    case .inactive: 1
    case .waiting: 2
    case .waitingForClients: 3
    case .recovering: 4
    case .unrecognised: 5
    }
  }
}
