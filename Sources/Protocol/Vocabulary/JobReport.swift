/// What a job did: the four measures that are followed for each job.
package struct JobCounters: Hashable, Codable, Sendable {
  package var readBytes: UInt64
  package var writtenBytes: UInt64
  /// Bulk reads and writes (RPCs).
  package var ioOperations: UInt64
  /// Everything else that was asked of a target: opens, getattrs, punches …
  package var metadataOperations: UInt64

  package init(
    readBytes: UInt64 = 0, writtenBytes: UInt64 = 0, ioOperations: UInt64 = 0,
    metadataOperations: UInt64 = 0
  ) {
    self.readBytes = readBytes
    self.writtenBytes = writtenBytes
    self.ioOperations = ioOperations
    self.metadataOperations = metadataOperations
  }

  package subscript(measure: JobMeasure) -> UInt64 {
    switch measure {
    case .read: readBytes
    case .write: writtenBytes
    case .iops: ioOperations
    case .metadata: metadataOperations
    }
  }

  package var isZero: Bool {
    readBytes | writtenBytes | ioOperations | metadataOperations == 0
  }

  /// Whether no measure is below the other's.
  package func reaches(_ other: JobCounters) -> Bool {
    readBytes >= other.readBytes && writtenBytes >= other.writtenBytes
      && ioOperations >= other.ioOperations && metadataOperations >= other.metadataOperations
  }

  /// Sums saturate: 2^64 bytes are more than any target moves between two readings, so only
  /// garbage gets there, and garbage must not trap.
  package static func + (a: JobCounters, b: JobCounters) -> JobCounters {
    JobCounters(
      readBytes: a.readBytes.adding(b.readBytes),
      writtenBytes: a.writtenBytes.adding(b.writtenBytes),
      ioOperations: a.ioOperations.adding(b.ioOperations),
      metadataOperations: a.metadataOperations.adding(b.metadataOperations))
  }

  /// Each measure's difference, 0 where `b` is larger.
  package static func - (a: JobCounters, b: JobCounters) -> JobCounters {
    JobCounters(
      readBytes: a.readBytes.taking(b.readBytes),
      writtenBytes: a.writtenBytes.taking(b.writtenBytes),
      ioOperations: a.ioOperations.taking(b.ioOperations),
      metadataOperations: a.metadataOperations.taking(b.metadataOperations))
  }

  package static func += (a: inout JobCounters, b: JobCounters) { a = a + b }
}

extension UInt64 {
  fileprivate func adding(_ other: UInt64) -> UInt64 {
    let (sum, over) = addingReportingOverflow(other)
    return over ? .max : sum
  }
  fileprivate func taking(_ other: UInt64) -> UInt64 { self > other ? self - other : 0 }
}

/// By what jobs are ranked.
package enum JobMeasure: String, Codable, CaseIterable, Sendable {
  case read
  case write
  case iops
  case metadata
}

/// A job by name, and what it did.
package struct JobIncrease: Hashable, Codable, Sendable {
  /// As Lustre was told; what is no printable UTF-8, and the backslash, stands as `\xHH`.
  package var job: String
  package var increase: JobCounters
  package init(job: String, increase: JobCounters) {
    self.job = job
    self.increase = increase
  }
}

/// What the jobs of one target did between two readings of its `job_stats`: those that did most by
/// any measure, each with all its measures, and the exact sum of all others.
package struct JobReport: Hashable, Sendable {
  /// Counts up from 1 within one life of the agent; 0 until it is given.
  package var sequence: UInt64
  package var target: TargetReference
  /// When the reading before began, and when this one did.
  package var since: Stamp
  package var began: Stamp
  package var top: [JobIncrease]
  package var rest: JobCounters
  /// Jobs that did something and are not in `top`.
  package var restJobs: UInt64
  /// Jobs that the target has an entry for.
  package var jobs: UInt64
  /// Entries that were not followed because the agent follows no more; what they did is in no sum.
  package var untracked: UInt64
  /// The reading broke off: what came after is in the next report.
  package var isPartial: Bool

  package init(
    sequence: UInt64 = 0, target: TargetReference, since: Stamp, began: Stamp,
    top: [JobIncrease], rest: JobCounters, restJobs: UInt64, jobs: UInt64, untracked: UInt64 = 0,
    isPartial: Bool = false
  ) {
    self.sequence = sequence
    self.target = target
    self.since = since
    self.began = began
    self.top = top
    self.rest = rest
    self.restJobs = restJobs
    self.jobs = jobs
    self.untracked = untracked
    self.isPartial = isPartial
  }
}
