import Protocol

/// Batches that the manager has not yet stored for good, oldest first. Bounded: what does not fit
/// is given up from the old end, counted, and told to the manager.
package struct BatchBuffer: Sendable {
  /// 12 bytes a value: 4 MiB. At 500 values a cycle of 10 s that is about two hours.
  package static let sampleLimit = 350_000

  private var held: [SampleBatch] = []
  private var first = 0
  private var nextToSend = 0
  private let limit: Int
  package private(set) var sampleCount = 0
  package private(set) var highestOrder: UInt64 = 0
  /// Given up and not yet below the acknowledged order; told in each session until then.
  package private(set) var dropped: GivenUp?

  package init(sampleLimit: Int = BatchBuffer.sampleLimit) { limit = sampleLimit }

  package var batchCount: Int { held.count - first }
  /// One above `highestOrder` when nothing is held.
  package var firstHeldOrder: UInt64 { batchCount > 0 ? held[first].order : highestOrder + 1 }

  /// Adds a batch under the next order.
  package mutating func append(stamp: Stamp, ids: [UInt32], bits: [SampleBits]) {
    highestOrder += 1
    held.append(SampleBatch(order: highestOrder, stamp: stamp, ids: ids, bits: bits))
    sampleCount += ids.count
    while sampleCount > limit && batchCount > 1 { giveUpOldest() }
  }

  private mutating func giveUpOldest() {
    let batch = held[first]
    if var known = dropped {
      known.through = batch.order
      known.samples += UInt64(batch.ids.count)
      dropped = known
    } else {
      dropped = GivenUp(
        from: batch.order, through: batch.order, samples: UInt64(batch.ids.count))
    }
    removeOldest()
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

  /// The manager has everything up to `order`.
  package mutating func acknowledged(through order: UInt64) {
    while batchCount > 0, held[first].order <= order { removeOldest() }
    if let known = dropped, known.through <= order { dropped = nil }
  }

  /// A session has opened: everything held is to be sent again.
  package mutating func rewind() { nextToSend = first }

  package mutating func nextUnsent() -> SampleBatch? {
    guard nextToSend < held.count else { return nil }
    defer { nextToSend += 1 }
    return held[nextToSend]
  }
}
