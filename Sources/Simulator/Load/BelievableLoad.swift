import Protocol

/// What a working site looks like: periodic checkpoints, bursts of analysis, metadata storms, one
/// hot OST, interactive work on the quiet file systems, and clients that do nothing.
struct BelievableLoad: Sendable {
  /// Requests of one kind from one party to one target, at a mean rate, until a tick.
  private struct Stream: Sendable {
    var party: Deed.Party
    var target: Int
    var operation: Operation
    var size: UInt64
    var job: Int?
    /// Thousandths of a request a tick.
    var rate: UInt64
    var until: Int64
    var carry: UInt64 = 0
  }

  private let plan: SitePlan
  private let hotTarget: Int?
  private var random: SplitMix64
  private var streams: [Stream] = []
  private var nextCheckpoint: Int64
  private var nextStorm: Int64
  /// When each client's next burst begins.
  private var nextBurst: [Int64]

  /// Time enough between checkpoints that a dashboard's first ten minutes show several.
  private static let checkpointPeriod: Int64 = 150 * ticksPerSecond
  private static let forEver = Int64.max

  init(_ plan: SitePlan, random source: inout SplitMix64) {
    self.plan = plan
    random = source.branch()
    let objects = plan.fileSystems.first?.objectTargets ?? []
    hotTarget = objects.isEmpty ? nil : objects[min(3, objects.count - 1)]
    nextCheckpoint = random.between(10, 30) * ticksPerSecond
    nextStorm = random.between(30, 60) * ticksPerSecond
    nextBurst = []
    for _ in plan.clients { nextBurst.append(random.between(0, 30) * ticksPerSecond) }
    startBackground()
  }

  mutating func deeds(tick: Int64) -> [Deed] {
    if tick >= nextCheckpoint { startCheckpoint(tick) }
    if tick >= nextStorm { startStorm(tick) }
    for client in plan.clients.indices where tick >= nextBurst[client] {
      startBurst(client, tick)
    }
    streams.removeAll { $0.until <= tick }
    var deeds: [Deed] = []
    for position in streams.indices {
      let jitter = 70 + random.below(61)
      streams[position].carry += streams[position].rate * jitter / 100
      let count = streams[position].carry / 1_000
      guard count > 0 else { continue }
      streams[position].carry %= 1_000
      append(streams[position], count: count, to: &deeds)
    }
    return deeds
  }

  /// Hours of the same in one go: the work of roles, without its shape in time.
  mutating func prehistory(seconds: Int64) -> [Deed] {
    var deeds: [Deed] = []
    let ticks = UInt64(seconds * ticksPerSecond)
    for stream in streams {
      append(stream, count: max(1, stream.rate * ticks / 1_000), to: &deeds)
    }
    guard let busy = plan.fileSystems.first, let root = busy.metadataTargets.first else {
      return deeds
    }
    for client in plan.clients.indices {
      let role = ClientRole(client: client)
      guard role == .checkpoint || role == .analysis else { continue }
      let writes = role == .checkpoint
      for target in busy.objectTargets {
        let count = UInt64(seconds) * (1 + random.below(3)) / 2 + 1
        let bulk = bulkStream(client, target, writes: writes, size: 1 << 20, rate: 0, until: 0)
        append(bulk, count: count, to: &deeds)
      }
      for operation in [Operation.open, .close, .getattr, .mknod] {
        append(
          metadata(client, root, operation, rate: 0, until: 0), count: UInt64(seconds) / 8 + 1,
          to: &deeds)
      }
    }
    return deeds
  }

  private mutating func append(_ stream: Stream, count: UInt64, to deeds: inout [Deed]) {
    let spread = stream.operation.isBytes ? 0 : stream.size / 3
    deeds.append(
      Deed(
        party: stream.party, target: stream.target, operation: stream.operation, count: count,
        size: stream.size, spread: spread, job: stream.job))
    guard stream.operation.isBytes else { return }
    // A request costs its own time and its bytes at about a gigabyte a second; the hot OST queues.
    let slow: UInt64 = stream.target == hotTarget ? 3 : 1
    let microseconds = (300 + stream.size / 1_000) * slow + random.below(100)
    deeds.append(
      Deed(
        party: stream.party, target: stream.target,
        operation: stream.operation == .readBytes ? .read : .write, count: count,
        size: microseconds, spread: microseconds / 2, job: stream.job))
  }

  // MARK: Streams

  private func bulkStream(
    _ client: Int, _ target: Int, writes: Bool, size: UInt64, rate: UInt64, until: Int64,
    job: Int? = nil
  ) -> Stream {
    Stream(
      party: .client(client), target: target, operation: writes ? .writeBytes : .readBytes,
      size: size, job: job ?? ClientRole(client: client).job, rate: rate, until: until)
  }

  private func metadata(
    _ client: Int, _ target: Int, _ operation: Operation, rate: UInt64, until: Int64,
    job: Int? = nil
  ) -> Stream {
    Stream(
      party: .client(client), target: target, operation: operation,
      size: Self.latency(of: operation), job: job ?? ClientRole(client: client).job, rate: rate,
      until: until)
  }

