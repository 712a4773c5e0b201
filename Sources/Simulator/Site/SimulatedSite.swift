import Protocol

/// A whole Lustre site as a pure value: servers, targets, clients, what they did, and the files that
/// each server's kernel would show. The same configuration, seed and calls give the same bytes.
///
/// It is not like a kernel in one point: an export's `stats` carries the time of its last change, not
/// of the reading, so that thousands of idle files stay as they are on a disk.
package struct SimulatedSite: Sendable {
  package let configuration: SiteConfiguration
  /// Wall clock at virtual time 0, nanoseconds since the epoch.
  package let startedAt: Int64
  /// Virtual nanoseconds since the site's start.
  package internal(set) var now: Int64 = 0
  package internal(set) var servers: [SimulatedServer]

  let plan: SitePlan
  var states: [TargetState]
  var events: [SiteEvent] = []
  var eventCount: UInt64 = 0
  /// Draws for events; apart from the load's, so that a fault does not change the weather.
  var chance: SplitMix64
  private var load: LoadEngine
  private var ticksDone: Int64 = 0
  /// Bytes that each client moved, by file system and client: kept apart from the targets' counters
  /// so that a test can hold one against the other.
  private(set) var clientBytes: [[ClientBytes]]

  struct ClientBytes: Sendable, Hashable {
    var read: UInt64 = 0
    var written: UInt64 = 0
  }

  /// How long the servers have been up, and the targets mounted, when the site starts.
  private static let uptimeSeconds: Int64 = 6 * 3_600
  private static let mountedSeconds: Int64 = 6 * 3_600 - 300
  /// Some seconds of load below the end of LNet's 32-bit message counters.
  private static let shortOfWrap: UInt64 = (1 << 32) - 20_000

  /// Builds the site as it is at virtual time 0.
  package init(configuration: SiteConfiguration, seed: UInt64, startedAt: Int64) {
    var random = SplitMix64(seed: seed)
    let plan = SitePlan(configuration, random: &random)
    self.configuration = configuration
    self.startedAt = startedAt
    self.plan = plan
    chance = random.branch()
    clientBytes = Array(
      repeating: Array(repeating: ClientBytes(), count: plan.clients.count),
      count: plan.fileSystems.count)
    servers = []
    for server in plan.servers {
      servers.append(
        SimulatedServer(
          name: server.name, twin: plan.servers[server.twin].name, nid: server.nid,
          layout: server.layout, bootID: BootID(random.uuid()),
          bootedAt: -(Self.uptimeSeconds + random.between(0, 90)) * 1_000_000_000))
    }
    states = plan.targets.map { target in
      TargetState(
        lastInstance: random.between(3, 40), lastTransaction: 4_294_967_296 + random.below(1 << 30),
        usedBytes: target.totalBytes / 1_000 * UInt64(random.between(300, 600)),
        usedFiles: target.totalFiles / 1_000 * UInt64(random.between(50, 300)))
    }
    load =
      configuration.load == .steady
      ? .steady(SteadyLoad(plan)) : .believable(BelievableLoad(plan, random: &random))
    mountAll()
    let used = states.map { ($0.usedBytes, $0.usedFiles) }
    perform(load.prehistory(seconds: Self.mountedSeconds))
    // The space that the past took is in the starting values already.
    for position in states.indices {
      (states[position].usedBytes, states[position].usedFiles) = used[position]
    }
    for position in servers.indices {
      servers[position].traffic.busyAtLastTick = servers[position].traffic.busyMicroseconds
    }
    // A message counter just before its wrap at 32 bits, so that every demo passes one.
    if servers.count > 3 { servers[3].traffic.messagesSent = Self.shortOfWrap }
  }

  private mutating func mountAll() {
    let start = -Self.mountedSeconds * 1_000_000_000
    for position in plan.targets.indices {
      states[position].lastInstance += 1
      let mount = newMount(
        of: position, on: plan.targets[position].primary, at: start,
        connectsAt: plan.clients.map { _ in start + 1_000_000_000 })
      states[position].mounts = [mount]
    }
  }

  func newMount(of target: Int, on server: Int, at time: Int64, connectsAt: [Int64?]) -> Mount {
    let shape = plan.targets[target]
    let metadata = plan.siblings(of: shape, .mdt).count
    let isKnown = connectsAt.contains { $0 != nil }
    let peers =
      switch shape.kind {
      case .ost: metadata
      case .mdt: metadata - 1
      case .mgt, .unrecognised: 0
      }
    return Mount(
      server: server, startedAt: time, instance: states[target].lastInstance,
      connectsAt: connectsAt, servers: servers.count, recoveringPeers: isKnown ? peers : 0)
  }

  /// Lets the site live until `time`, virtual nanoseconds since its start; earlier times do nothing.
  package mutating func advance(to time: Int64) {
    while true {
      let tick = (ticksDone + 1) * tickNanoseconds
      if let event = events.first, event.at <= min(time, tick) {
        events.removeFirst()
        now = max(now, event.at)
        perform(event.action)
      } else if tick <= time {
        now = tick
        ticksDone += 1
        perform(load.deeds(tick: ticksDone))
        settleLoad()
      } else {
        break
      }
    }
    now = max(now, time)
  }

  /// Wall nanoseconds of a virtual time.
  func wall(_ time: Int64) -> Int64 { startedAt + time }

  // MARK: What clients do

  private mutating func perform(_ deeds: [Deed]) {
    for deed in deeds { perform(deed) }
  }

  private mutating func perform(_ deed: Deed) {
    // A client waits while its target is away; what it would have done is not done.
    guard let server = states[deed.target].serving(at: now) else { return }
    switch deed.party {
    case .client(let client):
      states[deed.target].mounts[0].clients[client].add(deed, at: now)
      count(deed, client: client)
    case .target(let peer):
      guard let from = states[peer].mounts.first?.server else { return }
      states[deed.target].mounts[0].servers[from].add(deed, at: now)
      if from != server { servers[from].traffic.ask(deed) }
    }
    states[deed.target].mounts[0].totals.add(
      deed.operation, count: deed.count, mean: deed.size, spread: deed.spread)
    if let job = deed.job { states[deed.target].mounts[0].note(deed, job: job, at: now) }
    states[deed.target].consume(deed, plan.targets[deed.target])
    servers[server].traffic.serve(deed)
  }

  private mutating func count(_ deed: Deed, client: Int) {
    let whole = plan.targets[deed.target].fileSystem
    guard clientBytes.indices.contains(whole) else { return }
    if deed.operation == .readBytes { clientBytes[whole][client].read += deed.count * deed.size }
    if deed.operation == .writeBytes {
      clientBytes[whole][client].written += deed.count * deed.size
    }
  }

  private mutating func settleLoad() {
    for position in servers.indices where servers[position].isPoweredOn {
      servers[position].traffic.settleLoad()
    }
  }
}

