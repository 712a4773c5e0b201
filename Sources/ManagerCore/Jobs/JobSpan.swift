import Protocol

/// What the jobs of one target did in a stretch of time: one report, or several put together.
package struct JobSpan: Hashable, Sendable {
  /// The manager's id of the target.
  package var target: String
  /// By the manager's clock, nanoseconds since the epoch.
  package var fromNanoseconds: Int64
  package var throughNanoseconds: Int64
  /// Of that time, how much was looked at: less than the whole when reports are missing, never more.
  package var coveredNanoseconds: Int64
  /// Each job once, by name.
  package var top: [JobIncrease]
  /// What all other jobs did; a job that is named at another time may have a part in it.
  package var rest: JobCounters
  /// The most jobs that one report had beside those that it named.
  package var restJobs: UInt64
  /// Jobs that the target remembered at the end.
  package var jobs: UInt64
  package var untracked: UInt64

  package init(
    target: String, fromNanoseconds: Int64, throughNanoseconds: Int64,
    coveredNanoseconds: Int64, top: [JobIncrease], rest: JobCounters, restJobs: UInt64,
    jobs: UInt64, untracked: UInt64
  ) {
    self.target = target
    self.fromNanoseconds = fromNanoseconds
    self.throughNanoseconds = throughNanoseconds
    self.coveredNanoseconds = coveredNanoseconds
    self.top = top
    self.rest = rest
    self.restJobs = restJobs
    self.jobs = jobs
    self.untracked = untracked
  }

  /// A report whose times are corrected.
  package init(
    _ report: JobReport, target: String, fromNanoseconds: Int64, throughNanoseconds: Int64
  ) {
    let through = max(fromNanoseconds, throughNanoseconds)
    self.init(
      target: target, fromNanoseconds: fromNanoseconds, throughNanoseconds: through,
      coveredNanoseconds: through - fromNanoseconds, top: JobSpan.summed(report.top),
      rest: report.rest, restJobs: report.restJobs, jobs: report.jobs,
      untracked: report.untracked)
  }

  /// Adds what came after. More names than a span may have go into its rest, the least first.
  package mutating func merge(_ later: JobSpan) {
    fromNanoseconds = min(fromNanoseconds, later.fromNanoseconds)
    throughNanoseconds = max(throughNanoseconds, later.throughNanoseconds)
    // Reports of the same time do not make more of it.
    let (covered, isTooLong) = coveredNanoseconds.addingReportingOverflow(later.coveredNanoseconds)
    let (whole, isLonger) = throughNanoseconds.subtractingReportingOverflow(fromNanoseconds)
    coveredNanoseconds = min(isTooLong ? .max : covered, isLonger ? .max : whole)
    top = JobSpan.summed(top + later.top)
    rest += later.rest
    restJobs = max(restJobs, later.restJobs)
    jobs = later.jobs
    untracked = max(untracked, later.untracked)
    if top.count > WireLimits.topJobs { shorten() }
  }

  private mutating func shorten() {
    var kept: Set<JobName> = []
    for measure in JobMeasure.allCases {
      let ranked = top.sorted {
        ($1.increase[measure], JobName($0.job)) < ($0.increase[measure], JobName($1.job))
      }
      kept.formUnion(ranked.prefix(WireLimits.topJobs / 4).map { JobName($0.job) })
    }
    for job in top where !kept.contains(JobName(job.job)) {
      rest += job.increase
      if restJobs < .max { restJobs += 1 }
    }
    top.removeAll { !kept.contains(JobName($0.job)) }
  }

  /// Each name once, sorted.
  private static func summed(_ jobs: [JobIncrease]) -> [JobIncrease] {
    var sums: [JobName: JobCounters] = [:]
    for job in jobs { sums[JobName(job.job), default: JobCounters()] += job.increase }
    return sums.sorted { $0.key < $1.key }
      .map { JobIncrease(job: $0.key.text, increase: $0.value) }
  }
}
