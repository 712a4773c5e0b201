import Logging
import ManagerCore
import Platform
import Protocol

/// What the manager's actor is told of one live session.
package struct SessionHandle: Sendable, Hashable {
  package let server: ServerID
  package let session: String
  package let stream: StreamKey
  /// The earlier lives that its hello listed, in that order.
  package var lives: [EarlierLife] = []

  package struct EarlierLife: Sendable, Hashable {
    package let stream: StreamKey
    package let clock: LifeClock
    /// Of its first and its last batch that the agent named.
    package let times: ClosedRange<Int64>
  }
}

/// The manager's state behind one door: observed state, catalogue, history's head, live sessions.
/// Brains decide; this actor gives them clocks and carries out their effects.
package actor Site {
  struct Live: Sendable {
    let handle: SessionHandle
    let serial: String
    let writer: AgentWriter
    /// At which it sampled until this session, in nanoseconds.
    let intervalBefore: Int64?
    var acknowledged: UInt64
    var acknowledgedJobs: UInt64 = 0
    /// Of `handle.lives`: settled in the store, and told so.
    var lives: [(settled: UInt64, acknowledged: UInt64)] = []
    /// Of `handle.lives`, when the newest of their batches in this session was taken.
    var reached: [Int: Int64] = [:]
  }

  typealias LossSpan = (orders: ClosedRange<UInt64>, after: Int64?, before: Int64)

  package struct Settings: Sendable {
    package var collectMilliseconds: Int
    package var renewWithinSeconds: Int64
    package var historyLimits: HistoryHead.Limits
    /// Raw history older than this is deleted.
    package var retention: Duration
    /// How long roll-ups are kept, and how much all of history may take.
    package var keeping = HistoryRetention()
    /// Without which no start succeeds.
    package var authorityFiles: [String] = []
    package var logLimits = FrameLog.Limits()
    /// The door to the disk's room, by a path on it.
    package var freeBytes: @Sendable (String) -> UInt64? = { Site.freeBytes(below: $0) }
    /// Blocks that a query decodes at a time: some megabytes.
    package var blocksPerPage = 256
    package init(
      collectMilliseconds: Int, renewWithinSeconds: Int64, historyLimits: HistoryHead.Limits,
      retention: Duration
    ) {
      self.collectMilliseconds = collectMilliseconds
      self.renewWithinSeconds = renewWithinSeconds
      self.historyLimits = historyLimits
      self.retention = retention
    }
  }

  let store: StateStore
  let jobStore: JobStore
  let frames: FrameLogFiles
  let settings: Settings
  let logger: Logger
  /// For what an agent can cause as often as it likes.
  nonisolated let serverLog: ServerLog
  /// Why a server's certificate is not trusted now, though it was in the handshake.
  let distrust: @Sendable (ServerID, String) -> Diagnostic?
  var observed: ObservedSite
  var catalogue: SeriesCatalogue
  var head: HistoryHead
  var log: FrameLog
  /// The last of those that write one after the other.
  var turn: Task<Void, Never>?
  var isFlushAsked = false
  /// Batches are accepted that only blocks can make durable.
  var isLogFull = false
  var jobBook = JobBook()
  /// Sessions of which a report of jobs could not be taken: one that follows would be acknowledged with it.
  /// Those that were replaced meanwhile too.
  var sessionsMissingJobs: Set<String> = []
  var latest = LatestValues()
  var timeline = BatchTimeline()
  var repeatedTimes = RepeatedTimes()
  var hasNewRepeatedTimes = false
  let startedNanoseconds = Clock.wall()
  var live: [ServerID: Live] = [:]
  var clocks: [ServerID: ClockModel] = [:]
  /// Of each life of a session what was lost of it last.
  var lossSpans: [ServerID: [StreamKey: [LossSpan]]] = [:]
  /// Holes that the first batch of a stream will close.
  var interruptions: [ServerID: [StreamKey: Interruption]] = [:]
  /// Streams whose agent said goodbye because it was stopped.
  var stopped: Set<StreamKey> = []
  /// The last life of each server's agent, and the corrected time of its newest batch.
  var lastBatch: [ServerID: LastBatch] = [:]
  var newLosses: [ServerLoss] = []
  /// The orders of these losses.
  var newLost: [(StreamKey, ClosedRange<UInt64>)] = []
  /// Of what was missing the parts that are lost by now.
  var newlyFound: [MissingOrders] = []
  /// Taken from the brains and not yet in the store.
  var pendingEffects: [StateEffect] = []
  var pendingSeries: [(SeriesID, StoredSeries)] = []
  var counters = Counters()
  /// The session in which each server's forged names were told.
  var toldForgery: [ServerID: String] = [:]
  /// When it was told last that series of a server are left out; monotonic.
  var toldLeftOut: [ServerID: Int64] = [:]
  var tooOld: [ServerID: SampleLoss] = [:]
  var seriesBudgets: [ServerID: RateBucket] = [:]
  var paces: [ServerID: [StreamKey: SamplingPace]] = [:]
  /// The wall clock minus that since the boot, when it was looked at last.
  var wallAhead: Int64?
  /// By how much the wall clock went forward a moment ago, and until when that is not believed where it would
  /// remove something; monotonic.
  var jump: (nanoseconds: Int64, until: Int64)?
  var storeFailure: Diagnostic?
  var jobFailure: Diagnostic?
  var logFailure: Diagnostic?
  var rollUpFailure: Diagnostic?
  var isStoreGone = false
  /// Logs of databases that somebody removed, as of the last look.
  var takenLogs: [String] = []
  /// As of the last look.
  var historyBytes: Int64 = 0
  /// What the start found damaged in the frame log, or missing in history.
  var damages: [Diagnostic] = []
  /// Since when each of the manager's own findings stands, by code and subject; monotonic.
  var ownSince: [String: Int64] = [:]
  /// Batches that no file has any more, of servers that were not heard since.
  var missing: [ServerID: [MissingOrders]] = [:]
  /// Of their streams, while the frame log is read back, what was in it.
  var replayed: [StreamKey: [(order: UInt64, nanoseconds: Int64)]] = [:]
  /// Files of history whose loss is told and not yet in the store.
  var missingTold: Set<LostHistory> = []
  private var sessionNumber: UInt64 = 0
  /// No session is opened any more.
  private(set) var isStopping = false

  /// The manager's own counters, for its exposition.
  struct Counters: Sendable {
    var batches: UInt64 = 0
    var samples: UInt64 = 0
    var lostSamples: UInt64 = 0
    var duplicateBatches: UInt64 = 0
    var refusedBatches: UInt64 = 0
    var refusedSeries: UInt64 = 0
    var damagedBatches: UInt64 = 0
    var blocksStored: UInt64 = 0
    var historyRemovedBytes: UInt64 = 0
    var sessionsOpened: UInt64 = 0
  }

  package init(
    store: StateStore, jobStore: JobStore, frames: FrameLogFiles, settings: Settings,
    observed: ObservedSite,
    catalogue: SeriesCatalogue,
    lastBatch: [ServerID: LastBatch], logger: Logger,
    distrust: @escaping @Sendable (ServerID, String) -> Diagnostic?
  ) {
    self.store = store
    self.jobStore = jobStore
    self.frames = frames
    log = FrameLog(limits: settings.logLimits)
    self.settings = settings
    self.observed = observed
    self.catalogue = catalogue
    self.lastBatch = lastBatch
    self.logger = logger
    serverLog = ServerLog(logger)
    self.distrust = distrust
    head = HistoryHead(limits: settings.historyLimits)
  }

  nonisolated var now: Moment {
    Moment(monotonicNanoseconds: Clock.monotonic(), wallNanoseconds: Clock.wall())
  }

  func nextSession() -> String {
    sessionNumber += 1
    return "\(Clock.wall() / 1_000_000)-\(sessionNumber)"
  }

  package func isConnected(_ server: ServerID) -> Bool { live[server] != nil }

  /// A certificate was revoked: its live session is told and cut.
  package func cut(_ server: ServerID, serials: Set<String>, _ diagnostic: Diagnostic) async {
    guard let session = live[server], serials.contains(session.serial) else { return }
    logger.warning(
      "an agent's session is cut",
      metadata: [
        "server": "\(observed.hostname(of: server) ?? server.text)", "code": "\(diagnostic.code)",
        "reason": "\(diagnostic.reason)",
      ])
    observed.sessionClosed(
      server, session: session.handle.session, reason: diagnostic, at: now)
    live[server] = nil
    await session.writer.end(diagnostic)
  }

  static let stopping = Diagnostic(
    .managerStopping, .info, subject: "manager", reason: "the manager is stopping")

  /// The manager stops: every agent is told, so that it dials again at once when there is one.
  package func endAllSessions() async {
    isStopping = true
    await withDiscardingTaskGroup { tasks in
      for session in live.values { tasks.addTask { await session.writer.end(Self.stopping) } }
    }
  }
}
