/// Batches of one stream with consecutive orders, as they lie in the store. Because no order is
/// missing inside, `firstOrder` and `lastOrder` tell exactly what the store holds.
package struct HistoryBlock: Hashable, Sendable {
  package var stream: StreamKey
  /// The earliest and latest time of its batches, both included.
  package var fromNanoseconds: Int64
  package var throughNanoseconds: Int64
  package var firstOrder: UInt64
  package var lastOrder: UInt64
  /// How many samples it holds.
  package var samples: Int
  /// `BlockCodec`'s bytes.
  package var bytes: [UInt8]

  package init(
    stream: StreamKey, fromNanoseconds: Int64, throughNanoseconds: Int64, firstOrder: UInt64,
    lastOrder: UInt64, samples: Int, bytes: [UInt8]
  ) {
    self.stream = stream
    self.fromNanoseconds = fromNanoseconds
    self.throughNanoseconds = throughNanoseconds
    self.firstOrder = firstOrder
    self.lastOrder = lastOrder
    self.samples = samples
    self.bytes = bytes
  }
}

/// One value of one series, as a query reads it.
package struct HistoryPoint: Hashable, Sendable {
  /// Nanoseconds since the epoch by the manager's clock.
  package var nanoseconds: Int64
  /// The counter's life, as in `StoredSample`.
  package var source: UInt64
  package var bits: UInt64

  package init(nanoseconds: Int64, source: UInt64, bits: UInt64) {
    self.nanoseconds = nanoseconds
    self.source = source
    self.bits = bits
  }
}

/// Why the bytes of a block can not be trusted.
package struct BlockError: Error, Hashable, Sendable, CustomStringConvertible {
  package let reason: String
  package init(_ reason: String) { self.reason = reason }
  package var description: String { "history block: \(reason)" }
}
