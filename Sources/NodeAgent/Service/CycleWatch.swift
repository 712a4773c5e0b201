import Glibc
import NIOPosix
import Platform
import Synchronization

/// Looks after a cycle that lasts, from a thread of its own. A cycle that is over soon only notes that it
/// began and ended: the thread that sleeps since finds nothing to do when it wakes.
final class CycleWatch: Sendable {
  private struct Cycle {
    var number: Int
    /// Monotonic, ns.
    var next: Int64
    var deadline: Int64
    var pause: Int64
  }

  private struct State {
    var number = 0
    var cycle: Cycle?
    /// The thread sleeps, or is about to look.
    var isAwake = false
    var givenUp = 0
  }

  private enum Step {
    case rest
    case sleep(Int64)
    case hurry
    case giveUp
  }

  /// From then on what waits does not wait for the read before it.
  private static let moment: Int64 = 20_000_000
  private static let longestPause: Int64 = 320_000_000

  private let state = Mutex(State())
  private let board: ReadBoard
  private let pool = NIOThreadPool(numberOfThreads: 1)

  init(_ board: ReadBoard) {
    self.board = board
    pool.start()
  }

  /// A cycle begins; its number.
  func begin(_ patience: Duration) -> Int {
    let now = Clock.monotonic()
    let (number, wakes) = state.withLock { state in
      state.number += 1
      let (deadline, over) = now.addingReportingOverflow(max(0, patience.nanoseconds))
      state.cycle = Cycle(
        number: state.number, next: now + Self.moment, deadline: over ? .max : deadline,
        pause: Self.moment)
      defer { state.isAwake = true }
      return (state.number, !state.isAwake)
    }
    if wakes {
      pool.submit { state in
        if case .active = state { self.look() }
      }
    }
    return number
  }

  func end(_ number: Int) {
    state.withLock { if $0.cycle?.number == number { $0.cycle = nil } }
  }

  func isGivenUp(_ number: Int) -> Bool { state.withLock { $0.givenUp >= number } }

  /// The cycle is not waited for any longer.
  func giveUp(_ number: Int) {
    state.withLock { $0.givenUp = max($0.givenUp, number) }
    board.wake()
  }

  /// No cycle follows.
  func stop() { pool.shutdownGracefully { _ in } }

  private func look() {
    while true {
      switch step() {
      case .rest: return
      case .sleep(let nanoseconds): usleep(UInt32(clamping: nanoseconds / 1_000 + 1))
      case .hurry:
        board.hurry()
        board.wake()
      case .giveUp: board.wake()
      }
    }
  }

  private func step() -> Step {
    let now = Clock.monotonic()
    return state.withLock { state in
      guard var cycle = state.cycle else {
        state.isAwake = false
        return .rest
      }
      if now >= cycle.deadline {
        state.givenUp = max(state.givenUp, cycle.number)
        state.cycle = nil
        return .giveUp
      }
      // No longer than a moment: the next cycle may begin meanwhile.
      if now < cycle.next {
        return .sleep(min(cycle.next - now, cycle.deadline - now, Self.moment))
      }
      cycle.pause = min(cycle.pause * 2, Self.longestPause)
      cycle.next = now + cycle.pause
      state.cycle = cycle
      return .hurry
    }
  }
}
