import Protocol

/// Batches that the manager has not yet stored for good, oldest first, in memory. Bounded: what does
/// not fit leaves at the old end, and its owner knows whether the spool has it.
package struct BatchBuffer: Sendable {
  /// 12 bytes a value: 4 MiB. At 500 values a cycle of 10 s that is about two hours.
  package static let sampleLimit = 350_000

  private var held: [SampleBatch] = []
  private var first = 0
  private var nextToSend = 0
  private let limit: Int
  package private(set) var sampleCount = 0
  package private(set) var highestOrder: UInt64 = 0

  package init(sampleLimit: Int = BatchBuffer.sampleLimit) { limit = sampleLimit }

  package var batchCount: Int { held.count - first }
  /// One above `highestOrder` when nothing is held.
  package var firstHeldOrder: UInt64 { batchCount > 0 ? held[first].order : highestOrder + 1 }
  /// Of that batch.
  package var firstHeldStamp: Stamp? { batchCount > 0 ? held[first].stamp : nil }
  /// What `nextUnsent` gives next; one above `highestOrder` when all is sent.
  package var nextOrderToSend: UInt64 {
    nextToSend < held.count ? held[nextToSend].order : highestOrder + 1
  }

  /// Adds a batch under the next order.
  package mutating func append(stamp: Stamp, ids: [UInt32], bits: [SampleBits]) {
    highestOrder += 1
    held.append(SampleBatch(order: highestOrder, stamp: stamp, ids: ids, bits: bits))
    sampleCount += ids.count
  }

  /// The batches held above this order.
  package func batches(after order: UInt64) -> ArraySlice<SampleBatch> {
    guard batchCount > 0, order < highestOrder else { return [] }
    let before = order < held[first].order ? 0 : order - held[first].order + 1
    return held[(first + Int(before))...]
  }

  /// Takes out the oldest batch while there is more than fits; the newest one always stays.
  package mutating func nextOverflow() -> (order: UInt64, values: Int, stamp: Stamp)? {
    guard sampleCount > limit, batchCount > 1 else { return nil }
    let oldest = (held[first].order, held[first].ids.count, held[first].stamp)
    removeOldest()
    return oldest
  }

  private mutating func removeOldest() {
    sampleCount -= held[first].ids.count
    held[first].ids = []
    held[first].bits = []
    first += 1
    nextToSend = max(nextToSend, first)
    // Amortised: the array is moved only when half of it is gone.
    if first > 64 && first * 2 > held.count {
      held.removeFirst(first)
      nextToSend -= first
      first = 0
    }
  }

  /// The highest order that was ever given to a session.
  private(set) var highestSent: UInt64 = 0
  mutating func noteSent(_ order: UInt64) { highestSent = max(highestSent, order) }

  /// The manager has everything up to `order`.
  package mutating func acknowledged(through order: UInt64) {
    while batchCount > 0, held[first].order <= order { removeOldest() }
  }

  /// A session has opened: everything held is to be sent again.
  package mutating func rewind() { nextToSend = first }

  package mutating func nextUnsent() -> SampleBatch? {
    guard nextToSend < held.count else { return nil }
    defer { nextToSend += 1 }
    noteSent(held[nextToSend].order)
    return held[nextToSend]
  }
}
