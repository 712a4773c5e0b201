import Foundation
import GRDB
import ManagerCore
import Protocol
import Testing

@testable import Manager

/// A bit of a page that turned: SQLite then gives a value of another type, or one that no manager wrote,
/// and says nothing.
extension HistoryDamageTests {
  struct Column: CustomTestStringConvertible, Sendable {
    var file: String
    var table: String
    var name: String
    /// What is rolled up has no dirty hours any more.
    var isRolledUp: Bool
    var testDescription: String { "\(file).\(table).\(name)" }
  }

  private static func columns(
    _ file: String, _ tables: [String: [String]], isRolledUp: Bool = true
  ) -> [Column] {
    tables.sorted { $0.key < $1.key }.flatMap { table, names in
      names.map { Column(file: file, table: table, name: $0, isRolledUp: isRolledUp) }
    }
  }

  static let columns =
    columns(
      "raw-2026-11-23",
      [
        "blocks": [
          "stream", "from_ns", "through_ns", "first_order", "last_order", "samples", "bytes",
        ],
        "streams": ["server", "boot", "incarnation"],
      ])
    + columns("raw-2026-11-23", ["dirty": ["server", "hour", "stamp"]], isRolledUp: false)
    + columns("1m-2026-11", ["hours": ["hour", "page", "server", "bytes"], "servers": ["server"]])
    + columns("1h-2026-11", ["days": ["day", "series", "server", "bytes"], "servers": ["server"]])

  private static let values = ["NULL", "x'00'", "'odd'", "1e300", "\(Int64.max)", "\(Int64.min)"]

  /// Writes a value that the column's type does not allow.
  private func put(_ value: String, into column: Column, of directory: TemporaryDirectory) throws {
    let path = "\(directory.path)/history/\(column.file).sqlite"
    var configuration = Configuration()
    configuration.prepareDatabase { db in
      try db.execute(sql: "PRAGMA writable_schema = 1; PRAGMA foreign_keys = 0")
    }
    func change(_ body: (Database) throws -> Void) throws {
      let queue = try DatabaseQueue(path: path, configuration: configuration)
      try queue.writeWithoutTransaction(body)
      try queue.close()
    }
    let find = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?"
    let say = "UPDATE sqlite_schema SET sql = ? WHERE type = 'table' AND name = ?"
    var schema = ""
    try change { db in
      schema = try #require(try String.fetchOne(db, sql: find, arguments: [column.table]))
      let lax = [(" NOT NULL", ""), ("STRICT, WITHOUT", "WITHOUT"), (") STRICT", ")")]
        .reduce(schema) { $0.replacing($1.0, with: $1.1) }
      try db.execute(sql: say, arguments: [lax, column.table])
    }
    // Not where a key forbids it: one row then bears it.
    try change { db in
      try db.execute(sql: "UPDATE OR IGNORE \(column.table) SET \(column.name) = \(value)")
    }
    try change { db in try db.execute(sql: say, arguments: [schema, column.table]) }
  }

  /// Whatever a store is for, one after the other. Each answers or says what is wrong.
  private func useAll(_ directory: TemporaryDirectory) async {
    do throws(DiagnosticError) {
      let store = try StateStore(
        directory: StateDirectory(path: directory.path), clock: Given.clock)
      for tier in [nil] + RollUpTier.allCases { _ = try? await samples(store, tier: tier) }
      _ = try? await store.lastBatches()
      _ = try? await store.storedOrders(of: Given.stream(1))
      try? await rollUp(store)
      var write = HistoryWrite()
      write.blocks = Self.blocks()
      _ = try? await store.append(write, nanoseconds: 2)
      try? await rollUp(store)
      try store.close()
    } catch {
      #expect(error.diagnostic.code == DiagnosticCode.databaseCorrupt.rawValue, "\(error)")
    }
  }

  @Test func ordersOfAnotherTypeAreDamageThatIsTold() async throws {
    let directory = try TemporaryDirectory()
    try await filled(directory)
    let column = Column(
      file: "raw-2026-11-23", table: "blocks", name: "first_order", isRolledUp: true)
    try put("x'00'", into: column, of: directory)
    let store = try StateStore(directory: StateDirectory(path: directory.path), clock: Given.clock)
    let left = try await store.storedOrders(of: Given.stream(1))
    #expect(left.contains(1_439) && !left.contains(1_500) && left.contains(2_881))
    #expect(store.history.missing.map(\.keptAs) == ["raw-2026-11-23.sqlite.damaged"])
    try store.close()
  }

  @Test(arguments: columns) func aRowThatNoManagerWroteEndsNothing(column: Column) async throws {
    let whole = try TemporaryDirectory()
    try await filled(whole, rolledUp: column.isRolledUp)
    for value in Self.values {
      let directory = try TemporaryDirectory()
      try FileManager.default.removeItem(atPath: directory.path)
      try FileManager.default.copyItem(atPath: whole.path, toPath: directory.path)
      try put(value, into: column, of: directory)
      await useAll(directory)
      await useAll(directory)
    }
  }
}
