import Protocol

/// Follows the jobs of one target from reading to reading.
///
/// An increase is exact where the file tells `start_time` (2.15 and later). Before, an entry that was
/// removed and came back between two readings shows only when one of its counters is lower than it
/// was; then all of its counters are new.
package struct JobFollower: JobEntryTaker, Sendable {
  /// So many jobs are named by each measure.
  package static let topLimit = 20

  private let limit: Int
  private var table: JobTable
  private var top: JobTop
  private var reading: UInt8 = 0
  private var countsNew: Bool
  private var since: Stamp?
  private var began: Stamp?
  private var untracked: UInt64 = 0
  /// What the last reading told, if it was whole and no job had done anything.
  private var quiet: JobReport?

  package var count: Int { table.count }

  /// - Parameter countsSince: from then on everything counts: the target was not here before, so
  ///   whatever its jobs have done was done since. `nil`: the first reading only tells where they are.
  /// - Parameter seed: 64 random bits.
  /// - Parameter limit: of named jobs by each measure.
  package init(countsSince: Stamp?, seed: UInt64, limit: Int = JobFollower.topLimit) {
    self.limit = limit
    since = countsSince
    countsNew = countsSince != nil
    table = JobTable(seed: seed)
    top = JobTop(limit: limit)
  }

  /// A reading of the file begins.
  package mutating func begin(_ began: Stamp) {
    self.began = began
    reading &+= 1
    untracked = 0
  }

  package mutating func take(id: [UInt8], counters: JobCounters, start: UInt64) {
    take(id: id, counters: counters, start: start, gaps: [])
  }

  package mutating func take(id: [UInt8], counters: JobCounters, start: UInt64, gaps: JobGaps) {
    var name = id
    for twin in 1...JobFollower.twinLimit {
      switch table.see(
        name, counters, start: start, gaps: gaps, reading: reading, limit: entryLimit)
      {
      case .known(let before):
        // What is not told stands still: its difference is none.
        top.add(id, counters - before)
        return
      case .new:
        if countsNew { top.add(id, counters) }
        return
      case .restarted:
        top.add(id, counters)
        return
      case .refused:
        untracked += 1
        return
      // Names are C strings: no name of the kernel's has a zero in it.
      case .twin: name = id + [0, UInt8(twin)]
      }
    }
    untracked += 1
  }

  /// Entries of one name in one file that are told apart, by their sequence.
  private static let twinLimit = 8

  /// Entries that this follower may hold; the reader sets it before each reading.
  package var entryLimit = Int.max

  /// The reading has ended. `nil` when it only told where the jobs stand.
  /// - Parameter isWhole: false when it broke off; then what was not seen is not taken for gone.
  package mutating func end(isWhole: Bool, target: TargetReference) -> JobReport? {
    guard let began else { return nil }
    if isWhole { table.forgetAbsent(reading: reading) } else { reading &-= 1 }
    defer {
      top = JobTop(limit: limit)
      since = began
      if isWhole { countsNew = true }
      self.began = nil
    }
    quiet = nil
    guard let since else { return nil }
    let (named, rest, restJobs) = top.result()
    let report = JobReport(
      target: target, since: since, began: began, top: named, rest: rest, restJobs: restJobs,
      jobs: UInt64(table.count), untracked: untracked, isPartial: !isWhole)
    if isWhole, top.active == 0, untracked == 0 { quiet = report }
    return report
  }

  /// A reading began then that says, byte for byte, what the last two said, of which the last told that
  /// no job had done anything: it tells so too, and leaves everything as it is.
  package mutating func endEqual(_ began: Stamp, target: TargetReference) -> JobReport? {
    guard var report = quiet, let since, report.target == target else { return nil }
    report.since = since
    report.began = began
    self.since = began
    return report
  }
}
