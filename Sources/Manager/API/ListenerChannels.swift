import HummingbirdCore
import Logging
import NIOCore
import NIOSSL
import Synchronization

/// Why a connection was closed at once.
private struct TooManyFromAddress: Error {}

/// How many connections each address holds.
final class AddressCounter: Sendable {
  private let counts = Mutex<[String: Int]>([:])
  let limit: Int
  init(limit: Int) { self.limit = limit }

  func enter(_ address: String) -> Bool {
    counts.withLock { counts in
      let count = counts[address, default: 0]
      guard count < limit else { return false }
      counts[address] = count + 1
      return true
    }
  }

  func leave(_ address: String) {
    counts.withLock { counts in
      let count = counts[address, default: 1] - 1
      counts[address] = count > 0 ? count : nil
    }
  }
}

/// Connections of which nobody knows yet whether they will say anything, oldest first.
final class UnprovenConnections: Sendable {
  private struct State {
    var channels: [UInt64: any Channel] = [:]
    var oldest: UInt64 = 0
    var next: UInt64 = 0
  }
  private let state = Mutex(State())
  let limit: Int
  init(limit: Int) { self.limit = limit }

  /// - Returns: the new one's number, and the one that gives way to it.
  func enter(_ channel: any Channel) -> (number: UInt64, evicted: (any Channel)?) {
    state.withLock { state in
      let number = state.next
      state.next += 1
      state.channels[number] = channel
      guard state.channels.count > limit else { return (number, nil) }
      while state.oldest < number {
        defer { state.oldest += 1 }
        if let channel = state.channels.removeValue(forKey: state.oldest) {
          return (number, channel)
        }
      }
      return (number, nil)
    }
  }

  func leave(_ number: UInt64) { state.withLock { _ = $0.channels.removeValue(forKey: number) } }
}

/// HTTP over TLS with the certificate of the moment. (The stock TLS channel keeps the context that
/// it was made with.)
struct TLSListenerChannel: ServerChildChannel {
  let base: HTTP1Channel
  let context: TLSContextProvider
  let addresses: AddressCounter
  let unproven: UnprovenConnections
  let refusals: Refusals

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
    let address = channel.remoteAddress?.ipAddress ?? "unknown"
    guard addresses.enter(address) else {
      refusals.log(address: address, reason: "too many connections from this address")
      channel.close(promise: nil)
      return channel.eventLoop.makeFailedFuture(TooManyFromAddress())
    }
    let (number, evicted) = unproven.enter(channel)
    if let evicted {
      refusals.log(
        address: evicted.remoteAddress?.ipAddress ?? "unknown",
        reason: "it said nothing, and others wait")
      evicted.close(promise: nil)
    }
    channel.closeFuture.whenComplete { _ in
      addresses.leave(address)
      unproven.leave(number)
    }
    return channel.eventLoop.makeCompletedFuture {
      let pipeline = channel.pipeline.syncOperations
      try pipeline.addHandler(NIOSSLServerHandler(context: try context()))
      try pipeline.addHandler(
        HandshakeWatch(address: address, refusals: refusals) { unproven.leave(number) })
    }.flatMap {
      base.setup(channel: channel, logger: logger)
    }.flatMapErrorThrowing { error in
      refusals.log(address: address, reason: "\(error)")
      channel.close(promise: nil)
      throw error
    }
  }

  func handle(value: HTTP1Channel.Value, logger: Logger) async {
    await base.handle(value: value, logger: logger)
  }
}

/// Says in the log why a handshake failed; the other side is told by TLS's own alert.
private final class HandshakeWatch: ChannelInboundHandler {
  typealias InboundIn = NIOAny
  private let address: String
  private let refusals: Refusals
  private var onSpeech: (() -> Void)?

  /// - Parameter onSpeech: called when the first bytes come through TLS.
  init(address: String, refusals: Refusals, onSpeech: @escaping () -> Void) {
    self.address = address
    self.refusals = refusals
    self.onSpeech = onSpeech
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    onSpeech?()
    onSpeech = nil
    context.fireChannelRead(data)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if case .handshakeFailed(let inner) = error as? NIOSSLError {
      refusals.log(
        address: address, reason: "TLS handshake failed: \(TLSReason.text(inner).reason)")
    }
    context.fireErrorCaught(error)
  }
}

/// Logs refused connections, but never lets a stranger fill the disk with them.
final class Refusals: Sendable {
  /// As many as a person may want to read of one incident; the count tells of the rest.
  static let perMinute = 20
  private struct Window {
    var began: ContinuousClock.Instant
    var logged = 0
    var unlogged = 0
  }
  private let window: Mutex<Window>
  private let logger: Logger
  init(logger: Logger) {
    self.logger = logger
    window = Mutex(Window(began: .now))
  }

  func log(address: String, reason: String) {
    guard let unlogged = admit(at: .now) else { return }
    logger.notice(
      "HTTPS connection refused",
      metadata: [
        "address": "\(address)", "reason": "\(reason)", "unlogged": "\(unlogged)",
      ])
  }

  /// How many were left out since the last line, or `nil` to leave out this one too.
  func admit(at now: ContinuousClock.Instant) -> Int? {
    window.withLock { window in
      if now - window.began >= .seconds(60) {
        window.began = now
        window.logged = 0
      }
      guard window.logged < Self.perMinute else {
        window.unlogged += 1
        return nil
      }
      window.logged += 1
      defer { window.unlogged = 0 }
      return window.unlogged
    }
  }
}