  /// Microseconds that an unhurried server takes.
  private static func latency(of operation: Operation) -> UInt64 {
    switch operation {
    case .open: 110
    case .close: 35
    case .mknod, .unlink: 230
    case .mkdir, .rmdir: 290
    case .rename, .samedirRename, .crossdirRename: 340
    case .sync: 2_400
    case .setattr, .setxattr: 90
    case .create, .destroy: 180
    default: 55
    }
  }

  private func pick(_ targets: [Int], _ random: inout SplitMix64) -> Int? {
    targets.isEmpty ? nil : targets[Int(random.below(UInt64(targets.count)))]
  }

  private mutating func startBackground() {
    for whole in plan.fileSystems {
      for object in whole.objectTargets {
        for metadata in whole.metadataTargets {
          streams.append(
            Stream(
              party: .target(metadata), target: object, operation: .statfs, size: 60, job: nil,
              rate: 20, until: Self.forEver))
        }
      }
    }
    for client in plan.clients.indices where ClientRole(client: client) != .idle {
      for (position, whole) in plan.fileSystems.enumerated() {
        guard let root = whole.metadataTargets.first else { continue }
        streams.append(metadata(client, root, .statfs, rate: 10, until: Self.forEver))
        if position > 0 { startInteractive(client, whole, root) }
      }
      if ClientRole(client: client) == .hot, let hotTarget {
        streams.append(
          bulkStream(
            client, hotTarget, writes: false, size: 64 << 10, rate: 40_000, until: Self.forEver))
        streams.append(
          bulkStream(
            client, hotTarget, writes: true, size: 16 << 10, rate: 15_000, until: Self.forEver))
      }
    }
  }

  private mutating func startInteractive(_ client: Int, _ whole: SitePlan.FileSystem, _ root: Int) {
    let pace = 30 + random.below(200)
    let job = JobTable.interactive
    for (operation, share) in [
      (Operation.open, UInt64(10)), (.close, 10), (.getattr, 40), (.getxattr, 6), (.mknod, 1),
    ] {
      streams.append(
        metadata(
          client, root, operation, rate: pace * share / 10, until: Self.forEver, job: job))
    }
    guard let object = pick(whole.objectTargets, &random) else { return }
    for writes in [false, true] {
      streams.append(
        bulkStream(
          client, object, writes: writes, size: 128 << 10, rate: writes ? pace / 3 : pace,
          until: Self.forEver, job: job))
    }
  }

  private mutating func startCheckpoint(_ tick: Int64) {
    nextCheckpoint = tick + Self.checkpointPeriod + random.between(-100, 100)
    guard let busy = plan.fileSystems.first, let root = busy.metadataTargets.first else { return }
    for client in plan.clients.indices where ClientRole(client: client) == .checkpoint {
      let end = tick + random.between(18, 28) * ticksPerSecond
      for _ in 0..<2 {
        guard let object = pick(busy.objectTargets, &random) else { continue }
        streams.append(
          bulkStream(
            client, object, writes: true, size: 4 << 20, rate: 900 + random.below(900), until: end))
        streams.append(
          Stream(
            party: .target(root), target: object, operation: .create, size: 180, job: nil,
            rate: 1_000, until: tick + 1))
      }
      for operation in [Operation.mknod, .open, .setattr, .close] {
        streams.append(metadata(client, root, operation, rate: 150, until: end))
      }
    }
  }

  private mutating func startStorm(_ tick: Int64) {
    nextStorm = tick + random.between(70, 110) * ticksPerSecond
    guard let busy = plan.fileSystems.first else { return }
    for client in plan.clients.indices where ClientRole(client: client) == .metadata {
      guard let target = pick(busy.metadataTargets, &random) else { continue }
      let end = tick + random.between(10, 20) * ticksPerSecond
      let pace = 20_000 + random.below(30_000)
      for (operation, share) in [
        (Operation.mknod, UInt64(10)), (.open, 20), (.close, 20), (.getattr, 40), (.setattr, 10),
        (.unlink, 8), (.mkdir, 1), (.rename, 2), (.samedirRename, 2), (.getxattr, 10),
      ] {
        streams.append(metadata(client, target, operation, rate: pace * share / 40, until: end))
      }
      guard let object = pick(busy.objectTargets, &random) else { continue }
      for operation in [Operation.create, .destroy] {
        streams.append(
          Stream(
            party: .target(target), target: object, operation: operation, size: 180, job: nil,
            rate: operation == .create ? pace / 128 : pace / 5, until: end))
      }
    }
  }

  private mutating func startBurst(_ client: Int, _ tick: Int64) {
    guard ClientRole(client: client) == .analysis, let busy = plan.fileSystems.first,
      let root = busy.metadataTargets.last, let object = pick(busy.objectTargets, &random)
    else {
      nextBurst[client] = Self.forEver
      return
    }
    let end = tick + random.between(5, 20) * ticksPerSecond
    nextBurst[client] = end + random.between(5, 60) * ticksPerSecond
    streams.append(
      bulkStream(
        client, object, writes: false, size: 1 << 20, rate: 3_000 + random.below(12_000),
        until: end))
    for operation in [Operation.open, .getattr, .close] {
      streams.append(metadata(client, root, operation, rate: 400, until: end))
    }
  }
}
