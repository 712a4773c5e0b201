import Foundation
import GRDB
import ManagerCore
import Platform
import Protocol
import Synchronization

/// Job spans on disk: one SQLite file a day of writing (`jobs/jobs-2026-01-31.sqlite`), so that
/// retention is the removal of files. Names of jobs and targets stand once in a file.
package final class JobStore: Sendable {
  let folder: String
  let state = Mutex(State())
  let asides = DispatchQueue(label: "jobs: set aside")

  struct State {
    /// With the file that was there then; the one used last at the end.
    var open: [(day: HistoryDay, inode: UInt64, log: UInt64?, queue: DatabaseQueue)] = []
    var isClosed = false
    /// By day the highest number of a span that was written, and the same as the list tells it.
    var highest: [HistoryDay: Int64] = [:]
    var listed: [HistoryDay: Int64] = [:]
    /// When the list was written last because of them; monotonic.
    var markedAt: Int64 = 0
    /// About to be set aside: nobody opens them meanwhile.
    var closing: Set<HistoryDay> = []
    /// Days whose files were made or found here.
    var known: Set<HistoryDay> = []
    /// Days of which jobs were lost, and those of which not all can be read.
    var lost: [HistoryDay: LostJobs] = [:]
    var toldLost: Set<LostJobs> = []
    /// Why the list of an earlier manager is of no use.
    var listTrouble: String?
  }

  /// - Parameter directory: made when it is not there.
  package init(directory: String) throws(DiagnosticError) {
    folder = directory
    try makeFolder()
    try findLost()
  }

  /// One transaction; when it returns, all of it is on disk.
  package func append(_ writes: [JobBook.Write], nanoseconds: Int64) async throws(DiagnosticError) {
    // Where the clock was set back meanwhile a span is of a later day than now.
    let newest = writes.lazy.flatMap(\.spans).map(\.throughNanoseconds).max()
    let day = HistoryDay(of: max(nanoseconds, newest ?? nanoseconds))
    try await settingAside(day) { () async throws in
      let highest = try await self.use(day, creating: true) { db in
        try JobStore.append(writes, to: db)
        return try JobStore.highest(db)
      }
      if let highest { self.note(highest, of: day) }
    }
  }

  static func highest(_ db: Database) throws -> Int64 {
    try Int64.fetchOne(db, sql: "SELECT max(id) FROM spans") ?? 0
  }

  private static func append(_ writes: [JobBook.Write], to db: Database) throws {
    var names = NameTable()
    for write in writes {
      try db.cachedStatement(
        sql: """
          INSERT INTO streams (server, boot, incarnation, sequence) VALUES (?, ?, ?, ?)
          ON CONFLICT DO UPDATE SET sequence = max(sequence, excluded.sequence)
          """
      ).execute(arguments: [
        write.stream.server.text, write.stream.boot.text, write.stream.incarnation,
        Int64(clamping: write.sequence),
      ])
      for span in write.spans { try JobStore.insert(span, &names, db) }
    }
  }

  /// The highest sequence stored of a stream; 0 when there is none.
  package func sequence(of stream: StreamKey) async throws(DiagnosticError) -> UInt64 {
    var highest: UInt64 = 0
    for day in try days() where !isUnreadable(day) {
      do {
        let found = try await use(day) { db in
          try Int64.fetchOne(
            db,
            sql: "SELECT sequence FROM streams WHERE server = ? AND boot = ? AND incarnation = ?",
            arguments: [stream.server.text, stream.boot.text, stream.incarnation])
        }
        highest = max(highest, UInt64(clamping: found.flatMap { $0 } ?? 0))
      } catch {
        guard StoreFailure.isDamage(error) else { throw diagnosed(error, day) }
        // Its spans do not count from now on either: what comes again is not counted twice.
        noteDamage(day, error, isAll: true)
      }
    }
    return highest
  }

  /// Spans of these targets that ended within the range, and what may lack of it.
  package func spans(
    of targets: Set<String>, ended range: ClosedRange<Int64>
  ) async throws(DiagnosticError) -> (spans: [JobSpan], unreadable: [MetricAnswer.Gap]) {
    let first = HistoryDay(of: range.lowerBound)
    var spans: [JobSpan] = []
    // What an agent held back was written on a later day, never on an earlier one.
    for day in try days() where day >= first && !isUnreadable(day) {
      do {
        let found = try await use(day) { [path = path(day)] db in
          try JobStore.spans(db, targets, range, path)
        }
        guard let found else { continue }
        spans += found.spans
        if let damage = found.damage { noteDamage(day, damage, isAll: false) }
      } catch {
        guard StoreFailure.isDamage(error) else { throw diagnosed(error, day) }
        noteDamage(day, error, isAll: true)
      }
    }
    return (spans, gaps(range))
  }

  // MARK: Rows

  private static func insert(_ span: JobSpan, _ names: inout NameTable, _ db: Database) throws {
    var writer = ByteWriter()
    JobReportCodec.append([JobIncrease(job: "", increase: span.rest)], to: &writer)
    writer.varint(UInt64(span.top.count))
    for job in span.top {
      writer.varint(UInt64(bitPattern: try names.id(job.job, db)))
      for measure in JobMeasure.allCases { writer.varint(job.increase[measure]) }
    }
    try db.cachedStatement(
      sql: """
        INSERT INTO spans (target, from_ns, through_ns, covered_ns, jobs, rest_jobs, untracked, body)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      try names.id(span.target, db), span.fromNanoseconds, span.throughNanoseconds,
      span.coveredNanoseconds, Int64(clamping: span.jobs), Int64(clamping: span.restJobs),
      Int64(clamping: span.untracked), Data(writer.bytes),
    ])
  }

  /// - Returns: also the first error of those that tell of damage; what else there is counts.
  private static func spans(
    _ db: Database, _ targets: Set<String>, _ range: ClosedRange<Int64>, _ path: String
  ) throws -> (spans: [JobSpan], damage: (any Error)?) {
    var names: [Int64: String] = [:]
    func name(_ id: Int64) throws -> String {
      if let known = names[id] { return known }
      let found = try String.fetchOne(
        db.cachedStatement(sql: "SELECT text FROM names WHERE id = ?"), arguments: [id])
      guard let found else { throw StoreFailure.corrupt(path, "spans: no name \(id)") }
      names[id] = found
      return found
    }
    func span(_ row: Row) throws -> JobSpan? {
      let target = try name(try row.decode(forColumn: "target"))
      guard targets.contains(target) else { return nil }
      let jobs: Int64 = try row.decode(forColumn: "jobs")
      let restJobs: Int64 = try row.decode(forColumn: "rest_jobs")
      let untracked: Int64 = try row.decode(forColumn: "untracked")
      let body = [UInt8](try row.decode(Data.self, forColumn: "body"))
      let (rest, entries) = try decode(body.span, path)
      return JobSpan(
        target: target, fromNanoseconds: try row.decode(forColumn: "from_ns"),
        throughNanoseconds: try row.decode(forColumn: "through_ns"),
        coveredNanoseconds: try row.decode(forColumn: "covered_ns"),
        top: try entries.map { JobIncrease(job: try name($0.name), increase: $0.increase) },
        rest: rest, restJobs: UInt64(clamping: restJobs), jobs: UInt64(clamping: jobs),
        untracked: UInt64(clamping: untracked))
    }
    var spans: [JobSpan] = []
    var damage: (any Error)?
    let rows = try Row.fetchCursor(
      db, sql: "SELECT * FROM spans WHERE through_ns BETWEEN ? AND ? ORDER BY through_ns, id",
      arguments: [range.lowerBound, range.upperBound])
    do {
      while let row = try rows.next() {
        do {
          if let span = try span(row) { spans.append(span) }
        } catch  where StoreFailure.isDamage(error) {
          damage = damage ?? error
        }
      }
    } catch  where StoreFailure.isDamage(error) {
      damage = damage ?? error
    }
    return (spans, damage)
  }

  private static func decode(_ bytes: Swift.Span<UInt8>, _ path: String) throws -> (
    rest: JobCounters, entries: [(name: Int64, increase: JobCounters)]
  ) {
    do throws(WireError) {
      var cursor = ByteCursor()
      let rest = try JobReportCodec.list(&cursor, bytes).first?.increase ?? JobCounters()
      var entries: [(name: Int64, increase: JobCounters)] = []
      for _ in 0..<(try cursor.count(bytes, of: "jobs", limit: WireLimits.topJobs)) {
        let name = Int64(bitPattern: try cursor.varint(bytes))
        entries.append(
          (
            name,
            JobCounters(
              readBytes: try cursor.varint(bytes), writtenBytes: try cursor.varint(bytes),
              ioOperations: try cursor.varint(bytes), metadataOperations: try cursor.varint(bytes))
          ))
      }
      return (rest, entries)
    } catch {
      throw StoreFailure.corrupt(path, "spans: \(error.reason)")
    }
  }
}

/// The numbers of names, looked up once a transaction.
private struct NameTable {
  private var known: [JobName: Int64] = [:]

  mutating func id(_ text: String, _ db: Database) throws -> Int64 {
    let name = JobName(text)
    if let id = known[name] { return id }
    let found = try Int64.fetchOne(
      db.cachedStatement(sql: "SELECT id FROM names WHERE text = ?"), arguments: [text])
    if let found {
      known[name] = found
      return found
    }
    try db.cachedStatement(sql: "INSERT INTO names (text) VALUES (?)").execute(arguments: [text])
    known[name] = db.lastInsertedRowID
    return db.lastInsertedRowID
  }
}
