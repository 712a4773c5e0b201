import GRDB
import ManagerCore
import Protocol

extension Enrolment {
  /// A new certificate over the session of a server whose certificate is valid, or expired within
  /// the grace. `serial` is that of the certificate the session was made with.
  package func renew(
    _ server: ServerID, serial: String, request: String
  ) async throws(DiagnosticError) -> (certificate: String, authority: String) {
    guard renewals.take(server, clock().monotonicNanoseconds) else {
      throw DiagnosticError(
        .rateLimited, subject: server.text,
        reason: "its certificate was renewed again and again within minutes",
        remedy: "An agent renews by itself, once a minute at most. See that it can write its state"
          + " directory; if another program uses its certificate, revoke it: iml server revoke NAME"
      )
    }
    let key = try SigningRequest(pem: request)
    let now = clock().wallNanoseconds
    let issued = try authority.issue(
      server: server, request: key, lifetimeNanoseconds: lifetimeNanoseconds, nanoseconds: now)
    try await store.write { [path = store.path] db in
      guard let known = try ServerEntry.fetch(server, db, path: path), !known.isForgotten else {
        throw DiagnosticError(
          .serverForgotten, subject: server.text, reason: "the server is not enrolled any more",
          remedy: "Enrol it anew with a token.")
      }
      // Asked here again: it may have been revoked since the handshake.
      let isRevoked =
        try Bool.fetchOne(
          db,
          sql: """
            SELECT EXISTS (SELECT 1 FROM certificates WHERE serial = ? AND revoked_ns IS NOT NULL)
            """, arguments: [serial]) ?? true
      guard !isRevoked else {
        throw DiagnosticError(
          .certificateRevoked, subject: known.hostname,
          reason: "its certificate \(serial) was revoked", remedy: "Enrol it anew with a token.")
      }
      try CertificateEntry(issued, of: server).insert(db)
      try db.execute(
        sql: "UPDATE servers SET certificate_serial = ?, certificate_expires_ns = ? WHERE id = ?",
        arguments: [issued.serial, issued.notAfterNanoseconds, server.text])
      try AuditEntry(
        nanoseconds: now, who: "server \(known.hostname)", action: "certificate.renew",
        subject: "\(known.hostname) \(server)"
      ).insert(db)
    }
    return (issued.pem, authority.certificatePEM)
  }

  /// Revokes a server's certificates; its session is cut. It stays known, and comes back with its
  /// identity when it is enrolled anew.
  package func revoke(_ server: ServerID, by who: String) async throws(DiagnosticError) {
    try await revoke(server, by: who, forgets: false)
  }

  /// Revokes a server's certificates and forgets it.
  package func forget(_ server: ServerID, by who: String) async throws(DiagnosticError) {
    try await revoke(server, by: who, forgets: true)
  }

  private func revoke(
    _ server: ServerID, by who: String, forgets: Bool
  ) async throws(DiagnosticError) {
    let now = clock().wallNanoseconds
    let (hostname, serials) = try await store.write { [path = store.path] db in
      guard let known = try ServerEntry.fetch(server, db, path: path) else {
        throw DiagnosticError(
          .notFound, subject: server.text, reason: "no such server is enrolled")
      }
      let serials = try CertificateEntry.revokeAll(
        of: server, nanoseconds: now, reason: forgets ? "forgotten by \(who)" : "revoked by \(who)",
        db)
      if forgets {
        try db.execute(
          sql: "UPDATE servers SET forgotten = 1 WHERE id = ?", arguments: [server.text])
      }
      try AuditEntry(
        nanoseconds: now, who: who, action: forgets ? "server.forget" : "server.revoke",
        subject: "\(known.hostname) \(server)"
      ).insert(db)
      return (known.hostname, serials)
    }
    let diagnostic =
      forgets
      ? Diagnostic(
        .serverForgotten, subject: hostname, reason: "the server was forgotten by \(who)",
        remedy: "Enrol it anew with a token.")
      : Diagnostic(
        .certificateRevoked, subject: hostname, reason: "its certificate was revoked by \(who)",
        remedy: "Enrol it anew with a token.")
    registry.revoked(
      TrustRegistry.Revocation(server: server, serials: Set(serials), diagnostic: diagnostic),
      forgets: forgets)
  }
}
