/// What requests cost on the wire and in service threads.
extension ServerTraffic {
  /// Bytes of a request and of its answer without bulk data.
  private static let requestBytes: UInt64 = 328
  private static let replyBytes: UInt64 = 296

  /// A request answered here. Bulk data is a message of its own: a put for a read, a get with its
  /// answer for a write. Latencies come as their own deeds and are no messages.
  mutating func serve(_ deed: Deed) {
    guard deed.operation != .read, deed.operation != .write else {
      busyMicroseconds += deed.count * deed.size
      return
    }
    messagesReceived += deed.count
    messagesSent += deed.count
    bytesReceived += deed.count * Self.requestBytes
    bytesSent += deed.count * Self.replyBytes
    switch deed.operation {
    case .readBytes:
      messagesSent += deed.count
      bytesSent += deed.count * deed.size
    case .writeBytes:
      messagesSent += deed.count
      messagesReceived += deed.count
      bytesReceived += deed.count * deed.size
    default:
      busyMicroseconds += deed.count * deed.size
    }
  }

  /// A request made from here to another server.
  mutating func ask(_ deed: Deed) {
    messagesSent += deed.count
    messagesReceived += deed.count
    bytesSent += deed.count * Self.requestBytes
    bytesReceived += deed.count * Self.replyBytes
  }

  /// Moves the load averages by one tick, in a straight line instead of the kernel's exponential: at
  /// 100 ms they differ in the third digit.
  mutating func settleLoad() {
    let busy = Double(busyMicroseconds - busyAtLastTick) / Double(tickNanoseconds / 1_000)
    busyAtLastTick = busyMicroseconds
    let runnable = 0.2 + busy
    let seconds = 1 / Double(ticksPerSecond)
    loadOne += (runnable - loadOne) * seconds / 60
    loadFive += (runnable - loadFive) * seconds / 300
    loadFifteen += (runnable - loadFifteen) * seconds / 900
  }
}
