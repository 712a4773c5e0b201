import FoundationEssentials
import GRDB
import ManagerCore
import Protocol
import Synchronization

/// How servers come to their certificates, keep them, and lose them.
package struct Enrolment: Sendable {
  /// Of the agents' certificates; they renew when a third of it is left.
  package static let defaultLifetimeNanoseconds = 30 * WallTime.day

  let store: StateStore
  let authority: Authority
  let registry: TrustRegistry
  let clock: @Sendable () -> Moment
  private let gate: Gate
  let renewals: RenewalGate
  private let agentPort: @Sendable () -> Int
  let lifetimeNanoseconds: Int64
  private let isConnected: @Sendable (ServerID) async -> Bool

  /// `agentPort` is what agents are told to dial; `isConnected` tells whether a session of a server
  /// lives right now: its identity is then given to nobody else.
  package init(
    store: StateStore, authority: Authority, registry: TrustRegistry,
    clock: @escaping @Sendable () -> Moment, agentPort: @escaping @Sendable () -> Int,
    lifetimeNanoseconds: Int64 = Enrolment.defaultLifetimeNanoseconds,
    isConnected: @escaping @Sendable (ServerID) async -> Bool = { _ in false }
  ) {
    self.store = store
    self.authority = authority
    self.registry = registry
    self.clock = clock
    self.agentPort = agentPort
    self.lifetimeNanoseconds = lifetimeNanoseconds
    self.isConnected = isConnected
    gate = Gate()
    renewals = RenewalGate(lifetimeNanoseconds)
  }

  /// Within how many seconds of its end a certificate is to be renewed: a third of its life.
  package var renewWithinSeconds: Int64 { lifetimeNanoseconds / WallTime.second / 3 }

  /// Answers `POST /api/v1/enrol`. The token's use, the server, its certificate and the audit row
  /// are on disk, in one transaction, before the answer leaves.
  package func enrol(
    _ request: EnrolmentRequest, from address: String
  ) async throws(DiagnosticError) -> EnrolmentAnswer {
    // Who has a good token is no guesser, and does not wait for those that share the address.
    let isCounted = gate.take(address, clock().monotonicNanoseconds)
    let isAdmitted = if isCounted { true } else { await holdsGoodToken(request) }
    guard isAdmitted else {
      throw DiagnosticError(
        .rateLimited, subject: address, reason: "too many attempts to enrol",
        remedy: "Try again in a minute, with a token that is valid.")
    }
    do {
      let answer = try await admit(request, from: address)
      if isCounted { gate.giveBack(address) }
      return answer
    } catch  where Self.strangers.contains(error.diagnostic.code) {
      // Anybody can make these; the log has them, as many as it takes.
      throw error
    } catch {
      // A failed audit write must not hide why the agent was refused.
      _ = try? await store.record(
        AuditEntry(
          nanoseconds: clock().wallNanoseconds, who: address, action: "enrol",
          subject: String(request.hostname.prefix(255)), outcome: error.diagnostic.code))
      throw error
    }
  }

  private static let strangers: Set<String> = [
    DiagnosticCode.requestMalformed.rawValue, DiagnosticCode.tokenMalformed.rawValue,
    DiagnosticCode.tokenUnknown.rawValue,
  ]

  private func holdsGoodToken(_ request: EnrolmentRequest) async -> Bool {
    guard let token = EnrolmentToken(request.token) else { return false }
    return (try? await checked(token, nanoseconds: clock().wallNanoseconds)) != nil
  }

  private func admit(
    _ request: EnrolmentRequest, from address: String
  ) async throws(DiagnosticError) -> EnrolmentAnswer {
    try Self.check(hostname: request.hostname)
    guard let token = EnrolmentToken(request.token) else {
      throw DiagnosticError(
        .tokenMalformed, subject: request.hostname, reason: "what was sent is no enrolment token",
        remedy: "Paste the whole token that iml server token create printed.")
    }
    let now = clock().wallNanoseconds
    let entry = try await checked(token, nanoseconds: now)
    let key = try SigningRequest(pem: request.certificateRequest)
    let server = try await identity(for: request, nanoseconds: now)
    let issued = try authority.issue(
      server: server, request: key, lifetimeNanoseconds: lifetimeNanoseconds, nanoseconds: now)
    let superseded = try await persist(
      ServerEntry(
        id: server, hostname: request.hostname, profile: entry.profile, enrolledNanoseconds: now,
        certificateSerial: issued.serial,
        certificateExpiresNanoseconds: issued.notAfterNanoseconds),
      issued, token: entry.id, address: address, nanoseconds: now)
    registry.enrolled(server)
    if !superseded.isEmpty {
      registry.revoked(
        TrustRegistry.Revocation(
          server: server, serials: Set(superseded),
          diagnostic: Diagnostic(
            .certificateRevoked, subject: request.hostname, reason: "the server was enrolled anew")),
        forgets: false)
    }
    return EnrolmentAnswer(
      server: server, certificate: issued.pem, authority: authority.certificatePEM,
      profile: entry.profile.rawValue, agentPort: agentPort())
  }

  private func persist(
    _ server: ServerEntry, _ issued: Authority.Issued, token: String, address: String,
    nanoseconds: Int64
  ) async throws(DiagnosticError) -> [String] {
    try await store.write { db in
      guard try EnrolmentTokenEntry.use(token, nanoseconds: nanoseconds, db) else {
        // It was good a moment ago: another request was faster, or it ran out or was revoked.
        let now = try EnrolmentTokenEntry.fetch(token, db)
        throw now.flatMap { Self.fault(of: $0, nanoseconds: nanoseconds) }
          ?? Self.unknownToken(token)
      }
      let superseded = try CertificateEntry.revokeAll(
        of: server.id, nanoseconds: nanoseconds, reason: "enrolled anew", db)
      try server.save(db)
      try CertificateEntry(issued, of: server.id).insert(db)
      try AuditEntry(
        nanoseconds: nanoseconds, who: "token \(token) from \(address)", action: "enrol",
        subject: "\(server.hostname) \(server.id)"
      ).insert(db)
      return superseded
    }
  }

  /// The token's record, when the secret is right and the token good. Whoever has not the secret
  /// learns nothing of the token: a wrong id and a wrong secret look alike.
  private func checked(
    _ token: EnrolmentToken, nanoseconds: Int64
  ) async throws(DiagnosticError) -> EnrolmentTokenEntry {
    let entry = try await store.enrolmentToken(token.id)
    let presented = Secrets.digest(token.secret)
    let expected = entry?.secretDigest ?? [UInt8](repeating: 0, count: presented.count)
    guard Secrets.areEqual(presented, expected), let entry else {
      throw Self.unknownToken(token.id)
    }
    if let fault = Self.fault(of: entry, nanoseconds: nanoseconds) { throw fault }
    guard token.authorityDigest == authority.authorityDigest else {
      throw DiagnosticError(
        .tokenMalformed, subject: "token \(token.id)",
        reason: "its pin is not that of this manager's authority",
        remedy: "Paste the whole token that iml server token create printed.")
    }
    return entry
  }

  /// Which identity the server gets: a new one, or the one it had, if nobody else can hold it.
  private func identity(
    for request: EnrolmentRequest, nanoseconds: Int64
  ) async throws(DiagnosticError) -> ServerID {
    guard let previous = request.previousServer,
      let known = try await store.server(previous)
    else { return ServerID(uuid: UUID()) }
    let live = try await store.certificates(of: previous).contains { certificate in
      certificate.revokedNanoseconds == nil && certificate.notAfterNanoseconds >= nanoseconds
    }
    if live && known.hostname != request.hostname {
      throw DiagnosticError(
        .alreadyEnrolled, subject: request.hostname,
        reason: "the identity it asks for belongs to \(known.hostname), whose certificate is valid",
        remedy: "If \(known.hostname) is gone, run: iml server forget \(known.hostname)")
    }
    if await isConnected(previous) {
      throw DiagnosticError(
        .alreadyEnrolled, subject: request.hostname,
        reason: "the identity it asks for is connected right now",
        remedy: "Stop that agent, or run: iml server forget \(known.hostname)")
    }
    return previous
  }

  /// A host name of RFC 1123: it is printed in terminals and logs, so nothing else gets in.
  private static func check(hostname: String) throws(DiagnosticError) {
    let isPlain = hostname.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"):
        true
      default: false
      }
    }
    guard isPlain, !hostname.isEmpty, hostname.utf8.count <= 253 else {
      throw DiagnosticError(
        .requestMalformed, subject: "enrolment", reason: "the host name is none",
        remedy: "Give the server a host name of letters, digits, dots and dashes.")
    }
  }
}

