import Synchronization

/// How many requests of one listener are worked on at once; the others wait. Agents are heard by the same
/// few threads, and must not be taken for silent because many ask at once. Whose requests are worked on
/// least is next, and among them who came first, so that one who asks much keeps no other waiting.
final class RequestGate: Sendable {
  private struct State {
    var free: Int
    var working: [String: Int] = [:]
    /// As they came.
    var waiting: [(caller: String, turn: CheckedContinuation<Void, Never>)] = []

    mutating func takeNext() -> CheckedContinuation<Void, Never>? {
      guard free > 0,
        let place = waiting.indices.min(by: {
          (working[waiting[$0].caller] ?? 0, $0) < (working[waiting[$1].caller] ?? 0, $1)
        })
      else { return nil }
      let next = waiting.remove(at: place)
      free -= 1
      working[next.caller, default: 0] += 1
      return next.turn
    }
  }
  private let state: Mutex<State>

  init(limit: Int) { state = Mutex(State(free: max(1, limit))) }

  var waiting: Int { state.withLock { $0.waiting.count } }

  func enter(_ caller: String) async {
    await withCheckedContinuation { turn in
      let next = state.withLock { state in
        state.waiting.append((caller, turn))
        return state.takeNext()
      }
      next?.resume()
    }
  }

  func leave(_ caller: String) {
    let next = state.withLock { state in
      state.free += 1
      let rest = (state.working[caller] ?? 1) - 1
      state.working[caller] = rest > 0 ? rest : nil
      return state.takeNext()
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
