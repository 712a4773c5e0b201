import AgentCore
import NIOPosix
import Platform
import Protocol

/// Something to run each cycle, and its name.
package struct CollectorTask: Sendable {
  package var name: String
  /// The least time between the beginnings of two runs; zero means every cycle.
  package var period: @Sendable () -> Duration
  package var collect: @Sendable () -> CollectorAnswer
  package init(
    name: String, period: Duration = .zero, collect: @escaping @Sendable () -> CollectorAnswer
  ) {
    self.init(name: name, period: { period }, collect: collect)
  }

  package init(
    name: String, period: @escaping @Sendable () -> Duration,
    collect: @escaping @Sendable () -> CollectorAnswer
  ) {
    self.name = name
    self.period = period
    self.collect = collect
  }

  /// Every collector of this program, reading below one root.
  package static func all(reading host: HostRoot) -> [CollectorTask] {
    let source = ContextSource(host)
    return allCollectors.map { $0.task(host, source) }
  }
}

/// Runs the collectors, each on a thread of its own: a read that hangs for minutes holds up that
/// collector and no other. Never two runs of one collector at once.
package actor CollectorRunner {
  package struct Finished: Sendable {
    package var name: String
    package var period: Duration
    package var began: Stamp
    package var answer: CollectorAnswer
  }

  package struct Stalled: Sendable {
    package var name: String
    package var began: Stamp
  }

  package struct Cycle: Sendable {
    package var finished: [Finished]
    package var stalled: [Stalled]
  }

  private let tasks: [CollectorTask]
  private let threads: [String: NIOThreadPool]
  private var running: [String: Stamp] = [:]
  private var lastBegan: [String: Int64] = [:]
  private var finished: [Finished] = []
  private var waiter: CheckedContinuation<Void, Never>?
  private var cycleNumber = 0

  package init(_ tasks: [CollectorTask]) {
    self.tasks = tasks
    threads = Dictionary(
      uniqueKeysWithValues: tasks.map { ($0.name, NIOThreadPool(numberOfThreads: 1)) })
    for pool in threads.values { pool.start() }
  }

  /// Starts every collector that is not still running, and waits until all are back or `patience`
  /// is over. What comes back later is part of the next cycle.
  package func cycle(patience: Duration) async -> Cycle {
    cycleNumber += 1
    let number = cycleNumber
    let now = Clock.boot()
    for task in tasks where running[task.name] == nil && isDue(task, now) { start(task) }
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
    let cycle = Cycle(
      finished: finished.sorted { $0.name < $1.name },
      stalled: running.map { Stalled(name: $0.key, began: $0.value) }.sorted {
        $0.name < $1.name
      })
    finished = []
    return cycle
  }

  /// No cycle follows. Threads whose reads hang end when these come back.
  package func end() {
    for pool in threads.values { pool.shutdownGracefully { _ in } }
  }

  private func isDue(_ task: CollectorTask, _ now: Int64) -> Bool {
    guard let last = lastBegan[task.name] else { return true }
    // A cycle that begins a little early must not push the run to the next one.
    return now - last >= task.period().nanoseconds - 50_000_000
  }

  private func start(_ task: CollectorTask) {
    guard let pool = threads[task.name] else { return }
    let began = Stamp(bootNanoseconds: Clock.boot(), wallNanoseconds: Clock.wall())
    lastBegan[task.name] = began.bootNanoseconds
    running[task.name] = began
    Task {
      let answer =
        (try? await pool.runIfActive { task.collect() })
        ?? .failed(reason: "the agent is stopping")
      self.ended(
        Finished(name: task.name, period: task.period(), began: began, answer: answer))
    }
  }

  private func ended(_ result: Finished) {
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
