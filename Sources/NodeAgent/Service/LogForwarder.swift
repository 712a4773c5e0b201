import Platform
import Protocol
import Synchronization

/// Turns the agent's own log lines into `LogLine`s for the manager.
package final class LogForwarder: Sendable {
  private struct State {
    var cursor: UInt64 = 0
    var deliver: (@Sendable (LogLine) -> Void)?
  }
  private let state = Mutex(State())
  package init() {}

  package func connect(_ deliver: @escaping @Sendable (LogLine) -> Void) {
    state.withLock { $0.deliver = deliver }
  }

  package func add(priority: Int, text: String) {
    let stamp = Stamp(bootNanoseconds: Clock.boot(), wallNanoseconds: Clock.wall())
    let (line, deliver) = state.withLock { state in
      state.cursor += 1
      // The boot clock makes cursors of later lives of the process larger.
      let line = LogLine(
        origin: "agent", cursor: UInt64(max(0, stamp.bootNanoseconds)) &+ state.cursor,
        stamp: stamp, priority: priority, text: String(text.prefix(500)))
      return (line, state.deliver)
    }
    deliver?(line)
  }

  /// 64 random bits in hexadecimal: names one life of the process.
  package static func randomName() -> String {
    String(UInt64.random(in: .min ... .max), radix: 16)
  }
}
