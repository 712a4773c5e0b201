import Synchronization

/// How many requests of one listener are worked on at once; the others wait. Agents are heard by the same
/// few threads, and must not be taken for silent because many ask at once. Whose requests are worked on
/// least is next, and among them who came first, so that one who asks much keeps no other waiting.
final class RequestGate: Sendable {
  private struct Waiter {
    var number: UInt64
    var caller: String
    var turn: CheckedContinuation<Bool, Never>
    /// Ends the waiting.
    var impatience: Task<Void, any Error>?

    func end(itsTurn: Bool) {
      impatience?.cancel()
      turn.resume(returning: itsTurn)
    }
  }

  private struct State {
    var free: Int
    var working: [String: Int] = [:]
    /// As they came; never more than there are connections.
    var waiting: [Waiter] = []
    var next: UInt64 = 0

    mutating func takeNext() -> Waiter? {
      guard free > 0,
        let place = waiting.indices.min(by: {
          (working[waiting[$0].caller] ?? 0, $0) < (working[waiting[$1].caller] ?? 0, $1)
        })
      else { return nil }
      let next = waiting.remove(at: place)
      free -= 1
      working[next.caller, default: 0] += 1
      return next
    }
  }
  private let state: Mutex<State>
  private let patience: Duration

  /// - Parameter patience: how long one waits for a turn.
  init(limit: Int, patience: Duration = .seconds(600)) {
    state = Mutex(State(free: max(1, limit)))
    self.patience = patience
  }

  var waiting: Int { state.withLock { $0.waiting.count } }

  /// - Returns: whether its turn came in time; then `leave` is due.
  func enter(_ caller: String) async -> Bool {
    await withCheckedContinuation { turn in
      let next = state.withLock { state in
        let number = state.next
        state.next += 1
        state.waiting.append(Waiter(number: number, caller: caller, turn: turn))
        let next = state.takeNext()
        // The newcomer is the last, if it is there still.
        if let last = state.waiting.indices.last, state.waiting[last].number == number {
          state.waiting[last].impatience = impatience(number)
        }
        return next
      }
      next?.end(itsTurn: true)
    }
  }

  private func impatience(_ number: UInt64) -> Task<Void, any Error> {
    Task {
      try await Task.sleep(for: patience)
      let waiter = state.withLock { state in
        state.waiting.firstIndex { $0.number == number }.map { state.waiting.remove(at: $0) }
      }
      waiter?.end(itsTurn: false)
    }
  }

  func leave(_ caller: String) {
    let next = state.withLock { state in
      state.free += 1
      let rest = (state.working[caller] ?? 1) - 1
      state.working[caller] = rest > 0 ? rest : nil
      return state.takeNext()
    }
    next?.end(itsTurn: true)
  }
}

/// How many requests each caller has under way, from its head to the last byte of the answer.
final class CallersAtWork: Sendable {
  private let counts = Mutex<[String: Int]>([:])
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  /// - Returns: whether it may have one more; then `leave` is due.
  func enter(_ caller: String) -> Bool {
    counts.withLock { counts in
      let count = counts[caller, default: 0]
      guard count < limit else { return false }
      counts[caller] = count + 1
      return true
    }
  }

  func leave(_ caller: String) {
    counts.withLock { counts in
      let count = counts[caller, default: 0] - 1
      counts[caller] = count > 0 ? count : nil
    }
  }
}
