import Protocol

/// The newest batch that the manager has of a server.
package struct LastBatch: Hashable, Sendable {
  package var stream: StreamKey
  package var order: UInt64
  /// By the manager's clock.
  package var nanoseconds: Int64
  package init(stream: StreamKey, order: UInt64, nanoseconds: Int64) {
    self.stream = stream
    self.order = order
    // As far from zero as an agent's clock may be, whatever a damaged file says.
    let most = WireLimits.stampNanoseconds
    self.nanoseconds = min(max(nanoseconds, -most), most)
  }
}
