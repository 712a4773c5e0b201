/// A number of equal requests within one tick.
struct Deed: Sendable {
  enum Party: Sendable, Hashable {
    case client(Int)
    /// A metadata target that acts on other targets (precreation, destroys, statfs).
    case target(Int)
  }
  var party: Party
  var target: Int
  var operation: Operation
  var count: UInt64
  /// Bytes of one request for byte operations, else microseconds.
  var size: UInt64
  var spread: UInt64
  /// Position in `JobTable.names`.
  var job: Int?
}

/// Time advances in ticks of 100 ms: fine enough that a counter read each second moves evenly.
let tickNanoseconds: Int64 = 100_000_000
let ticksPerSecond: Int64 = 10

/// The jobs that run on the site. Names with blanks, colons and an `@` are there on purpose: each
/// release writes them differently.
enum JobTable {
  static let names = [
    "climate.1201", "align genome.1340", "untar.0", "fio:0:hot", "rsync@login01.1001",
  ]
  static let checkpoint = 0
  static let analysis = 1
  static let metadata = 2
  static let hot = 3
  static let interactive = 4
}

/// What a client is there for; every tenth one is idle.
enum ClientRole: Sendable {
  case checkpoint, analysis, metadata, hot, idle

  init(client: Int) {
    switch client % 10 {
    case 0...3: self = .checkpoint
    case 4...6: self = .analysis
    case 7: self = .metadata
    case 8: self = .hot
    default: self = .idle
    }
  }

  var job: Int {
    switch self {
    case .checkpoint: JobTable.checkpoint
    case .analysis: JobTable.analysis
    case .metadata: JobTable.metadata
    case .hot: JobTable.hot
    case .idle: JobTable.interactive
    }
  }
}

/// The source of what happens, whatever kind of load was asked for.
enum LoadEngine: Sendable {
  case believable(BelievableLoad)
  case steady(SteadyLoad)

  /// What happened before the site's start, since the targets were mounted.
  mutating func prehistory(seconds: Int64) -> [Deed] {
    switch self {
    case .believable(var load):
      let deeds = load.prehistory(seconds: seconds)
      self = .believable(load)
      return deeds
    case .steady(let load):
      return load.deeds(ticks: UInt64(seconds * ticksPerSecond))
    }
  }

  mutating func deeds(tick: Int64) -> [Deed] {
    switch self {
    case .believable(var load):
      self = .steady(SteadyLoad.none)
      let deeds = load.deeds(tick: tick)
      self = .believable(load)
      return deeds
    case .steady(let load):
      return load.deeds(ticks: 1)
    }
  }
}
