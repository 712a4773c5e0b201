import AgentCore
import Platform
import Protocol

/// Runs the collectors so that a read that hangs for minutes holds up itself and nothing else: each
/// collector has a thread of its own, and so has each target that is being read.
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

  /// A unit that waits for its lane or runs.
  private struct Running {
    var began: Stamp
    var hasBegun: Bool
  }

  private struct Waiting {
    var name: String
    var unit: CollectorUnit
  }

  private let tasks: [CollectorTask]
  private let workers: CollectorWorkers
  private var running: [String: Running] = [:]
  private var lastBegan: [String: Int64] = [:]
  /// By lane, in the order in which they came; the first one runs.
  private var lanes: [String: [Waiting]] = [:]
  /// Lanes whose first unit has no worker yet.
  private var unserved: [String] = []
  /// Units by collector as last listed, and those of them that were ever read.
  private var listed: [String: Set<String>] = [:]
  private var read: Set<String> = []
  private var finished: [Finished] = []
  private var waiter: CheckedContinuation<Void, Never>?
  private var cycleNumber = 0

  /// - Parameter workerLimit: threads that may hang at once; what comes then waits and is told.
  package init(_ tasks: [CollectorTask], workerLimit: Int = CollectorWorkers.limit) {
    self.tasks = tasks
    workers = CollectorWorkers(limit: max(workerLimit, 1) + tasks.count)
  }

  /// Starts everything that is due and not still running, and waits until all of it is back or
  /// `patience` is over. What comes back later is part of the next cycle.
  package func cycle(patience: Duration) async -> Cycle {
    cycleNumber += 1
    let number = cycleNumber
    let now = Clock.boot()
    for task in tasks where running[task.name] == nil && isDue(task.name, task.period, now) {
      start(task)
    }
    if !running.isEmpty {
      let timeout = Task {
        try? await Task.sleep(for: patience)
        if !Task.isCancelled { self.giveUp(number) }
      }
      await withTaskCancellationHandler {
        await withCheckedContinuation { waiter = $0 }
      } onCancel: {
        // An agent that is told to stop does not wait for a read that hangs.
        Task { await self.giveUp(number) }
      }
      timeout.cancel()
    }
    let stalled = stalls()
    defer { finished = [] }
    return Cycle(
      finished: finished.sorted { $0.name < $1.name }, stalled: stalled.sorted { $0.name < $1.name }
    )
  }

  /// No cycle follows. Threads whose reads hang end when these come back.
  package func end() { workers.end() }

  /// What has not come back; and of the lists that came back, those that can not count as complete.
  private func stalls() -> [Stalled] {
    var stalls = running.map { name, run in
      Stalled(
        name: name, began: run.began,
        reason: run.hasBegun
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
        stalls.append(Stalled(name: collector, began: run.began, reason: reason))
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

  private func stamp() -> Stamp {
    Stamp(bootNanoseconds: Clock.boot(), wallNanoseconds: Clock.wall())
  }

  private func start(_ task: CollectorTask) {
    let began = stamp()
    lastBegan[task.name] = began.bootNanoseconds
    // There is a worker for each collector, whatever the lanes hold.
    guard let worker = workers.take(reserved: true) else { return }
    running[task.name] = Running(began: began, hasBegun: true)
    Task {
      switch task.work {
      case .whole(let collect):
        let answer =
          (try? await worker.run(collect)) ?? .failed(reason: "the agent is stopping")
        self.ended(
          Finished(name: task.name, period: task.period, began: began, answer: answer), worker)
      case .units(let list):
        let listing = (try? await worker.run(list)) ?? .failed(reason: "the agent is stopping")
        self.listed(task, listing, began, worker)
      }
    }
  }

  private func listed(
    _ task: CollectorTask, _ listing: CollectorListing, _ began: Stamp, _ worker: CollectorWorker
  ) {
    var answer = CollectorAnswer.sampled(Collection())
    switch listing {
    case .failed(let reason): answer = .failed(reason: reason)
    case .notApplicable(let reason):
      answer = .notApplicable(reason: reason)
      keep([], of: task.name, began)
    case .units(let units):
      keep(Set(units.map { "\(task.name)/\($0.subject)" }), of: task.name, began)
      for unit in units { queue(task.name, unit) }
    }
    ended(Finished(name: task.name, period: task.period, began: began, answer: answer), worker)
  }

  /// What is no longer listed is gone, whether or not its last read ever comes back.
  private func keep(_ names: Set<String>, of collector: String, _ began: Stamp) {
    for name in listed[collector, default: []].subtracting(names) {
      read.remove(name)
      lastBegan[name] = nil
      if running[name]?.hasBegun == false { withdraw(name) }
      running[name] = nil
      finished.removeAll { $0.name == name }
      finished.append(
        Finished(
          name: name, period: .zero, began: began,
          answer: .notApplicable(reason: "it is no longer here"), isGone: true))
    }
    listed[collector] = names
  }

  private func withdraw(_ name: String) {
    for lane in lanes.keys { lanes[lane]?.removeAll { $0.name == name } }
    for lane in lanes.keys where lanes[lane]?.isEmpty == true { lanes[lane] = nil }
    unserved.removeAll { lanes[$0] == nil }
  }

  // MARK: Lanes

  private func queue(_ collector: String, _ unit: CollectorUnit) {
    let name = "\(collector)/\(unit.subject)"
    guard running[name] == nil, isDue(name, unit.period(), Clock.boot()) else { return }
    let began = stamp()
    lastBegan[name] = began.bootNanoseconds
    running[name] = Running(began: began, hasBegun: false)
    lanes[unit.lane, default: []].append(Waiting(name: name, unit: unit))
    if lanes[unit.lane]?.count == 1 { serve(unit.lane) }
  }

  private func serve(_ lane: String) {
    guard let next = lanes[lane]?.first else { return }
    guard let worker = workers.take(reserved: false) else {
      unserved.append(lane)
      return
    }
    let began = stamp()
    running[next.name] = Running(began: began, hasBegun: true)
    Task {
      let answer =
        (try? await worker.run(next.unit.collect)) ?? .failed(reason: "the agent is stopping")
      self.unitEnded(
        Finished(name: next.name, period: next.unit.period(), began: began, answer: answer), lane,
        worker)
    }
  }

  private func unitEnded(_ result: Finished, _ lane: String, _ worker: CollectorWorker) {
    lanes[lane]?.removeFirst()
    if lanes[lane]?.isEmpty == true { lanes[lane] = nil }
    // The target left the list while it was read: what was read of it is no news.
    let isListed = listed.values.contains { $0.contains(result.name) }
    if isListed {
      if case .failed = result.answer {} else { read.insert(result.name) }
    }
    if lanes[lane] != nil { unserved.append(lane) }
    giveBack(worker)
    // The same name may run anew by now, if its target came back.
    guard isListed, running[result.name]?.began == result.began else {
      if running.isEmpty { resume() }
      return
    }
    take(result)
  }

  private func ended(_ result: Finished, _ worker: CollectorWorker) {
    giveBack(worker)
    take(result)
  }

  /// A thread is free: the lane that waits longest goes on.
  private func giveBack(_ worker: CollectorWorker) {
    workers.give(worker)
    if !unserved.isEmpty { serve(unserved.removeFirst()) }
  }

  private func take(_ result: Finished) {
    running[result.name] = nil
    finished.append(result)
    if running.isEmpty { resume() }
  }

  private func giveUp(_ number: Int) {
    if number == cycleNumber { resume() }
  }

  private func resume() {
    waiter?.resume()
    waiter = nil
  }
}
