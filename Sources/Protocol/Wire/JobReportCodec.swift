/// The bytes of a job report. Varints are LEB128, signed ones zigzag, text is its length and UTF-8.
///
/// ```
/// version = 1                                      1 byte
/// sequence                                         varint
/// since, began: boot clock, wall clock             4 signed varints, ns
/// flags: bit 0 the reading broke off               1 byte
/// label, number of MGS NIDs, each                  text, varint, text …
/// jobs, untracked                                  2 varints
/// jobs of the rest, its four measures              5 varints
/// number of top jobs; each: name, four measures    varint; text, 4 varints …
/// ```
/// The measures are bytes read, bytes written, I/O operations, metadata operations. What follows
/// a known end belongs to later versions and is ignored.
package enum JobReportCodec {
  private static let version: UInt8 = 1

  package static func encode(_ report: JobReport) -> [UInt8] {
    var writer = ByteWriter()
    writer.byte(version)
    writer.varint(report.sequence)
    for stamp in [report.since, report.began] {
      writer.zigzag(stamp.bootNanoseconds)
      writer.zigzag(stamp.wallNanoseconds)
    }
    writer.byte(report.isPartial ? 1 : 0)
    writer.text(report.target.label)
    writer.varint(UInt64(report.target.mgs.count))
    for nid in report.target.mgs { writer.text(nid) }
    writer.varint(report.jobs)
    writer.varint(report.untracked)
    writer.varint(report.restJobs)
    append(report.rest, to: &writer)
    append(report.top, to: &writer)
    return writer.bytes
  }

  package static func decode(_ bytes: Span<UInt8>) throws(WireError) -> JobReport {
    var cursor = ByteCursor()
    let version = try cursor.byte(bytes)
    guard version == Self.version else { throw .malformed("a job report of version \(version)") }
    let sequence = try cursor.varint(bytes)
    guard sequence <= WireLimits.highestOrder else {
      throw .malformed("job report \(sequence), the highest is \(WireLimits.highestOrder)")
    }
    let since = try stamp(&cursor, bytes)
    let began = try stamp(&cursor, bytes)
    guard since.bootNanoseconds <= began.bootNanoseconds else {
      throw .malformed("a job report that ends before it begins")
    }
    let flags = try cursor.byte(bytes)
    let label = try cursor.text(bytes, of: "a target's label", limit: WireLimits.textBytes)
    var nids: [String] = []
    for _ in 0..<(try cursor.count(bytes, of: "MGS NIDs", limit: WireLimits.mgsNIDs)) {
      nids.append(try cursor.text(bytes, of: "a NID", limit: WireLimits.textBytes))
    }
    let jobs = try cursor.varint(bytes)
    let untracked = try cursor.varint(bytes)
    let restJobs = try cursor.varint(bytes)
    let rest = try counters(&cursor, bytes)
    return JobReport(
      sequence: sequence, target: TargetReference(label: label, mgs: nids), since: since,
      began: began, top: try list(&cursor, bytes), rest: rest, restJobs: restJobs, jobs: jobs,
      untracked: untracked, isPartial: flags & 1 != 0)
  }

  /// Jobs with their measures, as they stand at the end of a report.
  package static func append(_ jobs: [JobIncrease], to writer: inout ByteWriter) {
    writer.varint(UInt64(jobs.count))
    for job in jobs {
      writer.text(job.job)
      append(job.increase, to: &writer)
    }
  }

  /// The counterpart of `append`.
  package static func list(_ cursor: inout ByteCursor, _ bytes: Span<UInt8>) throws(WireError)
    -> [JobIncrease]
  {
    var jobs: [JobIncrease] = []
    for _ in 0..<(try cursor.count(bytes, of: "jobs", limit: WireLimits.topJobs)) {
      let job = try cursor.text(bytes, of: "a job's name", limit: WireLimits.textBytes)
      jobs.append(JobIncrease(job: job, increase: try counters(&cursor, bytes)))
    }
    return jobs
  }

  private static func append(_ counters: JobCounters, to writer: inout ByteWriter) {
    writer.varint(counters.readBytes)
    writer.varint(counters.writtenBytes)
    writer.varint(counters.ioOperations)
    writer.varint(counters.metadataOperations)
  }

  private static func counters(_ cursor: inout ByteCursor, _ bytes: Span<UInt8>)
    throws(WireError) -> JobCounters
  {
    JobCounters(
      readBytes: try cursor.varint(bytes), writtenBytes: try cursor.varint(bytes),
      ioOperations: try cursor.varint(bytes), metadataOperations: try cursor.varint(bytes))
  }

  private static func stamp(_ cursor: inout ByteCursor, _ bytes: Span<UInt8>) throws(WireError)
    -> Stamp
  {
    let stamp = Stamp(
      bootNanoseconds: try cursor.zigzag(bytes), wallNanoseconds: try cursor.zigzag(bytes))
    try WireLimits.check(stamp)
    return stamp
  }
}
