import AgentCore
import Protocol
import Synchronization

/// Takes down what a piece of work asks, and gives it what was asked for it just before.
final class ReadRecorder: Sendable {
  /// Beyond it a piece of work is done anew each time: a target of some hundred clients stays below.
  private static let accessLimit = 1_024
  private static let byteLimit = 256 << 10

  private struct State {
    var known: [ReadTrace.Access]
    var next = 0
    var made: [ReadTrace.Access] = []
    var counted: [Int: CountedText] = [:]
    var bytes = 0
    var isGivenUp = false
  }

  private let state: Mutex<State>
  /// What the work made the last time: most series are the same again.
  let samplesBefore: [Sample]

  init(knowing known: [ReadTrace.Access], samplesBefore: [Sample]) {
    state = Mutex(State(known: known))
    self.samplesBefore = samplesBefore
  }

  /// The contents of a file, when that is what was asked next.
  func contents(of path: String) -> [UInt8]? {
    state.withLock { state in
      var place = state.next
      while place < state.known.count {
        if case .contents(path, let bytes, _) = state.known[place] {
          state.next = place + 1
          return bytes
        }
        place += 1
      }
      return nil
    }
  }

  func note(contents bytes: [UInt8], of path: String, isKept: Bool) {
    // What was read into has room for a page; what is kept has not.
    let kept = bytes.withUnsafeBufferPointer { Array($0) }
    note(.contents(path: path, bytes: kept, isKept: isKept))
  }

  func note(_ access: ReadTrace.Access) {
    state.withLock { state in
      guard !state.isGivenUp else { return }
      state.bytes += access.bytes
      guard state.bytes <= Self.byteLimit, state.made.count < Self.accessLimit else {
        state.isGivenUp = true
        state.made = []
        return
      }
      state.made.append(access)
    }
  }

  /// Of what was read last: where its numbers stand.
  func note(_ counted: CountedText) {
    state.withLock { state in
      guard !state.isGivenUp, case .contents = state.made.last else { return }
      state.bytes += counted.bytes
      state.counted[state.made.count - 1] = counted
    }
  }

  /// The work asked something that can not be asked again in this way.
  func giveUp() {
    state.withLock { state in
      state.isGivenUp = true
      state.made = []
    }
  }

  /// All of it and its size; `nil` when it was given up.
  func finish() -> (trace: ReadTrace, bytes: Int)? {
    state.withLock { state in
      state.isGivenUp ? nil : (ReadTrace(accesses: state.made, counted: state.counted), state.bytes)
    }
  }
}
