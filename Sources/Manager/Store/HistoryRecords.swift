import ManagerCore
import Protocol

/// A loss of samples and whose they were.
package struct ServerLoss: Hashable, Sendable {
  package var server: ServerID
  package var loss: SampleLoss
  package init(server: ServerID, loss: SampleLoss) {
    self.server = server
    self.loss = loss
  }
}

/// What becomes durable together: either all of it is on disk, or nothing.
package struct HistoryWrite: Sendable {
  package var blocks: [HistoryBlock] = []
  /// New entries of the catalogue, used by the blocks or not.
  package var series: [(SeriesID, StoredSeries)] = []
  /// Orders that are settled without a block of their own (a gap told by the agent). The end of a
  /// block counts by itself.
  package var durableOrders: [StreamKey: UInt64] = [:]
  package var losses: [ServerLoss] = []
  /// The orders that are lost by them: settled, though a hole may still be below them.
  package var lost: [(StreamKey, ClosedRange<UInt64>)] = []
  /// What files lack that was written to them, and what of it is told by now.
  package var missing: [MissingOrders] = []
  package var noLongerMissing: [MissingOrders] = []
  package init() {}
}
