import HummingbirdCore
import Logging
import NIOCore
import Synchronization

/// HTTP on the Unix socket, with a bound for those who connect and say nothing.
struct LocalListenerChannel: ServerChildChannel {
  let base: HTTP1Channel
  let limits: APILimits
  let unproven: YieldingConnections
  let greetings: Greetings
  let onMalformed: @Sendable (String) -> Void

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
    unproven.enter(channel)
    greetings.expect(channel)
    return base.setup(channel: channel, logger: logger).flatMapThrowing { value in
      try MalformedRequests.add(
        to: channel, limits: limits, isNamed: false, onRefusal: onMalformed)
      return value
    }
  }

  func handle(value: HTTP1Channel.Value, logger: Logger) async {
    await base.handle(value: value, logger: logger)
  }
}

/// Connections of which no request's head has come; each is closed when its time is over.
final class Greetings: Sendable {
  private let waiting = Mutex<[ObjectIdentifier: Scheduled<Void>]>([:])
  private let limit: TimeAmount
  private let onSilence: @Sendable () -> Void

  init(limit: TimeAmount, onSilence: @escaping @Sendable () -> Void) {
    self.limit = limit
    self.onSilence = onSilence
  }

  func expect(_ channel: any Channel) {
    let end = channel.eventLoop.scheduleTask(in: limit) { [onSilence] in
      onSilence()
      channel.close(promise: nil)
    }
    waiting.withLock { $0[ObjectIdentifier(channel)] = end }
    channel.closeFuture.whenComplete { _ in self.greeted(channel) }
  }

  /// Again is no harm.
  func greeted(_ channel: any Channel) {
    waiting.withLock { $0.removeValue(forKey: ObjectIdentifier(channel)) }?.cancel()
  }
}
