import GRDB
import ManagerCore
import Protocol

extension StateStore {
  /// All servers that were ever enrolled, the forgotten ones included, by host name.
  package func servers() async throws(DiagnosticError) -> [ServerEntry] {
    try await read { [path] db in
      try Row.fetchAll(db, sql: "SELECT * FROM servers ORDER BY hostname, id")
        .map { try ServerEntry($0, path: path) }
    }
  }

  /// The server of this id, forgotten or not.
  package func server(_ id: ServerID) async throws(DiagnosticError) -> ServerEntry? {
    try await read { [path] db in try ServerEntry.fetch(id, db, path: path) }
  }

  /// Certificates of one server, or of all, newest first.
  package func certificates(
    of server: ServerID? = nil
  ) async throws(DiagnosticError) -> [CertificateEntry] {
    try await read { [path] db in
      try Row.fetchAll(
        db,
        sql: """
          SELECT * FROM certificates WHERE ?1 IS NULL OR server = ?1
          ORDER BY not_before_ns DESC, serial
          """, arguments: [server?.text]
      ).map { try CertificateEntry($0, path: path) }
    }
  }
}

extension ServerEntry {
  init(_ row: Row, path: String) throws {
    let text: String = try row.decode(forColumn: "id")
    guard let id = ServerID(text) else {
      throw StoreFailure.corrupt(path, "servers: \(text) is no server id")
    }
    let boot: String? = try row.decode(forColumn: "boot")
    self.init(
      id: id, hostname: try row.decode(forColumn: "hostname"),
      profile: Profile(rawValue: try row.decode(forColumn: "profile")) ?? .unrecognised,
      enrolledNanoseconds: try row.decode(forColumn: "enrolled_ns"),
      certificateSerial: try row.decode(forColumn: "certificate_serial"),
      certificateExpiresNanoseconds: try row.decode(forColumn: "certificate_expires_ns"),
      boot: boot.map(BootID.init),
      heardNanoseconds: try row.decode(forColumn: "heard_ns"),
      isForgotten: try row.decode(forColumn: "forgotten"))
  }

  static func fetch(_ id: ServerID, _ db: Database, path: String) throws -> ServerEntry? {
    try Row.fetchOne(db, sql: "SELECT * FROM servers WHERE id = ?", arguments: [id.text])
      .map { try ServerEntry($0, path: path) }
  }

  /// Inserts the server, or replaces what an earlier enrolment said of it; what was heard stays.
  func save(_ db: Database) throws {
    try db.execute(
      sql: """
        INSERT INTO servers (id, hostname, profile, enrolled_ns, certificate_serial,
          certificate_expires_ns, boot, heard_ns, forgotten)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET hostname = excluded.hostname, profile = excluded.profile,
          enrolled_ns = excluded.enrolled_ns, certificate_serial = excluded.certificate_serial,
          certificate_expires_ns = excluded.certificate_expires_ns, forgotten = excluded.forgotten
        """,
      arguments: [
        id.text, hostname, profile.rawValue, enrolledNanoseconds, certificateSerial,
        certificateExpiresNanoseconds, boot?.text, heardNanoseconds, isForgotten,
      ])
  }
}

extension CertificateEntry {
  init(_ row: Row, path: String) throws {
    let text: String = try row.decode(forColumn: "server")
    guard let server = ServerID(text) else {
      throw StoreFailure.corrupt(path, "certificates: \(text) is no server id")
    }
    self.init(
      serial: try row.decode(forColumn: "serial"), server: server,
      notBeforeNanoseconds: try row.decode(forColumn: "not_before_ns"),
      notAfterNanoseconds: try row.decode(forColumn: "not_after_ns"),
      revokedNanoseconds: try row.decode(forColumn: "revoked_ns"),
      revokedReason: try row.decode(forColumn: "revoked_reason"))
  }

  func insert(_ db: Database) throws {
    try db.execute(
      sql: """
        INSERT INTO certificates (serial, server, not_before_ns, not_after_ns, revoked_ns,
          revoked_reason) VALUES (?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        serial, server.text, notBeforeNanoseconds, notAfterNanoseconds, revokedNanoseconds,
        revokedReason,
      ])
  }

  /// Revokes what the server holds and is not revoked yet; gives the serials.
  static func revokeAll(
    of server: ServerID, nanoseconds: Int64, reason: String, _ db: Database
  ) throws -> [String] {
    try String.fetchAll(
      db,
      sql: """
        UPDATE certificates SET revoked_ns = ?, revoked_reason = ?
        WHERE server = ? AND revoked_ns IS NULL RETURNING serial
        """, arguments: [nanoseconds, reason, server.text])
  }
}
