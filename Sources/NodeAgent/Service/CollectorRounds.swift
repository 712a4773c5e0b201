import AgentCore
import Platform
import Protocol
import Synchronization

/// What runs, what came back and what follows from it; the threads that read settle it themselves, so
/// that a cycle is handed over once and not for each list.
final class CollectorRounds: Sendable {
  private let state: Mutex<RoundsState>

  init(_ tasks: [CollectorTask]) { state = Mutex(RoundsState(tasks)) }

  /// Nothing waits or runs.
  var isSettled: Bool { state.withLock { $0.running.isEmpty } }

  /// A cycle begins: what is due and not still running.
  func begin(_ board: ReadBoard) -> [ReadBoard.Work] {
    state.withLock { state in
      let more = state.drain(board)
      return more + state.due()
    }
  }

  /// Takes what was done, and posts what follows. True when nothing waits or runs any more.
  func settle(_ board: ReadBoard) -> Bool {
    state.withLock { state in
      let more = state.drain(board)
      if !more.isEmpty { board.add(more) }
      return state.running.isEmpty
    }
  }

  /// The cycle ends, with all that came back since the last.
  func end(_ board: ReadBoard) -> CollectorRunner.Cycle {
    state.withLock { $0.end(board) }
  }
}

private struct RoundsState {
  /// What waits for its lane or runs.
  struct Running {
    var id: UInt64
    var queued: Stamp
    /// May be another after the run.
    var period: @Sendable () -> Duration
  }

  private let tasks: [CollectorTask]
  private var lastID: UInt64 = 0
  private(set) var running: [String: Running] = [:]
  private var lastBegan: [String: Int64] = [:]
  /// Of units, as told with their last run: who hears of it counts on the next one by then.
  private var toldPeriods: [String: Duration] = [:]
  /// Units by collector as last listed, and those of them that were ever read.
  private var listed: [String: Set<String>] = [:]
  private var read: Set<String> = []
  private var finished: [CollectorRunner.Finished] = []

  init(_ tasks: [CollectorTask]) { self.tasks = tasks }

  mutating func due() -> [ReadBoard.Work] {
    let now = Clock.boot()
    return tasks.filter { running[$0.name] == nil && isDue($0.name, $0.period, now) }.map {
      work($0)
    }
  }

  mutating func end(_ board: ReadBoard) -> CollectorRunner.Cycle {
    let stalled = stalls(board)
    defer { finished = [] }
    return CollectorRunner.Cycle(
      finished: finished.sorted { $0.name < $1.name }, stalled: stalled.sorted { $0.name < $1.name }
    )
  }

  /// What has not come back; and of the lists that came back, those that can not count as complete.
  private mutating func stalls(_ board: ReadBoard) -> [CollectorRunner.Stalled] {
    var stalls = running.map { name, run in
      let began = board.began(run.id)
      return CollectorRunner.Stalled(
        name: name, began: began ?? run.queued,
        reason: began != nil
          ? "its read has not come back" : "it waits for another read that has not come back")
    }
    // A target that was never read may be active here: nobody may take the list for complete.
    for (collector, units) in listed where running[collector] == nil {
      guard let unread = units.subtracting(read).min(),
        let place = finished.firstIndex(where: { $0.name == collector })
      else { continue }
      let reason = "\(unread) has not been read yet"
      if let run = running[unread] {
        finished.remove(at: place)
        let began = board.began(run.id) ?? run.queued
        stalls.append(CollectorRunner.Stalled(name: collector, began: began, reason: reason))
      } else {
        finished[place].answer = .failed(reason: reason)
      }
    }
    return stalls
  }

  private func isDue(_ name: String, _ period: Duration, _ now: Int64) -> Bool {
    guard let last = lastBegan[name] else { return true }
    // A cycle that begins a little early must not push the run to the next one.
    return now - last >= period.nanoseconds - 50_000_000
  }

  // MARK: Works

  /// Notes that it runs from now on.
  private mutating func begin(_ name: String, _ period: @escaping @Sendable () -> Duration)
    -> UInt64
  {
    let now = ReadBoard.stamp()
    lastID += 1
    lastBegan[name] = now.bootNanoseconds
    running[name] = Running(id: lastID, queued: now, period: period)
    return lastID
  }

  private mutating func work(_ task: CollectorTask) -> ReadBoard.Work {
    ReadBoard.Work(
      id: begin(task.name) { task.period }, name: task.name, lane: "collector \(task.name)",
      isReserved: true
    ) {
      switch task.work {
      case .whole(let collect): .answer(collect())
      case .units(let list): .listing(list())
      }
    }
  }

  private mutating func work(_ collector: String, _ unit: CollectorUnit) -> ReadBoard.Work? {
    let name = "\(collector)/\(unit.subject)"
    let period = min(unit.period(), toldPeriods[name] ?? .zero)
    guard running[name] == nil, isDue(name, period, Clock.boot()) else { return nil }
    return ReadBoard.Work(
      id: begin(name, unit.period), name: name, lane: unit.lane, isReserved: false
    ) { .answer(unit.collect()) }
  }

  /// Takes what was done; lists give more to do.
  mutating func drain(_ board: ReadBoard) -> [ReadBoard.Work] {
    var more: [ReadBoard.Work] = []
    for done in board.takeDone() {
      switch done.outcome {
      case .listing(let listing): more += listed(listing, done, board)
      case .answer(let answer): take(answer, done)
      }
    }
    return more
  }

  private mutating func listed(
    _ listing: CollectorListing, _ done: ReadBoard.Done, _ board: ReadBoard
  ) -> [ReadBoard.Work] {
    var answer = CollectorAnswer.sampled(Collection())
    var works: [ReadBoard.Work] = []
    switch listing {
    case .failed(let reason): answer = .failed(reason: reason)
    case .notApplicable(let reason):
      answer = .notApplicable(reason: reason)
      keep([], of: done.name, done.began, board)
    case .units(let units):
      keep(Set(units.map { "\(done.name)/\($0.subject)" }), of: done.name, done.began, board)
      works = units.compactMap { work(done.name, $0) }
    }
    take(answer, done)
    return works
  }

  /// What is no longer listed is gone, whether or not its last read ever comes back.
  private mutating func keep(
    _ names: Set<String>, of collector: String, _ began: Stamp, _ board: ReadBoard
  ) {
    for name in listed[collector, default: []].subtracting(names) {
      read.remove(name)
      lastBegan[name] = nil
      toldPeriods[name] = nil
      if let run = running.removeValue(forKey: name) { board.withdraw(run.id) }
      finished.removeAll { $0.name == name }
      finished.append(
        CollectorRunner.Finished(
          name: name, period: .zero, began: began,
          answer: .notApplicable(reason: "it is no longer here"), isGone: true))
    }
    listed[collector] = names
  }

  private mutating func take(_ answer: CollectorAnswer, _ done: ReadBoard.Done) {
    // The target left the list while it was read: what was read of it is no news. And the same name
    // may run anew by now, if its target came back.
    guard let run = running[done.name], run.id == done.id else { return }
    running[done.name] = nil
    if case .failed = answer {} else { read.insert(done.name) }
    let period = run.period()
    toldPeriods[done.name] = period
    finished.append(
      CollectorRunner.Finished(name: done.name, period: period, began: done.began, answer: answer))
  }
}
