import Synchronization

/// How many requests of one listener are worked on at once; the others wait in their sequence. Agents are
/// heard by the same few threads, and must not be taken for silent because many ask at once.
final class RequestGate: Sendable {
  private struct State {
    var free: Int
    /// The first is the next.
    var waiting: [CheckedContinuation<Void, Never>] = []
  }
  private let state: Mutex<State>

  init(limit: Int) { state = Mutex(State(free: max(1, limit))) }

  var waiting: Int { state.withLock { $0.waiting.count } }

  func enter() async {
    await withCheckedContinuation { turn in
      let isFree = state.withLock { state in
        guard state.free > 0 else {
          state.waiting.append(turn)
          return false
        }
        state.free -= 1
        return true
      }
      if isFree { turn.resume() }
    }
  }

  func leave() {
    let next: CheckedContinuation<Void, Never>? = state.withLock { state in
      guard !state.waiting.isEmpty else {
        state.free += 1
        return nil
      }
      return state.waiting.removeFirst()
    }
    next?.resume()
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
