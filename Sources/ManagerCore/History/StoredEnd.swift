import Protocol

/// What a block holds, and of when.
package struct BlockSpan: Hashable, Sendable {
  package var orders: ClosedRange<UInt64>
  package var from: Int64
  package var through: Int64

  package init(orders: ClosedRange<UInt64>, from: Int64, through: Int64) {
    self.orders = orders
    self.from = from
    self.through = through
  }
}

/// What was written of one stream to the file of one day, as `state.sqlite` has it.
package struct StoredEnd: Hashable, Sendable {
  package var stream: StreamKey
  /// The highest order.
  package var order: UInt64
  /// Of the block that was written last: an agent sends its newest first.
  package var written: UInt64
  /// All orders up to this one are of earlier days.
  package var before: UInt64
  /// The begin of the first block and the end of the last.
  package var from: Int64
  package var through: Int64

  package init(
    stream: StreamKey, order: UInt64, written: UInt64, before: UInt64, from: Int64, through: Int64
  ) {
    self.stream = stream
    self.order = order
    self.written = written
    self.before = before
    self.from = from
    self.through = through
  }

  /// - Parameter blocks: those that are there of it, in any sequence.
  package func missing(among blocks: [BlockSpan], reason: String) -> [MissingOrders] {
    guard before < order else { return [] }
    return OrderSet(blocks.map(\.orders)).missing(from: (before + 1)...order).map { gap in
      let last = blocks.filter { $0.orders.upperBound < gap.lowerBound }
        .max { $0.orders.upperBound < $1.orders.upperBound }
      let next = blocks.filter { $0.orders.lowerBound > gap.upperBound }
        .min { $0.orders.lowerBound < $1.orders.lowerBound }
      return MissingOrders(
        stream: stream, orders: gap,
        afterNanoseconds: last?.through ?? (from == .min ? nil : from - 1),
        beforeNanoseconds: next?.from ?? (through == .max ? .max : through + 1), reason: reason)
    }
  }
}
