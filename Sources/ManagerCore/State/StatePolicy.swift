import Protocol

/// The limits by which observed state ages. All in nanoseconds of the monotonic clock.
package struct StatePolicy: Hashable, Sendable {
  package var suspectAfterNanoseconds = Int64(WireLimits.suspectAfter / .nanoseconds(1))
  package var lostAfterNanoseconds = Int64(WireLimits.lostAfter / .nanoseconds(1))
  /// How often agents are told to collect.
  package var collectNanoseconds: Int64
  /// Cycles that may be missed before a collector's sections stop to count: one late and one lost
  /// cycle are ordinary on a loaded server, a third is not.
  package var cyclesUntilStale: Int64 = 3
  /// How long the reads of one cycle may last and still count when they end at last: reads that
  /// hung for minutes tell of a world that is gone.
  package var slowestReadNanoseconds: Int64 = 30_000_000_000
  /// An agent's clock further off than this is reported.
  package var skewNanoseconds: Int64 = 5_000_000_000
  /// How long a loss of samples stays among the findings.
  package var lossShownNanoseconds: Int64 = 3_600_000_000_000
  /// How long after two agents of one identity last replaced each other they are said to: each comes
  /// back within half a minute, and a busy manager must not make the finding flap.
  package var sharedIdentityNanoseconds: Int64 = 300_000_000_000
  /// How long a server is not believed after an agent took over from one that was still speaking: an
  /// agent that was replaced comes back within half a minute, if it lives.
  package var takeoverNanoseconds: Int64 = 45_000_000_000
  /// How long a server is not forgotten that another one has a target with, after it was heard, or after the
  /// manager was started: its agent may be about to come back.
  package var forgetNanoseconds: Int64 = 60_000_000_000
  /// How often "last seen" is written down while nothing else changes: 20,000 targets then cost
  /// 67 small writes a second.
  package var persistNanoseconds: Int64 = 300_000_000_000

  /// How long what a server says anew may wait to be written down: changes come in bursts.
  package var rememberNanoseconds: Int64 = 10_000_000_000

  package init(collectNanoseconds: Int64 = 1_000_000_000) {
    self.collectNanoseconds = max(1, collectNanoseconds)
  }

  /// How old the last cycle of a collector may be before it is stale. `period` is the collector's
  /// own, when it runs less often than others; 0 otherwise.
  package func staleAfterNanoseconds(period: Int64 = 0) -> Int64 {
    let (limit, overflow) = max(period, collectNanoseconds)
      .multipliedReportingOverflow(by: cyclesUntilStale)
    return overflow ? .max / 2 : limit
  }
}

/// What the state keeps of each server at most.
enum StateLimits {
  /// As many as the largest `digests` message can list.
  static let sectionsPerServer = 20_000
  /// Of all of them as text: the largest servers known have half of it, and all of it fits one answer.
  static let sectionBytesPerServer = 48 << 20
  /// Targets that are known by its word first. The largest sites known have some ten thousand, and one MGS
  /// names those of all of its file systems.
  static let targetsPerServer = 20_000
  /// Different MGSs that its clients (mgc) name: one for each file system that it mounts.
  static let mgcsPerServer = 64
  /// Keys of sections that are left out; it is the number that matters.
  static let leftOut = 1_000
  /// A screen of losses, and enough to see a pattern in them.
  static let losses = 100
  static let logLines = 200
  /// Log lines come from a handful of origins; a broken agent must not grow the table for ever.
  static let logOrigins = 64
  /// A label is at most 15 bytes on disk; longer ones come from no Lustre.
  static let labelBytes = 128
  /// NIDs of one MGS, over all its nodes, networks and rails.
  static let nidsPerMGS = 256
}
