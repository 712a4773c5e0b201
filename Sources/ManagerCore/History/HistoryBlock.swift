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

  /// Of batches with consecutive orders, ascending.
  package init(of batches: [StoredBatch], in stream: StreamKey) {
    let times = batches.map(\.nanoseconds)
    self.init(
      stream: stream, fromNanoseconds: times.min() ?? 0, throughNanoseconds: times.max() ?? 0,
      firstOrder: batches.first?.order ?? 0, lastOrder: batches.last?.order ?? 0,
      samples: batches.reduce(0) { $0 + $1.samples.count }, bytes: BlockCodec.encode(batches))
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
  /// The bytes are whole, and of a version that this program does not know.
  package let isNewer: Bool
  package init(_ reason: String, isNewer: Bool = false) {
    self.reason = reason
    self.isNewer = isNewer
  }
  package var description: String { "history block: \(reason)" }
}

extension HistoryPoint {
  /// Stored and held points overlap for a moment after a block was stored, so the same point may
  /// come twice; of two points of one source and time the later given counts.
  package static func ordered(_ points: [HistoryPoint]) -> [HistoryPoint] {
    // What the store gives mostly is in order already.
    if zip(points, points.dropFirst()).allSatisfy({ $0.nanoseconds < $1.nanoseconds }) {
      return points
    }
    let sorted = points.enumerated().sorted {
      ($0.element.nanoseconds, $0.element.source, $0.offset)
        < ($1.element.nanoseconds, $1.element.source, $1.offset)
    }
    var result: [HistoryPoint] = []
    result.reserveCapacity(sorted.count)
    for (_, point) in sorted {
      if let last = result.last, last.nanoseconds == point.nanoseconds,
        last.source == point.source
      {
        result[result.count - 1] = point
      } else {
        result.append(point)
      }
    }
    return result
  }
}
