import NIOCore
import Platform
import Protocol

/// The manager's voice on one session. What managers say is small, so it is written at once.
actor AgentWriter {
  private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
  private let channel: any Channel

  init(_ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>, _ channel: any Channel) {
    self.outbound = outbound
    self.channel = channel
  }

  func send(_ message: Message) async throws {
    var lanes = OutboundLanes()
    try lanes.enqueue(message)
    while let frame = lanes.nextFrame(
      stamp: Stamp(bootNanoseconds: Clock.boot(), wallNanoseconds: Clock.wall()))
    {
      try await outbound.write(ByteBuffer(bytes: frame.encoded()))
    }
  }

  /// Says why, leaves it a moment to arrive, and closes.
  func end(_ diagnostic: Diagnostic) async {
    try? await send(.goodbye(diagnostic))
    try? await Task.sleep(for: .milliseconds(50))
    channel.close(promise: nil)
  }
}
