import ManagerCore
import Protocol

/// Batches that are older than history is kept. Each day would be a file that is made, rolled up and
/// removed again, and a clock that jumps makes as many of them as it likes.
extension Site {
  /// A day is room for clocks that are corrected late.
  private static let grace: Int64 = 86_400_000_000_000

  func isTooOld(_ nanoseconds: Int64, _ now: Moment) -> Bool {
    nanoseconds < now.wallNanoseconds - settings.retention.wholeNanoseconds - Self.grace
  }

  /// Its order is taken, so that what comes after it can be acknowledged; its values are lost.
  func emptied(_ batch: ArrangedBatch, _ now: Moment) -> SampleRow {
    SampleRow(
      order: batch.order, nanoseconds: now.wallNanoseconds,
      layout: SampleLayout(series: [], sources: []), bits: [])
  }

  /// Told with the next flush. Only of a batch that was not there before.
  func noteTooOld(_ batch: ArrangedBatch, _ nanoseconds: Int64, of server: ServerID) {
    let samples = UInt64(batch.bits.count)
    var loss =
      tooOld[server]
      ?? SampleLoss(
        afterNanoseconds: nanoseconds, beforeNanoseconds: nanoseconds, batches: 0, samples: 0,
        reason: "they are older than history is kept")
    loss.afterNanoseconds = min(loss.afterNanoseconds ?? nanoseconds, nanoseconds)
    loss.beforeNanoseconds = max(loss.beforeNanoseconds, nanoseconds)
    loss.batches = (loss.batches ?? 0) &+ 1
    loss.samples = (loss.samples ?? 0).addingReportingOverflow(samples).partialValue
    tooOld[server] = loss
  }

  func tellTooOld() {
    for (server, loss) in tooOld.sorted(by: { $0.key < $1.key }) { found(loss, server, now) }
    tooOld = [:]
  }
}
