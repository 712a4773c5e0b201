import Foundation
import GRDB
import ManagerCore
import Platform
import Protocol
import Synchronization

extension HistoryDay {
  /// The day of an hour that is counted from the epoch.
  init(ofHour hour: Int64) { self.init(number: floorDivide(hour, 24)) }
  var hours: ClosedRange<Int64> { (number &* 24)...(number &* 24 &+ 23) }

  /// Those whose nanoseconds since the epoch a number holds.
  private static let all: ClosedRange<Int64> = -106_750...106_750

  /// - Throws: of another one, which a damaged file may name.
  init(stored number: Int64) throws {
    guard HistoryDay.all.contains(number) else {
      throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "day \(number)")
    }
    self.init(number: number)
  }
}

extension Row {
  /// Hours since the epoch.
  func hour(_ column: String = "hour") throws -> Int64 {
    let hour = try decode(Int64.self, forColumn: column)
    _ = try HistoryDay(stored: floorDivide(hour, 24))
    return hour
  }
}

/// The folder `history`: a database a day of raw blocks, and one a month of each tier of roll-ups.
/// Each change is one transaction in one file; what spans two of them is ordered so that a manager
/// killed in between does the rest again.
package final class HistoryFiles: Sendable {
  let folder: String
  /// The wall clock.
  let clock: @Sendable () -> Int64
  /// Stops before a step when it says so: a test's way to be killed at each of them.
  let step: @Sendable (String) throws -> Void
  let state: Mutex<State>
  let samplesRead = SamplesRead()
  let rollUpsRead = RollUpsRead()
  let queries = QueryGate()
  /// Sets aside one file at a time, and keeps those that wait for it from holding up anything else.
  let asides = DispatchQueue(label: "history: set aside")
  private let series: SeriesMark?
  /// Of the series that were stored when a block was; what a day's file tells by itself.
  var storedSeries: SeriesID? { series?.stored }
  /// An open file costs three descriptors and 256 KiB of pages a connection (`boundCache`).
  private static let openLimit = 16

  struct State {
    var open: [(file: HistoryFile, inode: UInt64, log: UInt64?, pool: DatabasePool)] = []
    var files: Set<HistoryFile> = []
    /// Lists that an earlier manager wrote and that are of no use now, each with the reason.
    var listTroubles: [String: String] = [:]
    /// Of files of roll-ups, by what the next start knows them again.
    var marks: [HistoryFile: ListedHistory.Mark] = [:]
    var cutRollUps: [String] = []
    /// What is lost and not yet told.
    var missing: Set<LostHistory> = []
    /// Days whose samples are gone: what comes late must not take the place of their roll-ups. Of some
    /// servers which hours had roll-ups then; of the others all count that there are.
    var gone: [HistoryDay: [ServerID: HourSet]] = [:]
    /// By their names, which of those that were set aside are not those of `files`.
    var damaged: [String: DamagedHistory] = [:]
    /// The names of those that were told.
    var toldDamage: Set<String> = []
    /// About to be set aside: nobody opens them meanwhile.
    var closing: Set<HistoryFile> = []
    /// How often a file of that name was set aside: an error of the one before says nothing of the next.
    var turns: [HistoryFile: Int] = [:]
    /// Of files of roll-ups.
    var changes: [HistoryFile: RollUpChanges] = [:]
    /// Since when the disk does not give all of a file, and how long that may last: longer than a path
    /// to a disk is away.
    var unreadSince: [HistoryFile: Int64] = [:]
    var patience: Int64 = 600_000_000_000
    /// Hours whose roll-ups do not hold all that the raw blocks hold.
    var dirty: [ServerID: Set<Int64>] = [:]
    /// The end of each server's newest block.
    var newest: [ServerID: Int64] = [:]
    /// Servers that have roll-ups of hours which are not yet put together, by day.
    var loose: [HistoryDay: Set<ServerID>] = [:]
    /// Of those the ones of which some series are put together, and have no roll-ups of hours any more.
    var joining: [HistoryDay: Set<ServerID>] = [:]

    /// Whether all series of a server have roll-ups of hours of a day, and nothing is put together.
    func isLoose(_ server: ServerID, _ day: HistoryDay) -> Bool {
      loose[day]?.contains(server) == true && joining[day]?.contains(server) != true
    }

    /// It was set aside.
    mutating func noteReplaced(_ file: HistoryFile) {
      turns[file, default: 0] += 1
      changes[file, default: RollUpChanges()].noteAll()
    }
  }

  /// - Parameter folder: made when it is not there.
  package init(
    folder: String, series: SeriesMark? = nil,
    clock: @escaping @Sendable () -> Int64 = Clock.wall,
    step: @escaping @Sendable (String) throws -> Void = { _ in }
  ) throws(DiagnosticError) {
    self.folder = folder
    self.series = series
    self.clock = clock
    self.step = step
    state = Mutex(State())
    let names: [String]
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o700])
      finishSettingAside()
      names = try DurableFile.names(in: folder)
      let files = Set(names.compactMap(HistoryFile.init(name:)))
      let trouble = checkList(files)
      state.withLock {
        $0.files = files
        $0.listTroubles[listPath] = trouble
      }
    } catch {
      let reason = (error as? FileError).map { "\($0)" } ?? error.localizedDescription
      throw DiagnosticError(.stateDirectoryUnusable, subject: folder, reason: reason)
    }
    readGone()
    let cut = findCutRollUps(listed)
    findMissing()
    // Roll-ups first: a day of samples that is set aside needs them.
    for file in files.sorted(by: { ($0.tier?.rawValue ?? .max) < ($1.tier?.rawValue ?? .max) }) {
      try load(file)
    }
    findSetAside(names)
    makeAgain(cut.union(findOtherRollUps()))
  }

  /// What a file knows of hours to be rolled up or to be put together. One that is damaged is set
  /// aside and costs no more than what is in it.
  private func load(_ file: HistoryFile) throws(DiagnosticError) {
    do {
      do {
        try learn(from: file)
      } catch  where StoreFailure.isDamage(error) {
        if try !setAside(file, error) { try learn(from: file) }
      }
    } catch {
      throw (error as? DatabaseError)?.resultCode == .SQLITE_IOERR
        ? StoreFailure.diskFails(path(file), error) : StoreFailure.diagnose(error, path: path(file))
    }
  }

  func learn(from file: HistoryFile) throws {
    guard let pool = try pool(file) else { return }
    switch file {
    case .raw:
      let (dirty, newest, highest) = try pool.read { db in
        (
          try Row.fetchAll(db, sql: "SELECT server, hour FROM dirty"),
          try Row.fetchAll(
            db,
            sql: """
              SELECT streams.server, max(blocks.through_ns) AS newest
              FROM blocks JOIN streams ON streams.id = blocks.stream GROUP BY streams.server
              """), try RawDay.highestSeries(db)
        )
      }
      if let highest { series?.raise(to: highest) }
      try state.withLock { state in
        for row in dirty {
          guard let server = ServerID(try row.decode(String.self, forColumn: "server")) else {
            continue
          }
          state.dirty[server, default: []].insert(try row.hour())
        }
        for row in newest {
          guard let server = ServerID(try row.decode(String.self, forColumn: "server")) else {
            continue
          }
          state.newest[server] = max(
            state.newest[server] ?? .min, try row.decode(forColumn: "newest"))
        }
      }
    case .rollUps(.minute, _):
      let (loose, gone, joined) = try pool.read { db in
        (
          try Row.fetchAll(
            db,
            sql: """
              SELECT DISTINCT servers.server, hours.hour
              FROM hours JOIN servers ON servers.id = hours.server
              """), try Int64.fetchAll(db, sql: "SELECT day FROM gone"),
          try Row.fetchAll(
            db,
            sql: """
              SELECT DISTINCT servers.server, joined.day FROM joined
              JOIN servers ON servers.id = joined.server
              JOIN hours ON hours.server = joined.server
                AND hours.hour BETWEEN joined.day * 24 AND joined.day * 24 + 23
              """)
        )
      }
      try state.withLock { state in
        for day in try gone.map(HistoryDay.init(stored:)) {
          state.gone[day] = state.gone[day] ?? [:]
        }
      }
      for row in loose {
        guard let server = ServerID(try row.decode(String.self, forColumn: "server")) else {
          continue
        }
        loosen(server, HistoryDay(ofHour: try row.hour()))
      }
      for row in joined {
        guard let server = ServerID(try row.decode(String.self, forColumn: "server")) else {
          continue
        }
        beginJoining(server, try HistoryDay(stored: try row.decode(forColumn: "day")))
      }
    case .rollUps: break
    }
  }

  // MARK: Files

  func path(_ file: HistoryFile) -> String { "\(folder)/\(file.name)" }

  var files: Set<HistoryFile> { state.withLock { $0.files } }

  /// Ascending.
  var rawDays: [HistoryDay] {
    files.compactMap { if case .raw(let day) = $0 { day } else { nil } }.sorted()
  }

  /// All bytes of a file, its log included.
  func bytes(of file: HistoryFile) -> Int64 { bytes(ofName: file.name) }

  func bytes(ofName name: String) -> Int64 {
    ["", "-wal", "-shm"].reduce(0) { $0 + (FileStatus(path: "\(folder)/\(name)\($1)")?.size ?? 0) }
  }

  /// `nil` when the file is not there and is not to be made.
  func pool(_ file: HistoryFile, creating: Bool = false) throws -> DatabasePool? {
    try state.withLock { state in
      if let place = state.open.firstIndex(where: { $0.file == file }) {
        // The last in the list is the last to be closed.
        let known = state.open.remove(at: place)
        state.open.append(known)
        if creating { markOpen(file, &state) }
        return known.pool
      }
      guard creating || state.files.contains(file) else { return nil }
      guard !state.closing.contains(file) else {
        throw BeingSetAside(path: path(file))
      }
      let pool = try open(file)
      if state.files.insert(file).inserted { writeList(state) }
      state.open.append(
        (
          file, FileStatus(path: path(file))?.inode ?? 0,
          FileStatus(path: path(file) + "-wal")?.inode, pool
        ))
      if creating { markOpen(file, &state) }
      // Whoever still reads in it holds it until the end.
      if state.open.count > Self.openLimit {
        let oldest = state.open.removeFirst()
        seal(oldest.file, oldest.pool, &state)
      }
      return pool
    }
  }

  private func open(_ file: HistoryFile) throws -> DatabasePool {
    var configuration = Configuration()
    configuration.foreignKeysEnabled = true
    configuration.busyMode = .timeout(2)
    configuration.maximumReaderCount = 4
    configuration.prepareDatabase { db in
      if !db.configuration.readonly { try db.execute(sql: "PRAGMA page_size = \(file.pageSize)") }
      try boundCache(db)
    }
    let path = path(file)
    try StoreFailure.checkFiles(path)
    // Before SQLite finds something in it that it does not know.
    if let newer = newerVersion(of: file) { throw newer }
    let pool = try DatabasePool(path: path, configuration: configuration)
    try pool.writeWithoutTransaction { db in try db.execute(sql: "PRAGMA synchronous = FULL") }
    try pool.write { db in
      let version = try Int32.fetchOne(db, sql: "PRAGMA user_version") ?? 0
      let id = try Int32.fetchOne(db, sql: "PRAGMA application_id") ?? 0
      let tables = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
      guard tables > 0 else {
        try db.execute(sql: file.schema)
        try db.execute(sql: "PRAGMA application_id = \(HistoryFile.applicationID)")
        return try db.execute(sql: "PRAGMA user_version = \(HistoryFile.version)")
      }
      guard id == HistoryFile.applicationID else {
        throw StoreFailure.corrupt(path, "it is no history of this manager")
      }
      guard version <= HistoryFile.version else {
        throw StoreFailure.newer(path, ["version \(version)"])
      }
    }
    return pool
  }

  /// Of a file whose header says that a newer manager made it.
  func newerVersion(of file: HistoryFile) -> DiagnosticError? {
    // Without waiting for a writer, should it be a FIFO.
    let descriptor = Foundation.open(path(file), O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    defer { try? handle.close() }
    guard let header = (try? handle.read(upToCount: 100)).flatMap({ $0 }), header.count == 100,
      header.starts(with: Array("SQLite format 3".utf8) + [0])
    else { return nil }
    func number(at place: Int) -> Int32 {
      Int32(truncatingIfNeeded: header[place..<place + 4].reduce(0) { $0 << 8 | Int64($1) })
    }
    // Places of SQLite's file format: application id and user version, big-endian.
    guard number(at: 68) == HistoryFile.applicationID, number(at: 60) > HistoryFile.version else {
      return nil
    }
    return StoreFailure.newer(path(file), ["version \(number(at: 60))"])
  }

  /// The hours to be rolled up of a removed raw day go with it.
  func remove(_ file: HistoryFile) throws(DiagnosticError) {
    let isStillListed = state.withLock { state in
      state.open.removeAll { $0.file == file }
      state.files.remove(file)
      state.marks[file] = nil
      state.damaged[file.name] = nil
      state.changes[file, default: RollUpChanges()].noteAll()
      let isWritten = writeList(state)
      if case .raw(let day) = file {
        for server in state.dirty.keys {
          state.dirty[server] = state.dirty[server]?.filter {
            HistoryDay(ofHour: $0) != day
          }
        }
      }
      return !isWritten
    }
    // The log first: without its file it would be no more than garbage.
    for ending in ["-wal", "-shm", ""] {
      let path = path(file) + ending
      guard FileManager.default.fileExists(atPath: path) else { continue }
      do {
        try FileManager.default.removeItem(atPath: path)
      } catch {
        throw DiagnosticError(
          .stateDirectoryUnusable, subject: path, reason: error.localizedDescription)
      }
    }
    // On a disk that was full there is room for the list only now.
    if isStillListed { state.withLock { _ = writeList($0) } }
  }

  /// Ends all connections, after what the logs hold was moved into the files.
  func close() {
    let pools = state.withLock { state in
      defer { state.open = [] }
      for item in state.open { seal(item.file, item.pool, &state) }
      return state.open.map(\.pool)
    }
    for pool in pools {
      _ = try? pool.writeWithoutTransaction { db in try db.moveLog() }
      try? pool.close()
    }
  }

  // MARK: Dirty hours

  var dirty: [ServerID: Set<Int64>] { state.withLock { $0.dirty } }

  /// The end of the newest block of each server.
  var newest: [ServerID: Int64] { state.withLock { $0.newest } }

  func soil(_ hours: [ServerID: Set<Int64>], newest: [ServerID: Int64]) {
    state.withLock { state in
      for (server, hours) in hours { state.dirty[server, default: []].formUnion(hours) }
      for (server, end) in newest { state.newest[server] = max(state.newest[server] ?? .min, end) }
    }
  }

  func clean(_ server: ServerID, _ hours: Set<Int64>) {
    state.withLock { state in
      state.dirty[server]?.subtract(hours)
      if state.dirty[server]?.isEmpty == true { state.dirty[server] = nil }
    }
  }

  // MARK: Changes of roll-ups

  func changes(of file: HistoryFile) -> RollUpChanges {
    state.withLock { $0.changes[file] ?? RollUpChanges() }
  }

  /// To be called after each write, also when it failed, and before anybody hears of it: nobody then takes
  /// what was read before for what is there.
  func noteChange(of day: HistoryDay, of server: ServerID, in file: HistoryFile) {
    state.withLock { $0.changes[file, default: RollUpChanges()].note(day, of: server) }
  }
}