extension ExportState {
  fileprivate mutating func add(_ deed: Deed, at now: Int64) {
    counters.add(deed.operation, count: deed.count, mean: deed.size, spread: deed.spread)
    changedAt = now
  }
}

extension Mount {
  fileprivate mutating func note(_ deed: Deed, job: Int, at now: Int64) {
    if let entry = jobs[job], now - entry.changedAt > JobEntry.cleanupNanoseconds {
      jobs[job] = nil
    }
    // Work before the site's start began with the mount.
    if jobs[job] == nil {
      jobs[job] = JobEntry(startedAt: now == 0 ? startedAt : now, changedAt: now)
    }
    jobs[job]?.add(deed.operation, count: deed.count, mean: deed.size, spread: deed.spread)
    jobs[job]?.changedAt = now
  }
}

extension TargetState {
  /// Objects made in advance by one `create` request.
  private static let precreated: UInt64 = 32

  fileprivate mutating func consume(_ deed: Deed, _ target: SitePlan.Target) {
    switch (deed.operation, target.kind) {
    case (.writeBytes, _): usedBytes += deed.count * deed.size
    case (.mknod, .mdt), (.mkdir, .mdt): usedFiles += deed.count
    case (.unlink, .mdt), (.rmdir, .mdt), (.destroy, .ost):
      usedFiles -= min(usedFiles, deed.count)
    case (.create, .ost): usedFiles += deed.count * Self.precreated
    default: break
    }
    if deed.operation.changesThings { lastTransaction += deed.count }
    // Someone cleans up before it is full; a demo runs for days.
    if usedBytes > target.totalBytes / 100 * 92 { usedBytes = target.totalBytes / 100 * 60 }
    if usedFiles > target.totalFiles / 100 * 92 { usedFiles = target.totalFiles / 100 * 40 }
  }
}

extension Operation {
  fileprivate var changesThings: Bool {
    switch self {
    case .writeBytes, .setattr, .punch, .destroy, .create, .mknod, .unlink, .mkdir, .rmdir, .rename,
      .setxattr:
      true
    default: false
    }
  }
}
