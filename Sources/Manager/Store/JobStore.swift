import Foundation
import GRDB
import ManagerCore
import Platform
import Protocol
import Synchronization

/// Job spans on disk: one SQLite file a day of writing (`jobs/jobs-2026-01-31.sqlite`), so that
/// retention is the removal of files. Names of jobs and targets stand once in a file.
package final class JobStore: Sendable {
  private let directory: String
  private let files = Mutex(Open())
  /// Each costs three descriptors.
  private static let openLimit = 16
  private static let prefix = "jobs-"
  private static let suffix = ".sqlite"
  /// "IMLJ": tells our files from any other SQLite database.
  private static let applicationID: Int32 = 0x494D_4C4A

  private struct Open {
    /// By day, with the file that was there then; the one used last at the end.
    var files: [(day: String, inode: UInt64, queue: DatabaseQueue)] = []
    var isClosed = false
  }

  /// Files without a byte, with no log beside them: a manager that was killed as it made one leaves such a
  /// file, and so does whoever empties it.
  package func emptyFiles() throws(DiagnosticError) -> [String] {
    try days().map(path).filter {
      FileStatus(path: $0)?.size == 0 && (FileStatus(path: $0 + "-wal")?.size ?? 0) == 0
    }
  }

  /// - Parameter directory: made when it is not there.
  package init(directory: String) throws(DiagnosticError) {
    self.directory = directory
    do {
      try FileManager.default.createDirectory(
        atPath: directory, withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o700])
    } catch {
      throw DiagnosticError(
        .stateDirectoryUnusable, subject: directory, reason: error.localizedDescription,
        remedy: "Move what is there away, or make it a folder that the manager may write.")
    }
  }

  /// One transaction; when it returns, all of it is on disk.
  package func append(_ writes: [JobBook.Write], nanoseconds: Int64) async throws(DiagnosticError) {
    // Where the clock was set back meanwhile a span is of a later day than now.
    let newest = writes.lazy.flatMap(\.spans).map(\.throughNanoseconds).max()
    let day = JobStore.day(max(nanoseconds, newest ?? nanoseconds))
    try await run(day, creating: true) { db in
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
  }

  /// The highest sequence stored of a stream; 0 when there is none.
  package func sequence(of stream: StreamKey) async throws(DiagnosticError) -> UInt64 {
    var highest: UInt64 = 0
    for day in try days() {
      let found = try await run(day) { db in
        try Int64.fetchOne(
          db,
          sql: "SELECT sequence FROM streams WHERE server = ? AND boot = ? AND incarnation = ?",
          arguments: [stream.server.text, stream.boot.text, stream.incarnation])
      }
      highest = max(highest, UInt64(clamping: found.flatMap { $0 } ?? 0))
    }
    return highest
  }

  /// Spans of these targets that ended within the range.
  package func spans(
    of targets: Set<String>, ended range: ClosedRange<Int64>
  ) async throws(DiagnosticError) -> [JobSpan] {
    let first = JobStore.day(range.lowerBound)
    var spans: [JobSpan] = []
    // What an agent held back was written on a later day, never on an earlier one.
    for day in try days() where day >= first {
      spans +=
        try await run(day) { [path = path(day)] db in
          try JobStore.spans(db, targets, range, path)
        } ?? []
    }
    return spans
  }

  /// Removes the files of days that ended before a time.
  package func removeDays(endedBefore nanoseconds: Int64) throws(DiagnosticError) {
    let kept = JobStore.day(nanoseconds)
    for day in try days() where day < kept {
      files.withLock { $0.files.removeAll { $0.day == day } }
      for ending in ["", "-wal", "-shm"] {
        try? FileManager.default.removeItem(atPath: path(day) + ending)
      }
    }
  }

  /// Moves what the logs hold into the files, each then a whole one, and ends all connections. A reader that
  /// is still busy keeps its log alive.
  package func close() {
    files.withLock { files in
      for file in files.files {
        Self.emptyLog(file.queue)
        try? file.queue.close()
      }
      files = Open(files: [], isClosed: true)
    }
  }

  private static func emptyLog(_ queue: DatabaseQueue) {
    _ = try? queue.writeWithoutTransaction { db in try db.checkpoint(.truncate) }
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

  private static func spans(
    _ db: Database, _ targets: Set<String>, _ range: ClosedRange<Int64>, _ path: String
  ) throws -> [JobSpan] {
    var names: [Int64: String] = [:]
    func name(_ id: Int64) throws -> String {
      if let known = names[id] { return known }
      let found = try String.fetchOne(
        db.cachedStatement(sql: "SELECT text FROM names WHERE id = ?"), arguments: [id])
      guard let found else { throw StoreFailure.corrupt(path, "spans: no name \(id)") }
      names[id] = found
      return found
    }
    var spans: [JobSpan] = []
    let rows = try Row.fetchAll(
      db, sql: "SELECT * FROM spans WHERE through_ns BETWEEN ? AND ? ORDER BY through_ns, id",
      arguments: [range.lowerBound, range.upperBound])
    for row in rows {
      let target = try name(try row.decode(forColumn: "target"))
      guard targets.contains(target) else { continue }
      let jobs: Int64 = try row.decode(forColumn: "jobs")
      let restJobs: Int64 = try row.decode(forColumn: "rest_jobs")
      let untracked: Int64 = try row.decode(forColumn: "untracked")
      let body = [UInt8](try row.decode(Data.self, forColumn: "body"))
      let (rest, entries) = try decode(body.span, path)
      spans.append(
        JobSpan(
          target: target, fromNanoseconds: try row.decode(forColumn: "from_ns"),
          throughNanoseconds: try row.decode(forColumn: "through_ns"),
          coveredNanoseconds: try row.decode(forColumn: "covered_ns"),
          top: try entries.map { JobIncrease(job: try name($0.name), increase: $0.increase) },
          rest: rest, restJobs: UInt64(clamping: restJobs), jobs: UInt64(clamping: jobs),
          untracked: UInt64(clamping: untracked)))
    }
    return spans
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

  // MARK: Files

  private func path(_ day: String) -> String { "\(directory)/\(Self.prefix)\(day)\(Self.suffix)" }

  private static func day(_ nanoseconds: Int64) -> String {
    Date(timeIntervalSince1970: Double(nanoseconds) / 1e9).formatted(.iso8601.year().month().day())
  }

  private func days() throws(DiagnosticError) -> [String] {
    do throws(FileError) {
      return try DurableFile.names(in: directory)
        .filter { $0.hasPrefix(Self.prefix) && $0.hasSuffix(Self.suffix) }
        .map { String($0.dropFirst(Self.prefix.count).dropLast(Self.suffix.count)) }.sorted()
    } catch {
      throw DiagnosticError(.stateDirectoryUnusable, subject: directory, reason: "\(error)")
    }
  }

  /// `nil` when there is no file of that day and none is to be made.
  @discardableResult
  private func run<Value: Sendable>(
    _ day: String, creating: Bool = false, _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws(DiagnosticError) -> Value? {
    do {
      guard let queue = try open(day, creating: creating) else { return nil }
      return try await queue.write(body)
    } catch {
      var found = StoreFailure.diagnose(error, path: path(day)).diagnostic
      // For whoever asks for jobs: a day of them is what it costs, and no backup has it.
      if found.code == DiagnosticCode.databaseCorrupt.rawValue {
        found.code = DiagnosticCode.stateDirectoryUnusable.rawValue
        found.remedy =
          "Stop the manager, move the file away with its -wal and -shm, and start it again: the jobs in it"
          + " are lost, all others are served."
      }
      throw DiagnosticError(found)
    }
  }

  private func open(_ day: String, creating: Bool) throws -> DatabaseQueue? {
    try files.withLock { files in
      guard !files.isClosed else {
        throw DatabaseError(resultCode: .SQLITE_MISUSE, message: "the manager is stopping")
      }
      let path = path(day)
      let inode = FileStatus(path: path)?.inode
      if let place = files.files.firstIndex(where: { $0.day == day }) {
        let known = files.files.remove(at: place)
        guard known.inode == inode else {
          throw StoreFailure.corrupt(
            path, "it was removed or replaced while the manager ran; the jobs in it are lost")
        }
        files.files.append(known)
        return known.queue
      }
      let isThere = inode != nil
      guard creating || isThere else { return nil }
      // The days before are over.
      if !isThere { for file in files.files { Self.emptyLog(file.queue) } }
      var configuration = Configuration()
      configuration.foreignKeysEnabled = true
      configuration.prepareDatabase { db in
        try db.execute(sql: "PRAGMA page_size = 16384")
        try db.execute(sql: "PRAGMA journal_mode = WAL")
        try db.execute(sql: "PRAGMA synchronous = FULL")
        try boundCache(db)
      }
      let queue = try DatabaseQueue(path: path, configuration: configuration)
      try queue.write { db in
        let id = try Int32.fetchOne(db, sql: "PRAGMA application_id") ?? 0
        guard id == 0 || id == Self.applicationID else {
          throw StoreFailure.corrupt(path, "it is another program's database")
        }
        try db.execute(sql: Self.schema)
      }
      // Whoever is at work in one that is let go of keeps it open.
      if files.files.count >= Self.openLimit { files.files.removeFirst() }
      files.files.append((day, FileStatus(path: path)?.inode ?? 0, queue))
      return queue
    }
  }

  private static let schema = """
    PRAGMA application_id = \(applicationID);
    CREATE TABLE IF NOT EXISTS streams (
      server TEXT NOT NULL, boot TEXT NOT NULL, incarnation TEXT NOT NULL,
      sequence INTEGER NOT NULL, PRIMARY KEY (server, boot, incarnation)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS names (
      id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE
    ) STRICT;
    CREATE TABLE IF NOT EXISTS spans (
      id INTEGER PRIMARY KEY,
      target INTEGER NOT NULL REFERENCES names (id),
      from_ns INTEGER NOT NULL, through_ns INTEGER NOT NULL, covered_ns INTEGER NOT NULL,
      jobs INTEGER NOT NULL, rest_jobs INTEGER NOT NULL, untracked INTEGER NOT NULL,
      body BLOB NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS spans_by_end ON spans (through_ns);
    """
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
