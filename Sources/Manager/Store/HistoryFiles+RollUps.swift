import Foundation
import GRDB
import ManagerCore
import Protocol

/// Roll-ups are made again from the raw blocks of an hour whenever one was added to it, and put in the
/// place of those there were: so each batch is in them once, however late it came and whenever the
/// manager was killed. When a day is over, its hours are put together, for each tier.
extension HistoryFiles {
  /// What is known of some series; `nil` in it for one that nobody knows.
  typealias Natures =
    @Sendable ([SeriesID]) async throws(DiagnosticError) -> [SeriesID:
    SeriesNature]

  /// Hours of one server and day.
  struct HoursToRollUp: Hashable, Sendable {
    var server: ServerID
    var day: HistoryDay
    var hours: Set<Int64>
  }

  /// The series of a page are 16 with consecutive numbers: enough to share their times.
  static let pageBits: UInt32 = 4
  /// Series whose samples are in memory at a time: 2,048 times an hour of 360 samples is 18 MB.
  private static let seriesAtATime = 2_048

  /// The hours that have all their blocks by all that is known, the oldest first: the server has
  /// later ones, or had `patience` to send them.
  func hoursToRollUp(now: Int64, patience: Int64) -> [HoursToRollUp] {
    let newest = self.newest
    var found: [HoursToRollUp] = []
    for (server, hours) in dirty {
      let due = hours.filter { hour in
        let end = (hour &+ 1) &* RollUpTier.hour.nanoseconds
        return end <= newest[server] ?? .min || end &+ patience <= now
      }
      for (day, hours) in Dictionary(grouping: due, by: HistoryDay.init(ofHour:)) {
        found.append(HoursToRollUp(server: server, day: day, hours: Set(hours)))
      }
    }
    return found.sorted { ($0.day, $0.server) < ($1.day, $1.server) }
  }

  /// All of a day, whether or not more may come.
  func hoursToRollUp(of day: HistoryDay) -> [HoursToRollUp] {
    hoursToRollUp(now: .max, patience: 0).filter { $0.day == day }
  }

  /// Rolls hours up. Gives the number of hours that were too late: what they were made from is gone,
  /// and making them anew would take that away.
  func rollUp(_ task: HoursToRollUp, natures: Natures) async throws(DiagnosticError) -> Int {
    let minutes = HistoryFile.rollUps(.minute, month: task.day.month)
    let raw = HistoryFile.raw(task.day)
    var task = task
    let stamps = try await read(raw) { [server = task.server] db in
      try Row.fetchAll(
        db, sql: "SELECT hour, stamp FROM dirty WHERE server = ?", arguments: [server.text]
      ).reduce(into: [Int64: Int64]()) {
        $0[try $1.hour()] = try $1.decode(forColumn: "stamp")
      }
    }
    guard let stamps else { return 0 }
    let asked = task.hours
    let standing = try await standing(task, minutes)
    if standing.isJoined && !standing.isGone { task.hours = Set(task.day.hours) }
    if standing.isGone { task.hours.subtract(standing.kept) }
    let pages = try await pages(of: task, natures)
    if !task.hours.isEmpty {
      try await store(pages, of: task, in: minutes, isJoined: standing.isJoined)
    }
    do {
      try step("roll-ups are stored")
      try await pool(raw)?.write { [server = task.server] db in
        var clean: Set<Int64> = []
        for hour in asked {
          try db.cachedStatement(
            sql: "DELETE FROM dirty WHERE server = ? AND hour = ? AND stamp = ?"
          )
          .execute(arguments: [server.text, hour, stamps[hour] ?? 0])
          // One that was made dirty again meanwhile stays so.
          if db.changesCount > 0 || stamps[hour] == nil { clean.insert(hour) }
        }
        self.clean(server, clean)
      }
    } catch {
      throw StoreFailure.diagnose(error, path: path(raw))
    }
    return asked.subtracting(task.hours).count
  }

  /// What there is of a server's day.
  private struct Standing: Sendable {
    var isJoined = false
    /// The raw blocks of the day were removed once, or the minutes of its month.
    var isGone = false
    /// The hours that have roll-ups.
    var kept: Set<Int64> = []
  }

