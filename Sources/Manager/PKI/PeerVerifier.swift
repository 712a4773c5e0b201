import FoundationEssentials
import Protocol
import SwiftASN1
@_spi(FixedExpiryValidationTime) import X509

/// What the manager makes of a certificate chain that an agent presents.
package enum PeerVerdict: Sendable, Hashable {
  case accepted(ServerID, serial: String)
  /// Expired, but within the grace: this session may do one thing, renew.
  case graceRenewal(ServerID, serial: String)
  case refused(Diagnostic)
}

/// Judges what agents present. It stands in for all of BoringSSL's checks: chain, dates, use, name,
/// revocation, and whether the server is enrolled.
package struct PeerVerifier: Sendable {
  /// A site that was off for a quarter comes back without a hand on its servers.
  package static let defaultGraceNanoseconds = 90 * WallTime.day
  /// One leaf, and perhaps the authority behind it.
  private static let chainLimit = 4

  private let authority: Authority
  private let registry: TrustRegistry
  private let graceNanoseconds: Int64

  package init(
    authority: Authority, registry: TrustRegistry,
    graceNanoseconds: Int64 = PeerVerifier.defaultGraceNanoseconds
  ) {
    self.authority = authority
    self.registry = registry
    self.graceNanoseconds = graceNanoseconds
  }

  /// `chain` is DER, the peer's own certificate first; `nanoseconds` the manager's wall clock.
  package func judge(chain: [[UInt8]], nanoseconds: Int64) async -> PeerVerdict {
    guard let first = chain.first else {
      return refuse(
        .certificateMissing, "a peer", "it presented no certificate",
        "Enrol the server with iml-agent enroll.")
    }
    guard chain.count <= Self.chainLimit else {
      return refuse(.certificateForeign, "a peer", "its chain has \(chain.count) certificates", "")
    }
    guard let leaf = try? Certificate(derEncoded: first) else {
      return refuse(
        .certificateForeign, "a peer", "its certificate can not be read",
        "Enrol the server with this manager.")
    }
    if let reason = await foreignness(of: leaf, nanoseconds: nanoseconds) {
      return refuse(
        .certificateForeign, name(leaf), reason, "Enrol the server with this manager.")
    }
    guard CertificateNames.allows(.clientAuth, leaf) else {
      return refuse(
        .certificateWrongUse, name(leaf), "its certificate is not for clients",
        "Use the certificate that iml-agent enroll wrote.")
    }
    guard let server = CertificateNames.server(leaf) else {
      return refuse(
        .certificateForeign, name(leaf), "its certificate names no server",
        "Enrol the server with this manager.")
    }
    return judge(leaf, of: server, nanoseconds: nanoseconds)
  }

  /// Why the chain is not ours; `nil` when it is. Dates are judged apart, so the chain is checked at
  /// the moment within the leaf's life that is nearest to now.
  private func foreignness(of leaf: Certificate, nanoseconds: Int64) async -> String? {
    guard leaf.notValidBefore <= leaf.notValidAfter else {
      return "its certificate ends before it begins"
    }
    guard leaf != authority.certificate else {
      return "it presented the authority's own certificate"
    }
    let now = WallTime.date(nanoseconds)
    let moment = min(max(now, leaf.notValidBefore), leaf.notValidAfter)
    var verifier = Verifier(rootCertificates: CertificateStore([authority.certificate])) {
      RFC5280Policy(fixedExpiryValidationTime: moment)
    }
    switch await verifier.validate(leaf: leaf, intermediates: CertificateStore([])) {
    case .validCertificate: return nil
    case .couldNotValidate(let failures):
      // With failures the signature was right and a rule was broken; without, another signed it.
      return failures.isEmpty
        ? "its certificate is not signed by this manager's authority"
        : "its certificate breaks a rule of X.509"
    }
  }

  private func judge(
    _ leaf: Certificate, of server: ServerID, nanoseconds: Int64
  ) -> PeerVerdict {
    let serial = CertificateNames.serial(leaf)
    if let diagnostic = registry.distrust(of: server, serial: serial) {
      return .refused(diagnostic)
    }
    guard let begin = WallTime.nanoseconds(leaf.notValidBefore),
      let end = WallTime.nanoseconds(leaf.notValidAfter)
    else {
      return refuse(.certificateForeign, server.text, "its certificate's dates are absurd", "")
    }
    if nanoseconds < begin {
      return refuse(
        .certificateNotYetValid, server.text,
        "its certificate begins at \(WallTime.text(begin)), but this manager's clock says "
          + "\(WallTime.text(nanoseconds)): \(WallTime.span(begin - nanoseconds)) too early",
        "Set the manager's clock right; it was ahead when the certificate was made, or is behind now."
      )
    }
    // A certificate is good through the last second it names.
    if nanoseconds < end + WallTime.second { return .accepted(server, serial: serial) }
    if nanoseconds - end <= graceNanoseconds { return .graceRenewal(server, serial: serial) }
    return refuse(
      .certificateExpired, server.text,
      "its certificate expired at \(WallTime.text(end)), \(WallTime.span(nanoseconds - end)) ago; "
        + "the grace is \(WallTime.span(graceNanoseconds))",
      "Enrol it anew with a token.")
  }

  private func name(_ leaf: Certificate) -> String {
    String(leaf.subject.description.prefix(200))
  }

  private func refuse(
    _ code: DiagnosticCode, _ subject: String, _ reason: String, _ remedy: String
  ) -> PeerVerdict {
    .refused(Diagnostic(code, subject: subject, reason: reason, remedy: remedy))
  }
}
