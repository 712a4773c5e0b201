import GRDB
import ManagerCore
import Protocol

extension StateStore {
  /// Enrolment tokens, newest first, the revoked and used ones included.
  package func enrolmentTokens() async throws(DiagnosticError) -> [EnrolmentTokenEntry] {
    try await read { db in
      try Row.fetchAll(db, sql: "SELECT * FROM enrolment_tokens ORDER BY created_ns DESC, id")
        .map(EnrolmentTokenEntry.init)
    }
  }

  package func enrolmentToken(_ id: String) async throws(DiagnosticError) -> EnrolmentTokenEntry? {
    try await read { db in try EnrolmentTokenEntry.fetch(id, db) }
  }

  /// API tokens, newest first, the revoked ones included.
  package func apiTokens() async throws(DiagnosticError) -> [APITokenEntry] {
    try await read { db in
      try Row.fetchAll(db, sql: "SELECT * FROM api_tokens ORDER BY created_ns DESC, id")
        .map(APITokenEntry.init)
    }
  }

  package func apiToken(_ id: String) async throws(DiagnosticError) -> APITokenEntry? {
    try await read { db in
      try Row.fetchOne(db, sql: "SELECT * FROM api_tokens WHERE id = ?", arguments: [id])
        .map(APITokenEntry.init)
    }
  }

  /// Writes one audit row.
  package func record(_ entry: AuditEntry) async throws(DiagnosticError) {
    try await write { db in try entry.insert(db) }
  }

  /// The newest audit rows, newest first.
  package func audit(newest limit: Int) async throws(DiagnosticError) -> [AuditEntry] {
    try await read { db in
      try Row.fetchAll(
        db, sql: "SELECT * FROM audit ORDER BY id DESC LIMIT ?", arguments: [max(0, limit)]
      ).map(AuditEntry.init)
    }
  }
}

extension EnrolmentTokenEntry {
  init(_ row: Row) throws {
    self.init(
      id: try row.decode(forColumn: "id"),
      secretDigest: [UInt8](try row.decode(DatabaseBytes.self, forColumn: "secret_sha256")),
      profile: Profile(rawValue: try row.decode(forColumn: "profile")) ?? .unrecognised,
      usesLeft: try row.decode(forColumn: "uses_left"),
      createdNanoseconds: try row.decode(forColumn: "created_ns"),
      expiresNanoseconds: try row.decode(forColumn: "expires_ns"),
      isRevoked: try row.decode(forColumn: "revoked"),
      createdBy: try row.decode(forColumn: "created_by"))
  }

  static func fetch(_ id: String, _ db: Database) throws -> EnrolmentTokenEntry? {
    try Row.fetchOne(db, sql: "SELECT * FROM enrolment_tokens WHERE id = ?", arguments: [id])
      .map(EnrolmentTokenEntry.init)
  }

  func insert(_ db: Database) throws {
    try db.execute(
      sql: """
        INSERT INTO enrolment_tokens (id, secret_sha256, profile, uses_left, created_ns, expires_ns,
          revoked, created_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        id, DatabaseBytes(secretDigest), profile.rawValue, usesLeft, createdNanoseconds,
        expiresNanoseconds, isRevoked, createdBy,
      ])
  }

  /// Takes one use, in one statement: of two that want the last use, one gets it.
  static func use(_ id: String, nanoseconds: Int64, _ db: Database) throws -> Bool {
    try db.execute(
      sql: """
        UPDATE enrolment_tokens SET uses_left = uses_left - 1
        WHERE id = ? AND uses_left > 0 AND revoked = 0 AND expires_ns > ?
        """, arguments: [id, nanoseconds])
    return db.changesCount == 1
  }

  static func revoke(_ id: String, _ db: Database) throws -> Bool {
    try db.execute(sql: "UPDATE enrolment_tokens SET revoked = 1 WHERE id = ?", arguments: [id])
    return db.changesCount == 1
  }
}

extension APITokenEntry {
  init(_ row: Row) throws {
    self.init(
      id: try row.decode(forColumn: "id"), name: try row.decode(forColumn: "name"),
      role: Role(rawValue: try row.decode(forColumn: "role")) ?? .unrecognised,
      secretDigest: [UInt8](try row.decode(DatabaseBytes.self, forColumn: "secret_sha256")),
      createdNanoseconds: try row.decode(forColumn: "created_ns"),
      expiresNanoseconds: try row.decode(forColumn: "expires_ns"),
      isRevoked: try row.decode(forColumn: "revoked"),
      createdBy: try row.decode(forColumn: "created_by"))
  }

  func insert(_ db: Database) throws {
    try db.execute(
      sql: """
        INSERT INTO api_tokens (id, name, role, secret_sha256, created_ns, expires_ns, revoked,
          created_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        id, name, role.rawValue, DatabaseBytes(secretDigest), createdNanoseconds,
        expiresNanoseconds, isRevoked, createdBy,
      ])
  }

  static func revoke(_ id: String, _ db: Database) throws -> Bool {
    try db.execute(sql: "UPDATE api_tokens SET revoked = 1 WHERE id = ?", arguments: [id])
    return db.changesCount == 1
  }
}

extension AuditEntry {
  init(_ row: Row) throws {
    self.init(
      nanoseconds: try row.decode(forColumn: "at_ns"), who: try row.decode(forColumn: "who"),
      action: try row.decode(forColumn: "action"), subject: try row.decode(forColumn: "subject"),
      outcome: try row.decode(forColumn: "outcome"))
  }

  func insert(_ db: Database) throws {
    try db.execute(
      sql: "INSERT INTO audit (at_ns, who, action, subject, outcome) VALUES (?, ?, ?, ?, ?)",
      arguments: [nanoseconds, who, action, subject, outcome])
  }
}
