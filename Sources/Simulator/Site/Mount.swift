/// One connection's counters: of a client, or of all connections of one server.
struct ExportState: Sendable {
  var counters = CounterSet()
  /// When a counter last moved; its file's `snapshot_time`, so that idle files stay as they are.
  var changedAt: Int64
  /// When it connects to this mount; `nil` for never.
  var connectsAt: Int64?

  func isConnected(at now: Int64) -> Bool { (connectsAt ?? .max) <= now }
}

/// One job's counters on one target.
struct JobEntry: Sendable {
  /// `job_cleanup_interval`: an entry idle for longer is dropped by the kernel.
  static let cleanupNanoseconds: Int64 = 600 * 1_000_000_000

  var counters = CounterSet()
  var startedAt: Int64
  var changedAt: Int64
  /// Sizes by powers of two, for the histograms that 2.16 and later print.
  var readSizes: [Int: UInt64] = [:]
  var writeSizes: [Int: UInt64] = [:]

  mutating func add(_ operation: Operation, count: UInt64, mean: UInt64, spread: UInt64) {
    counters.add(operation, count: count, mean: mean, spread: spread)
    let bucket = mean <= 1 ? 0 : UInt64.bitWidth - (mean - 1).leadingZeroBitCount
    if operation == .readBytes { readSizes[bucket, default: 0] += count }
    if operation == .writeBytes { writeSizes[bucket, default: 0] += count }
  }
}

/// One life of a target: from a mount to its end. All counters start at zero with it.
struct Mount: Sendable {
  var server: Int
  var startedAt: Int64
  var instance: Int64
  var totals = CounterSet()
  /// By client, in the order of `SitePlan.clients`.
  var clients: [ExportState]
  /// By server, in the order of `SitePlan.servers`: what its targets asked of this one.
  var servers: [ExportState]
  /// By job, in the order of `JobTable.names`.
  var jobs: [JobEntry?]
  /// How many other servers' targets take part in recovery, and when they are back.
  let recoveringPeers: Int
  let peersReturnAt: Int64
  /// When the first of all is back; `nil` when nobody comes.
  private let firstReturn: Int64?
  /// When requests are served again; `nil` when no end of recovery is in sight. Kept, because every
  /// request asks.
  let servesFrom: Int64?

  /// Replaying requests and locks takes this long after the last client is back.
  static let replayNanoseconds: Int64 = 3_000_000_000
  /// One client's replay; shorter than the wait for all.
  private static let clientReplayNanoseconds: Int64 = 1_500_000_000

  /// - Parameter connectsAt: when each client comes back; `nil` for never.
  init(
    server: Int, startedAt: Int64, instance: Int64, connectsAt: [Int64?], servers: Int,
    recoveringPeers: Int
  ) {
    self.server = server
    self.startedAt = startedAt
    self.instance = instance
    self.recoveringPeers = recoveringPeers
    peersReturnAt = startedAt + 2_000_000_000
    clients = connectsAt.map { ExportState(changedAt: $0 ?? startedAt, connectsAt: $0) }
    self.servers = Array(
      repeating: ExportState(changedAt: startedAt, connectsAt: nil), count: servers)
    jobs = JobTable.names.map { _ in nil }
    let returns = connectsAt.compactMap(\.self) + (recoveringPeers > 0 ? [peersReturnAt] : [])
    firstReturn = returns.min()
    servesFrom = returns.max().map { $0 + Self.replayNanoseconds }
  }

  func recovery(at now: Int64) -> Recovery {
    let total = clients.count + recoveringPeers
    guard let first = firstReturn, first <= now else {
      return Recovery(
        phase: .waitingForClients, startedAt: startedAt, endedAt: nil, returned: 0, finished: 0,
        total: total)
    }
    let end = servesFrom ?? .max
    return Recovery(
      phase: end <= now ? .complete : .recovering, startedAt: first,
      endedAt: end <= now ? end : nil, returned: returned(by: now),
      finished: returned(by: now - Self.clientReplayNanoseconds), total: total)
  }

  private func returned(by time: Int64) -> Int {
    clients.count { $0.isConnected(at: time) } + (peersReturnAt <= time ? recoveringPeers : 0)
  }
}

/// Where a mount stands in its recovery.
struct Recovery: Sendable, Hashable {
  enum Phase: Sendable { case waitingForClients, recovering, complete }
  var phase: Phase
  var startedAt: Int64
  var endedAt: Int64?
  var returned: Int
  /// Of those, how many have replayed what they had.
  var finished: Int
  var total: Int
}

/// A target over all its lives.
struct TargetState: Sendable {
  /// The serving mount first. Two at once are the disaster that `mountTwice` makes.
  var mounts: [Mount] = []
  var lastInstance: Int64
  var lastTransaction: UInt64
  var usedBytes: UInt64
  var usedFiles: UInt64
  /// What earlier mounts counted, by operation: read, written bytes.
  var retiredBytesRead: UInt64 = 0
  var retiredBytesWritten: UInt64 = 0

  /// The server that answers requests now.
  func serving(at now: Int64) -> Int? {
    guard !mounts.isEmpty, let from = mounts[0].servesFrom, from <= now else { return nil }
    return mounts[0].server
  }

  mutating func endMount(on server: Int) {
    for mount in mounts where mount.server == server {
      retiredBytesRead += mount.totals[.readBytes].sum
      retiredBytesWritten += mount.totals[.writeBytes].sum
    }
    mounts.removeAll { $0.server == server }
  }

  /// Bytes over all lives of the target.
  var bytesRead: UInt64 { mounts.reduce(retiredBytesRead) { $0 + $1.totals[.readBytes].sum } }
  var bytesWritten: UInt64 {
    mounts.reduce(retiredBytesWritten) { $0 + $1.totals[.writeBytes].sum }
  }
}
