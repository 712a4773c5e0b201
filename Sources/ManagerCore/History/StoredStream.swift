import Protocol

/// What the store tells of a stream when the manager meets it again: what it settled, and what of it is
/// still there.
package struct StoredStream: Hashable, Sendable {
  /// The orders of blocks, and of losses that are written down.
  package var held: OrderSet
  /// Every order up to this one was in a block or lost.
  package var settled: UInt64
  /// What was in blocks and is not there any more.
  package var missing: OrderSet
  /// Whether what lacks of this stream would be in `missing`, or is told otherwise.
  package var isGuarded: Bool

  package init(
    held: OrderSet, settled: UInt64, missing: OrderSet = OrderSet(), isGuarded: Bool
  ) {
    self.held = held
    self.settled = settled
    self.missing = missing
    self.isGuarded = isGuarded
  }

  /// The orders that are settled, as far as the files bear it out. What is neither held nor missing went by
  /// age, or its loss is told.
  package var durable: [ClosedRange<UInt64>] {
    guard settled > 0 else { return held.ranges }
    guard isGuarded else {
      // Of a database that says nothing of its files' ends. A disk that loses what it synced cuts a file's
      // log; a stream of which nothing is left is one that went by age.
      let trusted = held.ranges.last.map { min($0.upperBound, settled) } ?? settled
      return held.ranges + (trusted > 0 ? [1...trusted] : [])
    }
    return held.ranges + missing.missing(from: 1...settled)
  }
}

/// Batches that were stored and are in no file any more. They are lost unless their agent still has them,
/// which only it can tell.
package struct MissingOrders: Hashable, Sendable {
  package var stream: StreamKey
  package var orders: ClosedRange<UInt64>
  /// The end of what is there before them, and the begin of what is there after them or their own end.
  package var afterNanoseconds: Int64?
  package var beforeNanoseconds: Int64
  /// Why they are missing, as a sentence of its own.
  package var reason: String

  package init(
    stream: StreamKey, orders: ClosedRange<UInt64>, afterNanoseconds: Int64?,
    beforeNanoseconds: Int64, reason: String
  ) {
    self.stream = stream
    self.orders = orders
    self.afterNanoseconds = afterNanoseconds
    self.beforeNanoseconds = beforeNanoseconds
    self.reason = reason
  }

  /// - Parameter file: of a day, by its name.
  package static func cut(_ file: String) -> String {
    "history/\(file) lost its end: its log was taken away, or it is an earlier copy"
  }

  package static func gone(_ file: String) -> String { "history/\(file) is not there" }

  /// What of it still lacks when more was found.
  ///
  /// - Parameters:
  ///   - unknown: parts of `orders`.
  ///   - found: orders and times of batches that are there, of any place.
  package func remaining(
    _ unknown: [ClosedRange<UInt64>], found: [(order: UInt64, nanoseconds: Int64)]
  ) -> [MissingOrders] {
    unknown.map { part in
      var rest = self
      rest.orders = part
      let before = found.filter { $0.order < part.lowerBound && $0.order >= orders.lowerBound }
        .max { $0.order < $1.order }
      let after = found.filter { $0.order > part.upperBound }.min { $0.order < $1.order }
      if let before { rest.afterNanoseconds = before.nanoseconds }
      if let after { rest.beforeNanoseconds = min(after.nanoseconds, rest.beforeNanoseconds) }
      return rest
    }
  }

  /// The parts below an order: what the agent has from there on it sends again.
  package func below(_ order: UInt64) -> ClosedRange<UInt64>? {
    guard order > orders.lowerBound else { return nil }
    return orders.lowerBound...min(orders.upperBound, order - 1)
  }
}