extension Enrolment {
  static func unknownToken(_ id: String) -> DiagnosticError {
    DiagnosticError(
      .tokenUnknown, subject: "token \(id.prefix(64))",
      reason: "this manager has no such enrolment token",
      remedy: "Make one with: iml server token create")
  }

  /// Why a token does not admit anybody now; `nil` when it does.
  static func fault(of token: EnrolmentTokenEntry, nanoseconds: Int64) -> DiagnosticError? {
    let (code, reason): (DiagnosticCode, String)
    if token.isRevoked {
      (code, reason) = (.tokenRevoked, "the token was revoked")
    } else if token.usesLeft <= 0 {
      (code, reason) = (.tokenUsedUp, "the token was used as often as it may be")
    } else if token.expiresNanoseconds <= nanoseconds {
      (code, reason) = (
        .tokenExpired, "the token expired at \(WallTime.text(token.expiresNanoseconds))"
      )
    } else {
      return nil
    }
    return DiagnosticError(
      code, subject: "token \(token.id)", reason: reason,
      remedy: "Make another with: iml server token create")
  }
}

extension CertificateEntry {
  init(_ issued: Authority.Issued, of server: ServerID) {
    self.init(
      serial: issued.serial, server: server, notBeforeNanoseconds: issued.notBeforeNanoseconds,
      notAfterNanoseconds: issued.notAfterNanoseconds)
  }
}

/// How fast certificates are renewed; not in the store either.
final class RenewalGate: Sendable {
  private let rate: Mutex<RenewalRate>
  init(_ lifetimeNanoseconds: Int64) {
    rate = Mutex(RenewalRate(lifetimeNanoseconds: lifetimeNanoseconds))
  }
  func take(_ server: ServerID, _ now: Int64) -> Bool {
    rate.withLock { $0.take(server, now: now) }
  }
}

/// The one piece of state of enrolment that is not in the store, but for the rate of renewals.
private final class Gate: Sendable {
  private let rate = Mutex(EnrolmentRate())
  func take(_ address: String, _ now: Int64) -> Bool {
    rate.withLock { $0.take(address, now: now) }
  }
  func giveBack(_ address: String) { rate.withLock { $0.giveBack(address) } }
}
