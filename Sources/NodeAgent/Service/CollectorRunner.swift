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

  private let board: ReadBoard
  private let rounds: CollectorRounds
  private let watch: CycleWatch

  /// - Parameter workerLimit: threads that may hang at once; what comes then waits and is told.
  package init(_ tasks: [CollectorTask], workerLimit: Int = CollectorRunner.workerLimit) {
    let rounds = CollectorRounds(tasks)
    self.rounds = rounds
    board = ReadBoard(limit: max(workerLimit, 1) + tasks.count) { rounds.settle($0) }
    watch = CycleWatch(board)
  }

  /// Starts everything that is due and not still running, and waits until all of it is back or
  /// `patience` is over. What comes back later is part of the next cycle.
  package func cycle(patience: Duration) async -> Cycle {
    let number = watch.begin(patience)
    board.begin(rounds.begin(board))
    await withTaskCancellationHandler {
      while !rounds.isSettled, !watch.isGivenUp(number) {
        await board.changed()
        // What came back before a read that hangs may give more to do.
        if !rounds.settle(board) { board.post([]) }
      }
    } onCancel: {
      // An agent that is told to stop does not wait for a read that hangs.
      watch.giveUp(number)
    }
    watch.end(number)
    return rounds.end(board)
  }

  /// No cycle follows. Threads whose reads hang end when these come back.
  package func end() {
    board.end()
    watch.stop()
  }
}
