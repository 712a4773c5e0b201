/// What the store tells of a stream when the manager meets it again: what it settled, and what of it is
/// still there.
package struct StoredStream: Hashable, Sendable {
  /// The orders of blocks, and of losses that are written down.
  package var held: OrderSet
  /// Every order up to this one was in a block or lost.
  package var settled: UInt64
  /// The highest order that was written to a block, if that block must still be where it was written: its
  /// day did not go by age, and nobody told that something of that day is lost.
  package var newest: UInt64?
  /// Of a stream of which `newest` is not known: something is told to be lost that may be of it.
  package var isLossTold: Bool

  package init(held: OrderSet, settled: UInt64, newest: UInt64?, isLossTold: Bool = false) {
    self.held = held
    self.settled = settled
    self.newest = newest
    self.isLossTold = isLossTold
  }

  /// Every order up to this one is settled, as far as the files bear it out. A disk that loses what it
  /// synced, and somebody who takes a log away, cut a file's end, and SQLite takes the rest for all. What
  /// lies before that went by age, or its loss is told.
  package var durable: UInt64 {
    if let newest {
      guard newest > 0, !held.contains(newest), let cut = held.missing(from: 1...newest).last else {
        return settled
      }
      return min(cut.lowerBound - 1, settled)
    }
    guard !isLossTold, let last = held.ranges.last else { return settled }
    return min(last.upperBound, settled)
  }

  /// The orders that were settled and are not there any more.
  package var lost: ClosedRange<UInt64>? { durable < settled ? (durable + 1)...settled : nil }
}
