import ManagerCore
import Protocol

extension Enrolment {
  /// What `iml server token create` makes without options.
  package static let defaultUses = 1
  package static let defaultTokenLifetimeSeconds: Int64 = 86_400
  /// One token for the largest site there is; not more than that, and not for ever.
  private static let usesLimit = 10_000
  private static let tokenLifetimeLimitSeconds: Int64 = 366 * 86_400

  /// Makes an enrolment token. The answer is the only place where its secret ever shows: `secret`
  /// is the whole text to paste, pin included.
  package func createToken(
    _ request: EnrolmentTokenRequest, by who: String
  ) async throws(DiagnosticError) -> EnrolmentTokenView {
    guard (1...Self.usesLimit).contains(request.uses) else {
      throw Self.outOfRange("uses", "\(request.uses)", "1 to \(Self.usesLimit)")
    }
    guard (1...Self.tokenLifetimeLimitSeconds).contains(request.lifetimeSeconds) else {
      throw Self.outOfRange("lifetime", "\(request.lifetimeSeconds) s", "1 s to 366 days")
    }
    guard request.profile != .unrecognised else {
      throw Self.outOfRange("profile", "unknown", "monitor or managed")
    }
    let now = clock().wallNanoseconds
    let secret = Secrets.secret()
    let entry = EnrolmentTokenEntry(
      id: Secrets.identifier(), secretDigest: Secrets.digest(secret), profile: request.profile,
      usesLeft: request.uses, createdNanoseconds: now,
      expiresNanoseconds: now + request.lifetimeSeconds * WallTime.second, createdBy: who)
    try await store.write { db in
      try entry.insert(db)
      try AuditEntry(
        nanoseconds: now, who: who, action: "enrolment-token.create", subject: entry.id
      ).insert(db)
    }
    let token = EnrolmentToken(
      id: entry.id, secret: secret, authorityDigest: authority.authorityDigest)
    var view = entry.view
    view.secret = token.description
    return view
  }

  package func tokens() async throws(DiagnosticError) -> [EnrolmentTokenView] {
    try await store.enrolmentTokens().map(\.view)
  }

  package func revokeToken(_ id: String, by who: String) async throws(DiagnosticError) {
    let now = clock().wallNanoseconds
    try await store.write { db in
      guard try EnrolmentTokenEntry.revoke(id, db) else {
        // Not `token-unknown`, which refuses an agent that shows one: here a name means nothing.
        throw DiagnosticError(
          .notFound, subject: "token \(id.prefix(64))", reason: "no such enrolment token",
          remedy: "iml server token list")
      }
      try AuditEntry(
        nanoseconds: now, who: who, action: "enrolment-token.revoke", subject: id
      ).insert(db)
    }
  }

  static func outOfRange(_ what: String, _ value: String, _ range: String) -> DiagnosticError {
    DiagnosticError(
      .requestMalformed, subject: what, reason: "\(value) is out of range: \(range)")
  }
}

extension EnrolmentTokenEntry {
  package var view: EnrolmentTokenView {
    EnrolmentTokenView(
      id: id, profile: profile, usesLeft: usesLeft, expiresNanoseconds: expiresNanoseconds,
      isRevoked: isRevoked, createdBy: createdBy)
  }
}
