import ManagerCore
import Protocol

/// Bearer tokens of the API: `imlapi1.ID.SECRET`.
package struct APITokens: Sendable {
  /// A holder of a valid token.
  package struct Holder: Hashable, Sendable {
    package let tokenID: String
    package let name: String
    package let role: Role
  }
  private static let prefix = "imlapi1"
  /// Ten years: a token for longer is one without an end, which may be asked for openly.
  private static let lifetimeLimitSeconds: Int64 = 3_650 * 86_400

  private let store: StateStore
  private let clock: @Sendable () -> Moment

  package init(store: StateStore, clock: @escaping @Sendable () -> Moment) {
    self.store = store
    self.clock = clock
  }

  /// Makes a token; `secret` of the answer is the whole text, shown this once.
  package func create(
    _ request: APITokenRequest, by who: String
  ) async throws(DiagnosticError) -> APITokenView {
    let isPlain = request.name.unicodeScalars.allSatisfy { scalar in
      // Neither C0 nor C1 controls nor DEL: names are printed in terminals.
      scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value)
    }
    guard isPlain, !request.name.isEmpty, request.name.utf8.count <= 100 else {
      throw Enrolment.outOfRange("name", "the name", "1 to 100 bytes without control characters")
    }
    guard request.role != .unrecognised else {
      throw Enrolment.outOfRange("role", "unknown", "viewer, operator or admin")
    }
    if let lifetime = request.lifetimeSeconds {
      guard (1...Self.lifetimeLimitSeconds).contains(lifetime) else {
        throw Enrolment.outOfRange("lifetime", "\(lifetime) s", "1 s to ten years")
      }
    }
    let now = clock().wallNanoseconds
    let secret = Secrets.secret()
    let entry = APITokenEntry(
      id: Secrets.identifier(), name: request.name, role: request.role,
      secretDigest: Secrets.digest(secret), createdNanoseconds: now,
      expiresNanoseconds: request.lifetimeSeconds.map { now + $0 * WallTime.second },
      createdBy: who)
    try await store.write { db in
      try entry.insert(db)
      try AuditEntry(
        nanoseconds: now, who: who, action: "api-token.create",
        subject: "\(entry.id) \(entry.name) \(entry.role.rawValue)"
      ).insert(db)
    }
    var view = entry.view
    view.secret = "\(Self.prefix).\(entry.id).\(secret)"
    return view
  }

  package func list() async throws(DiagnosticError) -> [APITokenView] {
    try await store.apiTokens().map(\.view)
  }

  package func revoke(_ id: String, by who: String) async throws(DiagnosticError) {
    let now = clock().wallNanoseconds
    try await store.write { db in
      guard try APITokenEntry.revoke(id, db) else {
        throw DiagnosticError(
          .notFound, subject: "token \(id.prefix(64))", reason: "no such token",
          remedy: "iml token list")
      }
      try AuditEntry(
        nanoseconds: now, who: who, action: "api-token.revoke", subject: id
      ).insert(db)
    }
  }

  /// Who holds this token; `nil` when it is unknown, wrong, expired or revoked.
  package func authenticate(_ bearer: String) async throws(DiagnosticError) -> Holder? {
    try await judge(bearer).holder
  }

  /// What a bearer's text is worth.
  package enum Verdict: Hashable, Sendable {
    case holder(Holder)
    /// Why not: for the operator's log, not for who asked. Of a token whose secret was shown it tells
    /// the id and the name.
    case refused(Diagnostic)

    package var holder: Holder? {
      if case .holder(let holder) = self { holder } else { nil }
    }
  }

  /// Whose token this is, or why it is nobody's now.
  package func judge(_ bearer: String) async throws(DiagnosticError) -> Verdict {
    let parts = bearer.split(separator: ".", omittingEmptySubsequences: false)
    guard bearer.utf8.count <= 256, parts.count == 3, parts[0] == Self.prefix else {
      return .refused(
        Diagnostic(.tokenMalformed, .warning, subject: "", reason: "it is no token of the API"))
    }
    let id = String(parts[1])
    guard let entry = try await store.apiToken(id) else {
      // The text is not repeated: people paste secrets in the wrong place.
      return .refused(
        Diagnostic(.tokenUnknown, .warning, subject: "", reason: "there is no such token"))
    }
    guard Secrets.areEqual(Secrets.digest(String(parts[2])), entry.secretDigest) else {
      return .refused(
        Diagnostic(
          .tokenUnknown, .warning, subject: id, reason: "the secret is not that of this token"))
    }
    let subject = "\(entry.id) (\(entry.name))"
    if entry.isRevoked {
      return .refused(
        Diagnostic(.tokenRevoked, .warning, subject: subject, reason: "the token was revoked"))
    }
    if let end = entry.expiresNanoseconds, end <= clock().wallNanoseconds {
      let age = Int64((Double(clock().wallNanoseconds) - Double(end)) / 1e9)
      return .refused(
        Diagnostic(
          .tokenExpired, .warning, subject: subject, reason: "the token expired \(age) s ago"))
    }
    guard entry.role != .unrecognised else {
      return .refused(
        Diagnostic(
          .forbidden, .warning, subject: subject,
          reason: "its role is one that this version does not know"))
    }
    return .holder(Holder(tokenID: entry.id, name: entry.name, role: entry.role))
  }
}

extension APITokenEntry {
  package var view: APITokenView {
    APITokenView(
      id: id, name: name, role: role, expiresNanoseconds: expiresNanoseconds, isRevoked: isRevoked)
  }
}
