import Crypto
import FoundationEssentials
import NIOCore
import NIOSSL
import Protocol
import SwiftASN1
import Synchronization
import X509

/// Whether the other end of a TLS connection is our manager. Its names do not matter (sites move);
/// its certificate must come from the site's CA and be made for a manager.
package enum ManagerTrust {
  package static let managerURI = "urn:iml:manager"

  /// What makes a chain trustworthy.
  package enum Anchor: Sendable {
    case authority(Certificate)
    /// Lower-case hexadecimal SHA-256 of the CA certificate's DER; the chain must hold it.
    case digest(String)
  }

  /// The complaint, or `nil` with the CA that vouches.
  package static func judge(chain: [NIOSSLCertificate], anchor: Anchor) async -> Result<
    Certificate, DiagnosticError
  > {
    let certificates: [Certificate]
    do {
      certificates = try chain.prefix(8).map { try Certificate(derEncoded: $0.toDERBytes()) }
    } catch {
      return .failure(unproven("its certificate can not be read"))
    }
    guard let leaf = certificates.first else {
      return .failure(unproven("it shows no certificate"))
    }
    let authority: Certificate
    switch anchor {
    case .authority(let known): authority = known
    case .digest(let digest):
      guard let match = certificates.first(where: { Self.digest(of: $0) == digest }) else {
        return .failure(
          unproven(
            "none of its certificates is the CA that the token names",
            remedy:
              "Check that HOST:PORT is the manager that made the token, and that nothing stands between."
          ))
      }
      authority = match
    }
    var verifier = Verifier(rootCertificates: CertificateStore([authority])) { RFC5280Policy() }
    let result = await verifier.validate(
      leaf: leaf, intermediates: CertificateStore(certificates.dropFirst()))
    guard case .validCertificate = result else { return .failure(reason(leaf)) }
    guard isManager(leaf) else {
      return .failure(unproven("its certificate was not made for a manager"))
    }
    return .success(authority)
  }

  private static func isManager(_ leaf: Certificate) -> Bool {
    guard let usage = try? leaf.extensions.extendedKeyUsage, usage.contains(.serverAuth),
      let names = try? leaf.extensions.subjectAlternativeNames
    else { return false }
    return names.contains(.uniformResourceIdentifier(managerURI))
  }

  private static func reason(_ leaf: Certificate) -> DiagnosticError {
    let now = Date()
    if now < leaf.notValidBefore {
      return DiagnosticError(
        .managerUnproven, subject: "manager",
        reason:
          "its certificate becomes valid in \(Int(leaf.notValidBefore.timeIntervalSince(now))) s by this server's clock",
        remedy: "Compare the clocks of this server and the manager.")
    }
    if now > leaf.notValidAfter {
      return DiagnosticError(
        .managerUnproven, subject: "manager",
        reason:
          "its certificate expired \(Int(now.timeIntervalSince(leaf.notValidAfter))) s ago by this server's clock",
        remedy: "Compare the clocks of this server and the manager.")
    }
    return unproven(
      "its certificate does not come from the CA that this agent was enrolled with",
      remedy: "If the manager was set up anew, enrol this agent again.")
  }

  private static func unproven(_ reason: String, remedy: String = "") -> DiagnosticError {
    DiagnosticError(.managerUnproven, subject: "manager", reason: reason, remedy: remedy)
  }

  package static func digest(of certificate: Certificate) -> String {
    var serializer = DER.Serializer()
    guard (try? serializer.serialize(certificate)) != nil else { return "" }
    return SHA256.hash(data: serializer.serializedBytes).map { byte in
      let text = String(byte, radix: 16)
      return text.utf8.count == 1 ? "0" + text : text
    }.joined()
  }
}

/// What the verification of one connection said, for the error that follows it.
package final class Verdict: Sendable {
  private let state = Mutex<Result<Certificate, DiagnosticError>?>(nil)
  package init() {}
  package var result: Result<Certificate, DiagnosticError>? { state.withLock { $0 } }
  package var complaint: DiagnosticError? {
    if case .failure(let error)? = result { error } else { nil }
  }

  /// The callback for `NIOSSLClientHandler`: it replaces BoringSSL's own check.
  package func callback(_ anchor: ManagerTrust.Anchor) -> NIOSSLCustomVerificationCallback {
    { chain, promise in
      promise.completeWithTask {
        let result = await ManagerTrust.judge(chain: chain, anchor: anchor)
        self.state.withLock { $0 = result }
        return if case .success = result { .certificateVerified } else { .failed }
      }
    }
  }
}
