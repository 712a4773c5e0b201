import NIOCore
import Platform
import Protocol

/// The manager's voice on one session. A peer that does not read must hold up nobody but itself, so
/// nothing outside of its own connection ever waits for a write.
actor AgentWriter {
  private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
  private let channel: any Channel
  private var sending = 0
  /// When the oldest write that is still under way began, monotonic.
  private var blockedSince: Int64?

  init(_ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>, _ channel: any Channel) {
    self.outbound = outbound
    self.channel = channel
  }

  /// Waits until the peer's side takes it.
  func send(_ message: Message) async throws { try await send([message]) }

  private func send(_ messages: [Message]) async throws {
    var lanes = OutboundLanes()
    for message in messages { try lanes.enqueue(message) }
    if sending == 0 { blockedSince = Clock.monotonic() }
    sending += 1
    defer {
      sending -= 1
      blockedSince = sending == 0 ? nil : Clock.monotonic()
    }
    while let frame = lanes.nextFrame(
      stamp: Stamp(bootNanoseconds: Clock.boot(), wallNanoseconds: Clock.wall()))
    {
      try await outbound.write(ByteBuffer(bytes: frame.encoded()))
    }
  }

  /// Sends without waiting. False, and nothing is sent, while an earlier write is under way.
  func offer(_ message: Message) -> Bool { offer([message]) }

  /// The same for several, of which either all are sent or none is.
  func offer(_ messages: [Message]) -> Bool {
    guard sending == 0 else { return false }
    Task { try? await self.send(messages) }
    return true
  }

  /// How long a write has not been taken, in nanoseconds; 0 when none waits.
  var blockedNanoseconds: Int64 { blockedSince.map { Clock.monotonic() - $0 } ?? 0 }

  /// Says why, leaves it a moment to arrive, and closes, whether or not the peer reads.
  ///
  /// - Returns: whether it was open.
  @discardableResult
  func end(_ diagnostic: Diagnostic) async -> Bool {
    guard channel.isActive else { return false }
    let farewell = Task { try? await self.send(.goodbye(diagnostic)) }
    try? await Task.sleep(for: .milliseconds(50))
    channel.close(promise: nil)
    farewell.cancel()
    return true
  }
}
