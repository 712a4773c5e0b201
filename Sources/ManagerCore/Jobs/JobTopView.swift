import Protocol

/// Which jobs did most, in a stretch of time and on some targets.
package struct JobTopView: Hashable, Codable, Sendable {
  package struct Job: Hashable, Codable, Sendable {
    package var job: String
    package var increase: JobCounters
    /// On so many targets it was among those that did most.
    package var targets: Int
    package init(job: String, increase: JobCounters, targets: Int) {
      self.job = job
      self.increase = increase
      self.targets = targets
    }
  }

  package var by: JobMeasure
  /// Nanoseconds since the epoch: what was asked for.
  package var fromNanoseconds: Int64
  package var throughNanoseconds: Int64
  /// When what is counted began: jobs are kept by the minute, and a minute that ends in the time asked for
  /// counts as a whole. Never after `fromNanoseconds`.
  package var beganNanoseconds: Int64
  /// The longest time that any of the targets was looked at; rates are increases over it.
  package var coveredSeconds: Double
  /// Looked at, of the time from `fromNanoseconds`, or from where a target's first minute began before it,
  /// over the targets with reports; 0 … 1.
  package var coverage: Double
  /// Targets with reports, and those without, by label.
  package var targets: Int
  package var silentTargets: [String]
  /// Seconds since the last report ended; `nil` when there is none.
  package var newestSecondsAgo: Double?
  /// Most first.
  package var jobs: [Job]
  /// Jobs that are known by name and not in `jobs`.
  package var otherJobs: Int
  package var others: JobCounters
  /// What jobs did while they were not among those that did most on a target: nobody's by name. As
  /// long as it is not zero, the jobs' own numbers are lower bounds.
  package var unnamed: JobCounters
  package var total: JobCounters
  /// Jobs that an agent could not follow because there were too many; they are in no number.
  package var untrackedJobs: UInt64
  /// Times of which the answer may lack something, because a file is damaged or gone; `nil`: none.
  package var unreadable: [MetricAnswer.Gap]?

  /// - Parameter targets: label by id of the targets asked for.
  package init(
    _ spans: [JobSpan], by measure: JobMeasure, limit: Int, targets: [String: String],
    fromNanoseconds: Int64, throughNanoseconds: Int64
  ) {
    var sums: [JobName: (increase: JobCounters, targets: Set<String>)] = [:]
    var covered: [String: Double] = [:]
    var began: [String: Int64] = [:]
    var newest: Int64?
    unnamed = JobCounters()
    untrackedJobs = 0
    for span in spans where targets[span.target] != nil {
      covered[span.target, default: 0] += Double(span.coveredNanoseconds)
      began[span.target] = min(
        began[span.target] ?? fromNanoseconds, span.fromNanoseconds)
      newest = max(newest ?? span.throughNanoseconds, span.throughNanoseconds)
      unnamed += span.rest
      untrackedJobs = max(untrackedJobs, span.untracked)
      for job in span.top {
        let name = JobName(job.job)
        var sum = sums[name] ?? (JobCounters(), [])
        sum.increase += job.increase
        sum.targets.insert(span.target)
        sums[name] = sum
      }
    }
    let ranked = sums.map { Job(job: $0.text, increase: $1.increase, targets: $1.targets.count) }
      .sorted { ($1.increase[measure], JobName($0.job)) < ($0.increase[measure], JobName($1.job)) }
    let shown = ranked.prefix(max(0, limit)).filter { $0.increase[measure] > 0 }
    by = measure
    jobs = Array(shown)
    otherJobs = ranked.count - shown.count
    others = ranked.dropFirst(shown.count).reduce(JobCounters()) { $0 + $1.increase }
    total = ranked.reduce(unnamed) { $0 + $1.increase }
    self.fromNanoseconds = fromNanoseconds
    self.throughNanoseconds = throughNanoseconds
    self.targets = covered.count
    silentTargets = targets.filter { covered[$0.key] == nil }.map(\.value).sorted()
    coveredSeconds = (covered.values.max() ?? 0) / 1e9
    beganNanoseconds = began.values.min() ?? fromNanoseconds
    let asked = began.values.reduce(0) { $0 + Double(throughNanoseconds) - Double($1) }
    let seen = covered.values.reduce(0, +)
    coverage = asked > 0 ? min(1, seen / asked) : 0
    newestSecondsAgo = newest.map { max(0, Double(throughNanoseconds - $0) / 1e9) }
  }
}
