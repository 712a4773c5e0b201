import Crypto
import Foundation
import GRDB
import ManagerCore
import Protocol
import Testing

@testable import Manager

@Suite struct StoreOpeningTests {
  private func pragma(_ name: String, _ store: StateStore) async throws -> String? {
    try await store.write { db in try String.fetchOne(db, sql: "PRAGMA \(name)") }
  }

  @Test(arguments: [true, false])
  func aDatabaseThatGoesWhileItIsOpenIsNotWrittenAndACopyIsKept(_ isRemoved: Bool) async throws {
    let directory = try TemporaryDirectory()
    let store = try StateStore(directory: StateDirectory(path: directory.path))
    var write = HistoryWrite()
    write.series = [(1, Given.series("a"))]
    try await store.append(write, nanoseconds: 1)
    #expect(store.noticeGone() == nil && store.damage == nil)
    for ending in ["", "-wal", "-shm"] {
      try FileManager.default.removeItem(atPath: directory.path + "/state.sqlite" + ending)
    }
    if !isRemoved { try directory.put("state.sqlite", Array("another".utf8)) }
    write.series = [(2, Given.series("b"))]
    let refused = await refusal { [write] in try await store.append(write, nanoseconds: 2) }
    #expect(refused?.reason.hasPrefix("it was removed or replaced") == true)
    #expect(refused?.remedy.contains("state.sqlite.rescued") == true)
    #expect(store.damage == refused)
    #expect(store.noticeGone() == refused)
    try store.close()
    let other = try TemporaryDirectory()
    try other.put("state.sqlite", try directory.contents("state.sqlite.rescued"))
    let next = try StateStore(directory: StateDirectory(path: other.path))
    let series = try await next.series().map { $0.0 }
    #expect(series == [1])
    try next.close()
  }

