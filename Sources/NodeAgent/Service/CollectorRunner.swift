import AgentCore
import Platform
import Protocol

/// Runs the collectors so that a read that hangs for minutes holds up itself and nothing else: what
/// waits for longer than a moment gets a thread of its own, each collector and each target.
package actor CollectorRunner {
  package struct Finished: Sendable {
    package var name: String
    package var period: Duration
    package var began: Stamp
    package var answer: CollectorAnswer
    /// What this name stood for is gone and will not be named again.
    package var isGone = false
  }

  package struct Stalled: Sendable {
    package var name: String
    package var began: Stamp
    /// For example `its read has not come back`.
    package var reason: String
  }

  package struct Cycle: Sendable {
    package var finished: [Finished]
    package var stalled: [Stalled]
  }

  /// What waits for its lane or runs.
  private struct Running {
    var id: UInt64
    var queued: Stamp
    /// May be another after the run.
    var period: @Sendable () -> Duration
  }

  /// 64 targets, more than any server has, in two lanes each: what it is, and what its jobs do.
  package static let workerLimit = 128
  /// From then on what waits does not wait for the read before it.
  private static let moment = Duration.milliseconds(20)

  private let tasks: [CollectorTask]
  private let board: ReadBoard
  private var lastID: UInt64 = 0
  private var running: [String: Running] = [:]
  private var lastBegan: [String: Int64] = [:]
  /// Of units, as told with their last run: who hears of it counts on the next one by then.
  private var toldPeriods: [String: Duration] = [:]
  /// Units by collector as last listed, and those of them that were ever read.
  private var listed: [String: Set<String>] = [:]
  private var read: Set<String> = []
  private var finished: [Finished] = []
  private var cycleNumber = 0
  private var givenUp = 0

  /// - Parameter workerLimit: threads that may hang at once; what comes then waits and is told.
  package init(_ tasks: [CollectorTask], workerLimit: Int = CollectorRunner.workerLimit) {
    self.tasks = tasks
    board = ReadBoard(limit: max(workerLimit, 1) + tasks.count)
    board.whenUnawaited { [weak self] in
      Task { [weak self] in await self?.drain() }
    }
  }

  /// Starts everything that is due and not still running, and waits until all of it is back or
  /// `patience` is over. What comes back later is part of the next cycle.
  package func cycle(patience: Duration) async -> Cycle {
    cycleNumber += 1
    let number = cycleNumber
    drain()
    let now = Clock.boot()
    board.post(
      tasks.filter { running[$0.name] == nil && isDue($0.name, $0.period, now) }.map(work))
    if !running.isEmpty {
      let watch = Task { await self.watch(number, patience) }
      await withTaskCancellationHandler {
        while !running.isEmpty, givenUp < number {
          await board.changed()
          drain()
        }
      } onCancel: {
        // An agent that is told to stop does not wait for a read that hangs.
        Task { await self.giveUp(number) }
      }
      watch.cancel()
    }
    let stalled = stalls()
    defer { finished = [] }
    return Cycle(
      finished: finished.sorted { $0.name < $1.name }, stalled: stalled.sorted { $0.name < $1.name }
    )
  }

  /// No cycle follows. Threads whose reads hang end when these come back.
  package func end() { board.end() }

  /// Looks after a cycle that lasts, and ends it when patience is over.
  private func watch(_ number: Int, _ patience: Duration) async {
    let clock = ContinuousClock()
    let deadline = clock.now + patience
    var pause = CollectorRunner.moment
    while clock.now + pause < deadline {
      try? await Task.sleep(for: pause)
      if Task.isCancelled { return }
      board.hurry()
      board.wake()
      pause = min(pause * 2, .milliseconds(320))
    }
    try? await Task.sleep(until: deadline, clock: clock)
    if !Task.isCancelled { giveUp(number) }
  }

  private func giveUp(_ number: Int) {
    givenUp = max(givenUp, number)
    board.wake()
  }

  /// What has not come back; and of the lists that came back, those that can not count as complete.
  private func stalls() -> [Stalled] {
    var stalls = running.map { name, run in
      let began = board.began(run.id)
      return Stalled(
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
        stalls.append(Stalled(name: collector, began: began, reason: reason))
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
  private func begin(_ name: String, _ period: @escaping @Sendable () -> Duration) -> UInt64 {
    let now = ReadBoard.stamp()
    lastID += 1
    lastBegan[name] = now.bootNanoseconds
    running[name] = Running(id: lastID, queued: now, period: period)
    return lastID
  }

  private func work(_ task: CollectorTask) -> ReadBoard.Work {
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

  private func work(_ collector: String, _ unit: CollectorUnit) -> ReadBoard.Work? {
    let name = "\(collector)/\(unit.subject)"
    let period = min(unit.period(), toldPeriods[name] ?? .zero)
    guard running[name] == nil, isDue(name, period, Clock.boot()) else { return nil }
    return ReadBoard.Work(
      id: begin(name, unit.period), name: name, lane: unit.lane, isReserved: false
    ) { .answer(unit.collect()) }
  }

  /// Takes what was done; lists give more to do.
  private func drain() {
    var more: [ReadBoard.Work] = []
    for done in board.takeDone() {
      switch done.outcome {
      case .listing(let listing): more += listed(listing, done)
      case .answer(let answer): take(answer, done)
      }
    }
    if !more.isEmpty { board.post(more) }
  }

  private func listed(_ listing: CollectorListing, _ done: ReadBoard.Done) -> [ReadBoard.Work] {
    var answer = CollectorAnswer.sampled(Collection())
    var works: [ReadBoard.Work] = []
    switch listing {
    case .failed(let reason): answer = .failed(reason: reason)
    case .notApplicable(let reason):
      answer = .notApplicable(reason: reason)
      keep([], of: done.name, done.began)
    case .units(let units):
      keep(Set(units.map { "\(done.name)/\($0.subject)" }), of: done.name, done.began)
      works = units.compactMap { work(done.name, $0) }
    }
    take(answer, done)
    return works
  }

  /// What is no longer listed is gone, whether or not its last read ever comes back.
  private func keep(_ names: Set<String>, of collector: String, _ began: Stamp) {
    for name in listed[collector, default: []].subtracting(names) {
      read.remove(name)
      lastBegan[name] = nil
      toldPeriods[name] = nil
      if let run = running.removeValue(forKey: name) { board.withdraw(run.id) }
      finished.removeAll { $0.name == name }
      finished.append(
        Finished(
          name: name, period: .zero, began: began,
          answer: .notApplicable(reason: "it is no longer here"), isGone: true))
    }
    listed[collector] = names
  }

  private func take(_ answer: CollectorAnswer, _ done: ReadBoard.Done) {
    // The target left the list while it was read: what was read of it is no news. And the same name
    // may run anew by now, if its target came back.
    guard let run = running[done.name], run.id == done.id else { return }
    running[done.name] = nil
    if case .failed = answer {} else { read.insert(done.name) }
    let period = run.period()
    toldPeriods[done.name] = period
    finished.append(
      Finished(name: done.name, period: period, began: done.began, answer: answer))
  }
}
