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
    self.nanoseconds = nanoseconds
  }
}
