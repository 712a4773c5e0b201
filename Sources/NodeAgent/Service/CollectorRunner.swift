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

  /// 64 targets, more than any server has, in two lanes each: what it is, and what its jobs do.
  package static let workerLimit = 128
  /// From then on what waits does not wait for the read before it.
  private static let moment = Duration.milliseconds(20)

  private let board: ReadBoard
  private let rounds: CollectorRounds
  private var cycleNumber = 0
  private var givenUp = 0

  /// - Parameter workerLimit: threads that may hang at once; what comes then waits and is told.
  package init(_ tasks: [CollectorTask], workerLimit: Int = CollectorRunner.workerLimit) {
    let rounds = CollectorRounds(tasks)
    self.rounds = rounds
    board = ReadBoard(limit: max(workerLimit, 1) + tasks.count) { rounds.settle($0) }
  }

  /// Starts everything that is due and not still running, and waits until all of it is back or
  /// `patience` is over. What comes back later is part of the next cycle.
  package func cycle(patience: Duration) async -> Cycle {
    cycleNumber += 1
    let number = cycleNumber
    board.begin(rounds.begin(board))
    if !rounds.isSettled {
      let watch = Task { await self.watch(number, patience) }
      await withTaskCancellationHandler {
        while !rounds.isSettled, givenUp < number {
          await board.changed()
          // What came back before a read that hangs may give more to do.
          if !rounds.settle(board) { board.post([]) }
        }
      } onCancel: {
        // An agent that is told to stop does not wait for a read that hangs.
        Task { await self.giveUp(number) }
      }
      watch.cancel()
    }
    return rounds.end(board)
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
}