  private func standing(
    _ task: HoursToRollUp, _ file: HistoryFile
  ) async throws(DiagnosticError) -> Standing {
    let found = try await read(file) { db in
      var standing = Standing()
      let server = try Int64.fetchOne(
        db, sql: "SELECT id FROM servers WHERE server = ?", arguments: [task.server.text])
      standing.isGone =
        try Bool.fetchOne(
          db, sql: "SELECT EXISTS (SELECT 1 FROM gone WHERE day = ?)",
          arguments: [task.day.number]) ?? false
      standing.isJoined =
        try Bool.fetchOne(
          db, sql: "SELECT EXISTS (SELECT 1 FROM joined WHERE day = ? AND server = ?)",
          arguments: [task.day.number, server]) ?? false
      standing.kept = Set(
        try Int64.fetchAll(
          db, sql: "SELECT DISTINCT hour FROM hours WHERE server = ? AND hour BETWEEN ? AND ?",
          arguments: [server, task.day.hours.lowerBound, task.day.hours.upperBound]))
      return standing
    }
    // Wider buckets are only made from minutes; when these were removed, they are the last there is.
    // Minutes that were set aside are made again of the days that have their samples.
    if found == nil, !wereSetAside(file),
      files.contains(.rollUps(.tenMinutes, month: task.day.month))
    {
      return Standing(isGone: true, kept: Set(task.day.hours))
    }
    var standing = found ?? Standing()
    standing.isGone = standing.isGone || isGone(task.day)
    if standing.isJoined {
      standing.kept = Set(task.day.hours)
    } else if standing.isGone {
      if let kept = kept(task.server, task.day) { standing.kept = kept }
      // Its minutes are lost, and its samples: the wider buckets are all there is.
      if standing.kept.isEmpty, try await hasWideRollUps(task.server, task.day) {
        standing.kept = Set(task.day.hours)
      }
    }
    return standing
  }

  /// Whether anything wider than minutes is there of a server's day; also when that can not be read.
  private func hasWideRollUps(
    _ server: ServerID, _ day: HistoryDay
  ) async throws(DiagnosticError) -> Bool {
    // Hours first: they have the fewest bytes.
    for tier in [RollUpTier.hour, .tenMinutes] {
      let file = HistoryFile.rollUps(tier, month: day.month)
      guard files.contains(file) else { continue }
      let isThere = try await readable(file) { db in
        try Bool.fetchOne(
          db,
          sql: """
            SELECT EXISTS (SELECT 1 FROM days WHERE day = ?
              AND server = (SELECT id FROM servers WHERE server = ?))
            """, arguments: [day.number, server.text]) ?? false
      }
      if isThere ?? true { return true }
    }
    return false
  }

  /// Some series of an hour, as they lie there.
  struct Page: Sendable {
    var hour: Int64
    var page: Int64
    var bytes: [UInt8]
  }

  private func pages(of task: HoursToRollUp, _ natures: Natures) async throws(DiagnosticError)
    -> [Page]
  {
    var pages: [Page] = []
    for hour in task.hours.sorted() {
      let begin = hour &* RollUpTier.hour.nanoseconds
      let range = begin...(begin &+ RollUpTier.hour.nanoseconds - 1)
      let ids = try await blockIDs(task.day, range, servers: [task.server])
      guard !ids.isEmpty else { continue }
      let blocks = try await blocks(task.day, ids)
      do {
        var series: Set<SeriesID> = []
        for block in blocks { series.formUnion(try BlockCodec.series(in: block.bytes.span)) }
        let sorted = series.sorted()
        let known = try await natures(sorted)
        var next = 0
        while next < sorted.count {
          // Never in the middle of a page.
          var end = min(sorted.count, next + Self.seriesAtATime)
          while end < sorted.count, sorted[end] >> Self.pageBits == sorted[end - 1] >> Self.pageBits
          {
            end += 1
          }
          pages += try await self.pages(
            hour, blocks, sorted[next]...sorted[end - 1], range, known)
          next = end
        }
      } catch let error as DiagnosticError {
        throw error
      } catch {
        throw StoreFailure.unreadable(path(.raw(task.day)), error)
      }
    }
    return pages
  }

