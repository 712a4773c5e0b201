import Protocol

/// Job reports that the manager has not yet stored, oldest first. Bounded: the oldest go first, and
/// the manager sees the hole in the times of those that follow.
package struct JobReportBuffer: Sendable {
  /// About 60 bytes a named job: a few MiB, an hour of 20 targets read every 10 s.
  package static let jobLimit = 60_000

  private var held: [JobReport] = []
  private var nextToSend = 0
  private var jobs = 0
  private var sequence: UInt64 = 0
  package private(set) var dropped: UInt64 = 0
  package init() {}

  package var count: Int { held.count }

  package mutating func append(_ reports: [JobReport]) {
    for report in reports {
      sequence += 1
      var report = report
      report.sequence = sequence
      held.append(report)
      jobs += 1 + report.top.count
    }
    var surplus = 0
    while jobs > Self.jobLimit, surplus < held.count {
      jobs -= 1 + held[surplus].top.count
      surplus += 1
    }
    dropped += UInt64(surplus)
    remove(surplus)
  }

  /// The manager has stored them up to this sequence.
  package mutating func held(through sequence: UInt64) {
    var count = 0
    while count < held.count, held[count].sequence <= sequence {
      jobs -= 1 + held[count].top.count
      count += 1
    }
    remove(count)
  }

  /// A session has opened: everything held is to be sent again.
  package mutating func rewind() { nextToSend = 0 }

  package mutating func nextUnsent() -> JobReport? {
    guard nextToSend < held.count else { return nil }
    defer { nextToSend += 1 }
    return held[nextToSend]
  }

  private mutating func remove(_ count: Int) {
    held.removeFirst(count)
    nextToSend = max(0, nextToSend - count)
  }
}
