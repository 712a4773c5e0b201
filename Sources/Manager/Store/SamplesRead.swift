import ManagerCore
import Protocol
import Synchronization

/// The samples that queries took out of blocks. Those of the newest hours are asked for again with every
/// look at a panel, and a block has to be read and checked as a whole for a single series of it. Blocks
/// never change; of each question only those are kept that its last answer was made of.
final class SamplesRead: Sendable {
  /// A panel of a hundred series takes some 2 MB: two hours of samples a server.
  static let byteLimit = 8 << 20

  private struct Panel {
    var series: [SeriesID]
    var blocks: [RawDay.BlockKey: RawDay.Samples]
    var bytes: Int
  }

  /// The one that was asked for last is the last.
  private let panels = Mutex<[Panel]>([])

  /// What is known of these series.
  func recall(_ series: [SeriesID]) -> [RawDay.BlockKey: RawDay.Samples] {
    panels.withLock { $0.last { $0.series == series }?.blocks ?? [:] }
  }

  /// Instead of what was known of these series.
  func keep(_ blocks: [RawDay.BlockKey: RawDay.Samples], of series: [SeriesID]) {
    let panel = Panel(series: series, blocks: blocks, bytes: Self.size(blocks, series))
    panels.withLock { panels in
      panels.removeAll { $0.series == series }
      guard !blocks.isEmpty, panel.bytes <= Self.byteLimit else { return }
      panels.append(panel)
      var sum = panels.reduce(0) { $0 + $1.bytes }
      while sum > Self.byteLimit { sum -= panels.removeFirst().bytes }
    }
  }

  /// Bytes of all that is kept.
  var bytes: Int { panels.withLock { $0.reduce(0) { $0 + $1.bytes } } }

  /// Arrays and entries of tables take some bytes beside what is in them.
  private static func size(
    _ blocks: [RawDay.BlockKey: RawDay.Samples], _ series: [SeriesID]
  ) -> Int {
    var size = series.count * MemoryLayout<SeriesID>.stride
    for samples in blocks.values {
      size += 160
      for (_, points) in samples { size += 64 + points.count * MemoryLayout<HistoryPoint>.stride }
    }
    return size
  }
}