  private func pages(
    _ hour: Int64, _ blocks: [HistoryBlock], _ series: ClosedRange<SeriesID>,
    _ range: ClosedRange<Int64>, _ natures: [SeriesID: SeriesNature]
  ) async throws -> [Page] {
    var turn = QueryGate.Turn(queries)
    var columns: [SeriesID: [HistoryPoint]] = [:]
    for block in blocks {
      await turn.giveWay()
      let found = try BlockCodec.columns(
        in: block.bytes.span, range: range, where: series.contains)
      for (id, points) in found { columns[id, default: []] += points }
    }
    var pages: [Page] = []
    for (page, ids) in Dictionary(grouping: columns.keys, by: { Int64($0 >> Self.pageBits) }) {
      await turn.giveWay()
      let content = ids.compactMap { id -> (SeriesID, RollUp)? in
        guard let nature = natures[id], let points = columns[id], !points.isEmpty else {
          return nil
        }
        return (id, RollUp(HistoryPoint.ordered(points), of: nature, tier: .minute))
      }
      guard !content.isEmpty else { continue }
      pages.append(
        Page(
          hour: hour, page: page,
          bytes: RollUpCodec.encode(
            content, tier: .minute,
            begin: RollUpTier.minute.bucket(of: hour &* RollUpTier.hour.nanoseconds))))
    }
    return pages
  }

  private func store(
    _ pages: [Page], of task: HoursToRollUp, in file: HistoryFile, isJoined: Bool
  ) async throws(DiagnosticError) {
    do {
      try step("store roll-ups")
      try await write(file, task) { db in
        let server = try RollUpRows.server(task.server, db)
        for hour in task.hours {
          try db.cachedStatement(
            sql: """
              DELETE FROM hours WHERE (hour, page, server) IN
                (SELECT hour, page, server FROM hours WHERE server = ?2 AND hour = ?1)
              """
          ).execute(arguments: [hour, server])
        }
        if isJoined {
          try db.execute(
            sql: "DELETE FROM days WHERE day = ? AND server = ?",
            arguments: [task.day.number, server])
          try db.execute(
            sql: "DELETE FROM joined WHERE day = ? AND server = ?",
            arguments: [task.day.number, server])
        }
        let insert = try db.cachedStatement(
          sql: "INSERT INTO hours (hour, page, server, bytes) VALUES (?, ?, ?, ?)")
        for page in pages.sorted(by: { ($0.hour, $0.page) < ($1.hour, $1.page) }) {
          try insert.execute(arguments: [page.hour, page.page, server, Data(page.bytes)])
        }
      }
      // Not before: until then its hours are read from samples, and what is put together does not count.
      loosen(task.server, task.day, isApart: isJoined)
    } catch {
      // Nobody knows whether it is there.
      if isJoined { beginJoining(task.server, task.day) }
      loosen(task.server, task.day)
      throw StoreFailure.diagnose(error, path: path(file))
    }
  }

  private func write(
    _ file: HistoryFile, _ task: HoursToRollUp,
    _ work: @escaping @Sendable (Database) throws -> Void
  ) async throws {
    defer { noteChange(of: task.day, of: task.server, in: file) }
    try await pool(file, creating: true)?.write(work)
  }

  /// To be called before a day's raw blocks are removed.
  func markGone(_ day: HistoryDay) async throws(DiagnosticError) {
    let file = HistoryFile.rollUps(.minute, month: day.month)
    do {
      try noteGone([day: [:]])
      // For a manager of before, and should the list be lost; with the minutes it may be lost itself.
      try await pool(file, creating: true)?.write { db in
        try db.execute(sql: "INSERT OR IGNORE INTO gone (day) VALUES (?)", arguments: [day.number])
      }
    } catch {
      guard !StoreFailure.isDamage(error) else { return noteDamage(file, error) }
      throw StoreFailure.diagnose(error, path: path(file))
    }
  }
}

/// What the files of roll-ups share.
enum RollUpRows {
  static func server(_ server: ServerID, _ db: Database) throws -> Int64 {
    let known = try Int64.fetchOne(
      db.cachedStatement(sql: "SELECT id FROM servers WHERE server = ?"), arguments: [server.text])
    if let known { return known }
    try db.execute(sql: "INSERT INTO servers (server) VALUES (?)", arguments: [server.text])
    return db.lastInsertedRowID
  }
}
