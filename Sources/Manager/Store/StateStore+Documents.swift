import GRDB
import Protocol

/// What is kept as a JSON document, by its own id. The text never changes.
package enum DocumentKind: String, Sendable, CaseIterable {
  case server, target, mgs
  /// What a server's agent last said.
  case memory
  /// Where the manager's clock was set back while a server sampled.
  case timeline
  /// When the manager's clock was set back; one document.
  case repeatedTimes
}

extension StateStore {
  /// All documents of one kind. One that can not be decoded is damage, and is said to be.
  package func documents<Value: Decodable & Sendable>(
    _ kind: DocumentKind, as type: Value.Type
  ) async throws(DiagnosticError) -> [String: Value] {
    try await read { [path] db in
      var found: [String: Value] = [:]
      let rows = try Row.fetchCursor(
        db, sql: "SELECT id, json FROM documents WHERE kind = ?", arguments: [kind.rawValue])
      while let row = try rows.next() {
        let id: String = try row.decode(forColumn: "id")
        let json: String = try row.decode(forColumn: "json")
        do {
          found[id] = try CanonicalJSON.decode(type, from: Array(json.utf8))
        } catch {
          throw StoreFailure.corrupt(path, "\(kind.rawValue) \(id): \(error)")
        }
      }
      return found
    }
  }

  static func put(
    _ kind: DocumentKind, _ id: String, _ value: some Encodable, _ db: Database
  ) throws {
    let json = String(decoding: try CanonicalJSON.encode(value), as: UTF8.self)
    try db.execute(
      sql: """
        INSERT INTO documents (kind, id, json) VALUES (?, ?, ?)
        ON CONFLICT (kind, id) DO UPDATE SET json = excluded.json
        """, arguments: [kind.rawValue, id, json])
  }
}
