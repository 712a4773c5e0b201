import NIOPosix
import Synchronization

/// One thread that may be blocked.
package struct CollectorWorker: Sendable {
  fileprivate let pool: NIOThreadPool

  func run<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async throws -> Value {
    try await pool.runIfActive(work)
  }
}

/// Threads for reads that may hang: as many as are busy at once, up to a limit.
package final class CollectorWorkers: Sendable {
  /// More targets than any server has; a thread that hangs costs some 30 KiB.
  package static let limit = 64

  private struct State {
    var idle: [CollectorWorker] = []
    var all: [NIOThreadPool] = []
    var hasEnded = false
  }
  private let state = Mutex(State())
  private let limit: Int

  /// - Parameter limit: of threads; those that are reserved for collectors included.
  init(limit: Int) { self.limit = limit }

  /// A worker for one piece of work. Only `reserved` work may go past the limit, by what its own
  /// number bounds: a collector runs once at a time.
  func take(reserved: Bool) -> CollectorWorker? {
    state.withLock { state in
      if state.hasEnded { return nil }
      if let idle = state.idle.popLast() { return idle }
      guard reserved || state.all.count < limit else { return nil }
      let pool = NIOThreadPool(numberOfThreads: 1)
      pool.start()
      state.all.append(pool)
      return CollectorWorker(pool: pool)
    }
  }

  func give(_ worker: CollectorWorker) {
    state.withLock { $0.idle.append(worker) }
  }

  func end() {
    let pools = state.withLock { state in
      state.hasEnded = true
      return state.all
    }
    for pool in pools { pool.shutdownGracefully { _ in } }
  }
}
