import Foundation
import Logging
import ManagerCore
import Platform
import Protocol
import Synchronization
import Testing

@testable import Manager

/// A batch by what it says, whatever number its series have.
struct ToldBatch: Hashable {
  var stream: StreamKey
  var order: UInt64
  var values: [String: UInt64]
}

/// The real site over a state directory, spoken to without a link.
struct FrameSite {
  let site: Site
  let store: StateStore
  let directory: String

  /// - Parameter step: called at each point where a manager may be killed.
  init(
    _ directory: String, segmentBytes: Int = 16 << 20, blocksPerPage: Int = 256,
    retention: Duration = .seconds(86_400), keeping: HistoryRetention = HistoryRetention(),
    step: @escaping FrameLogFiles.Step = { _ in },
    logger: Logger = Logger(label: "test") { ConsoleLog(label: $0, level: .critical) },
    freeBytes: @escaping @Sendable (String) -> UInt64? = { _ in nil },
    historyStep: @escaping @Sendable (String) throws -> Void = { _ in }
  ) async throws {
    self.directory = directory
    store = try StateStore(
      directory: StateDirectory(path: directory), steps: StateMigrations.all, patienceSeconds: 2,
      step: historyStep)
    var limits = HistoryHead.Limits()
    limits.flushNanoseconds = 3_600 * Given.second
    var settings = Site.Settings(
      collectMilliseconds: 1_000, renewWithinSeconds: 60, historyLimits: limits,
      retention: retention)
    settings.freeBytes = freeBytes
    settings.keeping = keeping
    settings.logLimits.segmentBytes = segmentBytes
    settings.blocksPerPage = blocksPerPage
    let records = [1, 2].map {
      ServerRecord(
        id: Given.server($0), hostname: "oss0\($0)", profile: "monitor", enrolledNanoseconds: 1)
    }
    let now = Moment(monotonicNanoseconds: Clock.monotonic(), wallNanoseconds: Clock.wall())
    site = Site(
      store: store, jobStore: try JobStore(directory: directory + "/jobs"),
      frames: try FrameLogFiles(folder: directory + "/frames", step: step), settings: settings,
      observed: ObservedSite(
        managerVersion: "test", startedAt: now, seed: 1, known: records, targets: [], mgs: []),
      catalogue: try await store.catalogue(),
      lastBatch: try await store.lastBatches(),
      logger: logger, distrust: { _, _ in nil })
    try await site.replayFrames()
  }

  static func handle(_ stream: StreamKey) -> SessionHandle {
    SessionHandle(server: stream.server, session: "s", stream: stream)
  }

  /// - Parameter boot: when it was sampled, by the clock since the server's boot.
  func send(_ told: ToldBatch, boot: Int64 = 1) async throws {
    let handle = Self.handle(told.stream)
    var declarations: [UInt32: SeriesDeclaration] = [:]
    let names = told.values.keys.sorted()
    for (index, name) in names.enumerated() {
      declarations[UInt32(index)] = SeriesDeclaration(
        key: SeriesKey(subject: .server, metric: name), kind: .counter, unit: "1")
    }
    var series = SessionSeries(await site.declared(declarations, handle))
    let batch = SampleBatch(
      order: told.order, stamp: Stamp(bootNanoseconds: boot, wallNanoseconds: 1),
      ids: names.indices.map { UInt32($0) }, bits: names.compactMap { told.values[$0] })
    try await site.batch(series.arrange(batch), handle)
  }

  func acknowledged(_ stream: StreamKey) async -> UInt64 {
    await site.acknowledgedOrder(stream)
  }

  /// Every batch that is held or stored, in blocks: each is there once, and its series are known.
  func content() async throws -> [ToldBatch] {
    let stored = try await store.blocks(from: .min, through: .max)
    let held = await site.cutAll()
    let names = Dictionary(
      uniqueKeysWithValues: try await store.series().map { ($0.0, $0.1.metric) })
    var all: [ToldBatch] = []
    for block in stored + held {
      for batch in try BlockCodec.decode(block.bytes.span) {
        var values: [String: UInt64] = [:]
        for sample in batch.samples {
          let name = try #require(names[sample.series], "a series that the store does not know")
          values[name] = sample.bits
        }
        all.append(ToldBatch(stream: block.stream, order: batch.order, values: values))
      }
    }
    #expect(Set(all.map { "\($0.stream) \($0.order)" }).count == all.count, "a batch twice")
    return all
  }

  var segments: [String] {
    get throws {
      try FileManager.default.contentsOfDirectory(atPath: directory + "/frames").sorted()
    }
  }
}

extension Site {
  fileprivate func acknowledgedOrder(_ stream: StreamKey) -> UInt64 {
    head.acknowledgedOrder(stream)
  }

  fileprivate func cutAll() -> [HistoryBlock] {
    _ = head.cut(now: now, force: true)
    return head.unstored
  }
}

/// Counts the points, and from one of them on lets none be passed.
final class Killer: Sendable {
  private let state = Mutex<(passed: [String], limit: Int, isDead: Bool)>(([], .max, false))

  init(after limit: Int = .max) { state.withLock { $0.limit = limit } }

  var passed: [String] { state.withLock { $0.passed } }
  var isDead: Bool { state.withLock { $0.isDead } }

  func reach(_ point: String) throws(DiagnosticError) {
    let isDead = state.withLock { state in
      if state.passed.count >= state.limit { state.isDead = true }
      if !state.isDead { state.passed.append(point) }
      return state.isDead
    }
    if isDead { throw DiagnosticError(.internalError, subject: point, reason: "killed here") }
  }
}
