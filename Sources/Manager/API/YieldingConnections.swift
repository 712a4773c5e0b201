import NIOCore
import NIOSSL
import Synchronization

/// Connections of a port on which nothing is under way, of those that have proven nothing yet or of
/// others; see `YieldingQueue`. One that is pushed out is closed.
final class YieldingConnections: Sendable {
  private struct State {
    var queue: YieldingQueue
    var channels: [UInt64: any Channel] = [:]
    var numbers: [ObjectIdentifier: UInt64] = [:]
    /// Whose end is waited for; they may come and leave often.
    var known: Set<ObjectIdentifier> = []

    mutating func leave(_ number: UInt64) -> (any Channel)? {
      queue.leave(number)
      guard let channel = channels.removeValue(forKey: number) else { return nil }
      numbers[ObjectIdentifier(channel)] = nil
      return channel
    }
  }
  private let state: Mutex<State>
  private let onEviction: @Sendable (String) -> Void

  /// - Parameter onEviction: gets the address of a connection that is closed for another's sake.
  init(
    limit: Int, limitPerAddress: Int, onEviction: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    state = Mutex(State(queue: YieldingQueue(limit: limit, limitPerAddress: limitPerAddress)))
    self.onEviction = onEviction
  }

  var count: Int { state.withLock { $0.queue.count } }

  /// A connection was accepted; it leaves when it is proven or closed.
  func enter(_ channel: any Channel) {
    let (evicted, isNew): ((any Channel)?, Bool) = state.withLock { state in
      if let number = state.numbers[ObjectIdentifier(channel)] { _ = state.leave(number) }
      let (number, evicted) = state.queue.enter(from: channel.remoteAddress?.ipAddress ?? "unknown")
      let leaver = evicted.flatMap { state.leave($0) }
      state.channels[number] = channel
      state.numbers[ObjectIdentifier(channel)] = number
      return (leaver, state.known.insert(ObjectIdentifier(channel)).inserted)
    }
    if let evicted {
      onEviction(evicted.remoteAddress?.ipAddress ?? "unknown")
      Self.cut(evicted)
    }
    guard isNew else { return }
    channel.closeFuture.whenComplete { _ in
      self.leave(channel)
      self.state.withLock { _ = $0.known.remove(ObjectIdentifier(channel)) }
    }
  }

  /// Closes below TLS: a farewell would wait seconds for the answer of a peer that says nothing, and
  /// hold its descriptor that long.
  private static func cut(_ channel: any Channel) {
    channel.eventLoop.execute {
      channel.pipeline.fireUserInboundEventTriggered(GaveWay())
      let pipeline = channel.pipeline.syncOperations
      if let tls = try? pipeline.context(handlerType: NIOSSLServerHandler.self) {
        tls.close(mode: .all, promise: nil)
      } else {
        channel.close(promise: nil)
      }
    }
  }

  /// Its peer has shown who it is, or asks for something.
  func leave(_ channel: any Channel) {
    state.withLock { state in
      guard let number = state.numbers[ObjectIdentifier(channel)] else { return }
      _ = state.leave(number)
    }
  }
}

/// Tells the handlers of a connection that it is closed for another's sake: no fault of its own.
struct GaveWay: Sendable {}