  @Test func releasedMigrationsNeverChange() {
    let pinned = StateMigrations.all.map { step in
      let digest = SHA256.hash(data: Array(step.sql.utf8))
      return step.name + " " + Hexadecimal.text(digest).prefix(16)
    }
    #expect(
      pinned == [
        "0001-trust 3363aa2a257f5f47", "0002-documents be5d7e6e8284f05f",
        "0003-history 5e26c53f7ccd271a", "0004-lost-orders 81407952e2d55374",
        "0005-stored-ends 4ce9625f08b5b705",
      ])
  }

  @Test func theDatabaseWaitsForTheDiskAndChecksReferences() async throws {
    let directory = try TemporaryDirectory()
    let store = try StateStore(directory: StateDirectory(path: directory.path))
    #expect(try await pragma("synchronous", store) == "2")
    #expect(try await pragma("foreign_keys", store) == "1")
    #expect(try await pragma("journal_mode", store) == "wal")
    #expect(try await pragma("page_size", store) == "16384")
    #expect(try await pragma("application_id", store) == "\(StateMigrations.applicationID)")
  }

  @Test func theStateDirectoryIsClosedToOthers() throws {
    let parent = try TemporaryDirectory()
    _ = try StateDirectory(path: parent.path + "/new/")
    #expect(try parent.permissions("new") == 0o700)
    try parent.setPermissions(0o755, "new")
    _ = try StateDirectory(path: parent.path + "/new")
    #expect(try parent.permissions("new") == 0o700)
  }

  @Test func aSecondManagerIsRefusedAndToldWhoTheFirstIs() async throws {
    let directory = try TemporaryDirectory()
    let first = try StateDirectory(path: directory.path)
    let refused = await refusal { _ = try StateDirectory(path: directory.path) }
    #expect(refused?.code == "database-locked")
    #expect(refused?.reason.contains("pid \(getpid())") == true)
    withExtendedLifetime(first) {}
  }

  @Test func aDirectoryIsFreeOnceItsManagerIsGone() throws {
    let directory = try TemporaryDirectory()
    do { _ = try StateDirectory(path: directory.path) }
    _ = try StateDirectory(path: directory.path)
  }

  @Test func aDirectoryThatCanNotBeMadeIsRefused() async {
    let refused = await refusal { _ = try StateDirectory(path: "/proc/iml/state") }
    #expect(refused?.code == "state-directory-unusable")
  }

  @Test func aDatabaseThatCanNotBeOpenedIsRefused() async throws {
    let directory = try TemporaryDirectory()
    try FileManager.default.createDirectory(
      atPath: directory.path + "/state.sqlite", withIntermediateDirectories: false)
    let refused = await refusal {
      _ = try StateStore(directory: StateDirectory(path: directory.path))
    }
    #expect(refused?.code == "state-directory-unusable")
  }

  @Test func aNewerDatabaseIsRefusedAndLeftAsItIs() async throws {
    let directory = try TemporaryDirectory()
    let future = StateMigration(name: "9999-future", sql: "CREATE TABLE future (x INTEGER)")
    let steps = StateMigrations.all + [future]
    do {
      let newer = try StateStore(
        directory: StateDirectory(path: directory.path), steps: steps, patienceSeconds: 1)
      try newer.close()
    }
    let refused = await refusal {
      _ = try StateStore(directory: StateDirectory(path: directory.path))
    }
    #expect(refused?.code == "database-newer")
    #expect(refused?.reason.contains("9999-future") == true)
    _ = try StateStore(
      directory: StateDirectory(path: directory.path), steps: steps, patienceSeconds: 1)
  }

  @Test func anOlderDatabaseIsBroughtUpToDateAndKeepsItsRows() async throws {
    let directory = try TemporaryDirectory()
    let entry = AuditEntry(nanoseconds: 1, who: "a", action: "b", subject: "c")
    do {
      let older = try StateStore(
        directory: StateDirectory(path: directory.path), steps: [StateMigrations.all[0]],
        patienceSeconds: 1)
      try await older.record(entry)
      try older.close()
    }
    let store = try StateStore(directory: StateDirectory(path: directory.path))
    #expect(try await store.audit(newest: 5) == [entry])
    try await store.apply([.persistMGS(MGSRecord(id: "m", nids: []))])
  }

  @Test func garbageIsNoDatabase() async throws {
    let directory = try TemporaryDirectory()
    try directory.put("state.sqlite", Array(repeating: 0x5A, count: 50_000))
    let refused = await refusal {
      _ = try StateStore(directory: StateDirectory(path: directory.path))
    }
    #expect(refused?.code == "database-corrupt")
  }

  @Test func historyWithoutItsDatabaseIsRefused() async throws {
    let directory = try TemporaryDirectory()
    do {
      let store = try StateStore(directory: StateDirectory(path: directory.path))
      try store.close()
    }
    try FileManager.default.removeItem(atPath: directory.path + "/state.sqlite")
    // Nothing is lost with it as long as there is no history.
    try StateStore(directory: StateDirectory(path: directory.path)).close()
    try FileManager.default.removeItem(atPath: directory.path + "/state.sqlite")
    try directory.put("history/raw-2026-01-31.sqlite", [1])
    let refused = await refusal {
      _ = try StateStore(directory: StateDirectory(path: directory.path))
    }
    #expect(refused?.code == "state-directory-unusable")
    #expect(refused?.reason.contains("history/raw-2026-01-31.sqlite") == true)
    #expect(!FileManager.default.fileExists(atPath: directory.path + "/state.sqlite"))
    // SQLite takes an empty file for a new database.
    try directory.put("state.sqlite", [])
    let empty = await refusal {
      _ = try StateStore(directory: StateDirectory(path: directory.path))
    }
    #expect(empty?.code == "state-directory-unusable")
    #expect(empty?.reason.hasPrefix("it is empty, but history of it is there") == true)
    // What was in its log went with the log; a byte of it is as good as none.
    try directory.put("state.sqlite", [83])
    for _ in 1...2 {
      let hollow = await refusal {
        _ = try StateStore(directory: StateDirectory(path: directory.path))
      }
      #expect(hollow?.code == "state-directory-unusable")
      #expect(hollow?.reason.hasPrefix("it knows of no series, but history of it is") == true)
    }
  }

  /// Who opens one to read waits for somebody to write into it.
  @Test func aPipeInAFilesPlaceHoldsUpNothing() async throws {
    for name in [
      "history.files", "history/raw-2026-01-31.sqlite", "state.sqlite",
      "ca.key",
    ] {
      let directory = try TemporaryDirectory()
      try FileManager.default.createDirectory(
        atPath: directory.path + "/history", withIntermediateDirectories: true)
      #expect(mkfifo("\(directory.path)/\(name)", 0o600) == 0)
      if name == "ca.key" {
        let refused = #expect(throws: DiagnosticError.self) {
          try Authority(loadingOrCreatingIn: directory.path, nanoseconds: Given.now)
        }
        #expect(refused?.diagnostic.reason.contains("it is no regular file") == true)
      } else {
        // Whether it can do without it or not.
        try? StateStore(directory: StateDirectory(path: directory.path)).close()
      }
    }
  }

  /// Nobody else would notice; it is made anew, and a file that went before then is not missed.
  @Test func aListOfHistoryThatIsOfNoUseIsTold() async throws {
    func trouble(_ damage: (String) throws -> Void) throws -> String? {
      let directory = try TemporaryDirectory()
      do { _ = try HistoryFiles(folder: directory.path + "/history") }
      for month in 1...2 {
        try directory.put("history/raw-2026-0\(month)-01.sqlite", [])
      }
      try damage(directory.path + "/history.files")
      return try HistoryFiles(folder: directory.path + "/history").listTroubles[
        directory.path + "/history.files"]
    }
    func write(_ text: String) -> (String) throws -> Void {
      { try Data(text.utf8).write(to: URL(fileURLWithPath: $0)) }
    }
    let whole = "raw-2026-01-01.sqlite\nraw-2026-02-01.sqlite\nraw-2026-03-01.sqlite >\n"
    #expect(try trouble(write(whole)) == nil)
    #expect(
      try trouble { try FileManager.default.removeItem(atPath: $0) } == "it is not there")
    #expect(try trouble(write("x\u{1B}y\n"))?.contains("names \"x\\u{1B}y\"") == true)
    let isFolder = try trouble {
      try FileManager.default.removeItem(atPath: $0)
      try FileManager.default.createDirectory(atPath: $0, withIntermediateDirectories: false)
    }
    #expect(isFolder?.contains("regular file") == true)
    let directory = try TemporaryDirectory()
    #expect(try HistoryFiles(folder: directory.path + "/history").listTroubles.isEmpty, "a new one")
    try FileManager.default.createDirectory(
      atPath: directory.path + "/history.gone", withIntermediateDirectories: false)
    let gone = try HistoryFiles(folder: directory.path + "/history").listTroubles
    #expect(gone.keys.map { $0.hasSuffix("/history.gone") } == [true])
  }

  @Test func someoneElsesDatabaseIsRefused() async throws {
    let directory = try TemporaryDirectory()
    do {
      let queue = try DatabaseQueue(path: directory.path + "/state.sqlite")
      try await queue.write { db in try db.execute(sql: "CREATE TABLE theirs (x)") }
      try queue.close()
    }
    let refused = await refusal {
      _ = try StateStore(directory: StateDirectory(path: directory.path))
    }
    #expect(refused?.code == "database-corrupt")
    #expect(refused?.reason.contains("no database of this manager") == true)
  }

  @Test func damagedPagesAreFoundAtTheStart() async throws {
    let directory = try TemporaryDirectory()
    do {
      let store = try StateStore(directory: StateDirectory(path: directory.path))
      for number in 0..<400 {
        try await store.record(
          AuditEntry(
            nanoseconds: Int64(number), who: "somebody", action: "act",
            subject: String(repeating: "x", count: 200)))
      }
      try store.close()
    }
    var bytes = try directory.contents("state.sqlite")
    // Every page but the first: whichever holds the rows, the check must see it.
    for position in 16_384..<bytes.count where position % 16_384 < 64 { bytes[position] = 0xEE }
    try directory.put("state.sqlite", bytes)
    let refused = await refusal {
      _ = try StateStore(directory: StateDirectory(path: directory.path))
    }
    #expect(refused?.code == "database-corrupt")
  }

  @Test func damageThatIsFoundWhileItIsOpenStands() async throws {
    let directory = try TemporaryDirectory()
    let store = try StateStore(directory: StateDirectory(path: directory.path))
    try await store.write { db in
      for number in 0..<4_000 {
        try db.execute(
          sql:
            "INSERT INTO audit (at_ns, who, action, subject, outcome) VALUES (?, '', '', ?, '')",
          arguments: [number, String(repeating: "x", count: 400)])
      }
    }
    try await store.pool.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) }
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: directory.path + "/state.sqlite"))
    let size = try file.seekToEnd()
    for page in 1..<size / 16_384 {
      try file.seek(toOffset: page * 16_384)
      try file.write(contentsOf: [UInt8](repeating: 0xEE, count: 64))
    }
    try file.close()
    #expect(store.damage == nil)
    let refused = await refusal {
      _ = try await store.read { db in
        try Int.fetchOne(db, sql: "SELECT sum(length(subject)) FROM audit")
      }
    }
    #expect(refused?.code == "database-corrupt")
    #expect(store.damage == refused)
    try await store.read { _ in }
    #expect(store.damage == refused)
  }

  @Test func aDatabaseThatAnotherProgramHoldsIsRefused() async throws {
    let directory = try TemporaryDirectory()
    do {
      try StateStore(directory: StateDirectory(path: directory.path)).close()
    }
    let queue = try DatabaseQueue(path: directory.path + "/state.sqlite")
    try await queue.writeWithoutTransaction { db in
      try db.execute(sql: "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")
      try db.execute(sql: "CREATE TABLE held (x); COMMIT")
    }
    let refused = await refusal {
      _ = try StateStore(
        directory: StateDirectory(path: directory.path), steps: StateMigrations.all,
        patienceSeconds: 0.01)
    }
    #expect(refused?.code == "database-locked")
    try queue.close()
  }
}
