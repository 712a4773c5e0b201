import AgentCore
import Platform
import Protocol
import Synchronization

/// Hands the same facts to all collectors of about one cycle, whatever thread they run on. No
/// thread ever waits for another's reads: while one reads anew, the others get the last facts.
package final class ContextSource: Sendable {
  private struct State {
    var context: CollectorContext?
    var readAt: Int64 = 0
    /// When the reading that is under way began.
    var begunAt: Int64?
    var lastNumber: UInt64 = 0
  }

  private let host: HostRoot
  private let freshNanoseconds: Int64
  private let state = Mutex(State())
  /// A reading that takes longer than this hangs; somebody else tries then.
  private static let patienceNanoseconds: Int64 = 30_000_000_000

  /// Facts are read again when they are older than `freshMilliseconds`: half a cycle is right.
  package init(_ host: HostRoot, freshMilliseconds: Int64 = 500) {
    self.host = host
    freshNanoseconds = max(0, min(freshMilliseconds, 3_600_000)) * 1_000_000
  }

  /// A cycle begins: the next to ask gets new facts, also when those before are not old.
  package func expire() { state.withLock { $0.readAt = .min / 2 } }

  package func current() -> CollectorContext {
    let now = Clock.boot()
    var last: CollectorContext?
    let ready: CollectorContext? = state.withLock { state in
      last = state.context
      if let context = state.context {
        let isReading =
          state.begunAt.map { now - $0 < ContextSource.patienceNanoseconds } ?? false
        if now - state.readAt < freshNanoseconds { return context }
        // What a list of targets says must be of now, whoever hangs over the facts.
        if isReading { return context.listingAnew() }
      }
      state.begunAt = now
      return nil
    }
    if let ready { return ready }
    var context = CollectorContext(host, after: last)
    return state.withLock { state in
      if context.factsNumber == 0 {
        if let before = state.context, before.facts == context.facts,
          before.bootID == context.bootID
        {
          context = context.numbered(before.factsNumber)
        } else {
          state.lastNumber += 1
          context = context.numbered(state.lastNumber)
        }
      }
      state.context = context
      state.readAt = now
      state.begunAt = nil
      return context
    }
  }
}
