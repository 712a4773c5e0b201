import AgentCore
import NIOPosix
import Platform
import Protocol
import Synchronization

/// What is to be read, by lane, and what came of it. One thread does everything as long as it gets on,
/// which spares the handing over; as soon as a read takes its time, others take what is left. A thread
/// that hangs costs some 30 KiB and nothing else.
final class ReadBoard: Sendable {
  enum Outcome: Sendable {
    case answer(CollectorAnswer)
    case listing(CollectorListing)
  }

  /// Works of one lane never run at the same time, and run in the order in which they came.
  final class Lane: Sendable {
    /// The first is in hand or ready.
    fileprivate let works = Mutex<[Work]>([])
    init() {}

    var isEmpty: Bool { works.withLock { $0.isEmpty } }
    fileprivate var first: Work? { works.withLock { $0.first } }

    /// Whether it is the first.
    fileprivate func append(_ work: Work) -> Bool {
      works.withLock { works in
        works.append(work)
        return works.count == 1
      }
    }

    /// Whether another follows the first, which goes.
    fileprivate func removeFirst() -> Bool {
      works.withLock { works in
        if !works.isEmpty { works.removeFirst() }
        return !works.isEmpty
      }
    }
  }

  struct Work: Sendable {
    var id: UInt64
    var lane: Lane
    /// There is a thread for each of these, whatever hangs; their number bounds them.
    var isReserved: Bool
    var run: @Sendable () -> Outcome
  }

  struct Done: Sendable {
    var id: UInt64
    var began: Stamp
    var outcome: Outcome
  }

  private struct State {
    /// Lanes whose first work nobody has in hand.
    var reserved: [Lane] = []
    var ready: [Lane] = []
    /// Since when, by id.
    var inHand: [UInt64: Stamp] = [:]
    var done: [Done] = []
    var idle: [NIOThreadPool] = []
    var all: [NIOThreadPool] = []
    var waiter: CheckedContinuation<Void, Never>?
    var isWoken = false
    var hasEnded = false
  }

  private let state = Mutex(State())
  private let limit: Int
  /// Called from a thread that is out of work: adds what follows from what was done, and says whether
  /// all of it is done.
  private let outOfWork: @Sendable (ReadBoard) -> Bool

  /// - Parameter limit: of threads; only reserved work may go past it.
  init(limit: Int, outOfWork: @escaping @Sendable (ReadBoard) -> Bool) {
    self.limit = limit
    self.outOfWork = outOfWork
  }

  // MARK: For the runner

  /// A cycle begins with these; who was woken before has nothing to do with it.
  func begin(_ works: [Work]) {
    state.withLock { $0.isWoken = false }
    post(works)
  }

  /// Gives a thread these, beside what waits.
  func post(_ works: [Work]) {
    add(works)
    start(1)
  }

  /// For a thread that goes on by itself.
  func add(_ works: [Work]) {
    state.withLock { state in
      guard !state.hasEnded else { return }
      for work in works {
        guard work.lane.append(work) else { continue }
        if work.isReserved {
          state.reserved.append(work.lane)
        } else {
          state.ready.append(work.lane)
        }
      }
    }
  }

  /// What waits gets threads of its own.
  func hurry() { start(.max) }

  /// Takes a work back unless it is in hand.
  func withdraw(_ id: UInt64, in lane: Lane) {
    state.withLock { state in
      guard state.inHand[id] == nil else { return }
      let isLast = lane.works.withLock { works in
        let wasFirst = works.first?.id == id
        works.removeAll { $0.id == id }
        return wasFirst && works.isEmpty
      }
      if isLast { state.ready.removeAll { $0 === lane } }
    }
  }

  /// Since when a work is being done; `nil` while it waits.
  func began(_ id: UInt64) -> Stamp? { state.withLock { $0.inHand[id] } }

  /// What has been done since the last call.
  func takeDone() -> [Done] {
    state.withLock { state in
      defer { state.done = [] }
      return state.done
    }
  }

  /// Returns when all is done, or after `wake()`.
  func changed() async {
    await withCheckedContinuation { continuation in
      let isNow = state.withLock { state in
        guard !state.isWoken else {
          state.isWoken = false
          return true
        }
        state.waiter = continuation
        return false
      }
      if isNow { continuation.resume() }
    }
  }

  func wake() {
    let waiter = state.withLock { state in
      defer { state.waiter = nil }
      if state.waiter == nil { state.isWoken = true }
      return state.waiter
    }
    waiter?.resume()
  }

  func end() {
    let pools = state.withLock { state in
      state.hasEnded = true
      return state.all
    }
    for pool in pools { pool.shutdownGracefully { _ in } }
  }

  // MARK: Threads

  private func start(_ most: Int) {
    let pools: [NIOThreadPool] = state.withLock { state in
      guard !state.hasEnded else { return [] }
      var pools: [NIOThreadPool] = []
      let wanted = min(most, state.reserved.count + state.ready.count)
      while pools.count < wanted {
        if let pool = state.idle.popLast() {
          pools.append(pool)
        } else if state.all.count < limit || pools.count < state.reserved.count {
          let pool = NIOThreadPool(numberOfThreads: 1)
          pool.start()
          state.all.append(pool)
          pools.append(pool)
        } else {
          break
        }
      }
      return pools
    }
    for pool in pools {
      pool.submit { state in
        if case .active = state { self.work(in: pool) }
      }
    }
  }

  private func work(in pool: NIOThreadPool) {
    repeat {
      while let work = next() {
        let outcome = work.run()
        finish(work, outcome)
      }
      if outOfWork(self) { wake() }
    } while !rest(pool)
  }

  private func finish(_ work: Work, _ outcome: Outcome) {
    state.withLock { state in
      let began = state.inHand.removeValue(forKey: work.id) ?? Self.stamp()
      state.done.append(Done(id: work.id, began: began, outcome: outcome))
      if work.lane.removeFirst() { state.ready.append(work.lane) }
    }
  }

  /// The next work, in hand.
  private func next() -> Work? {
    state.withLock { state in
      guard !state.hasEnded, let lane = Self.nextLane(&state),
        let work = lane.first
      else { return nil }
      state.inHand[work.id] = Self.stamp()
      return work
    }
  }

  private static func nextLane(_ state: inout State) -> Lane? {
    if !state.reserved.isEmpty { return state.reserved.removeFirst() }
    return state.ready.isEmpty ? nil : state.ready.removeFirst()
  }

  /// The thread is idle, unless something has come for it.
  private func rest(_ pool: NIOThreadPool) -> Bool {
    state.withLock { state in
      guard state.hasEnded || state.reserved.isEmpty && state.ready.isEmpty else { return false }
      state.idle.append(pool)
      return true
    }
  }

  static func stamp() -> Stamp {
    Stamp(bootNanoseconds: Clock.boot(), wallNanoseconds: Clock.wall())
  }
}
