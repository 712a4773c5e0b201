import Crypto
import Protocol
import SwiftASN1
import X509

/// A checked certificate signing request. Of all that a request says only its key is taken.
struct SigningRequest: Sendable {
  let publicKey: Certificate.PublicKey

  /// A request with one name and an EC key is about 600 bytes; nobody needs ten times that.
  static let limit = 16_384

  /// Takes PEM. The request must be signed by its own key, on P-256, P-384 or Ed25519.
  init(pem: String) throws(DiagnosticError) {
    guard pem.utf8.count <= Self.limit else {
      throw Self.malformed("it is longer than \(Self.limit) bytes")
    }
    let request: CertificateSigningRequest
    do {
      request = try CertificateSigningRequest(pemEncoded: pem)
    } catch {
      throw Self.malformed("it is no PEM of a PKCS#10 request")
    }
    let key = request.publicKey
    guard
      P256.Signing.PublicKey(key) != nil || P384.Signing.PublicKey(key) != nil
        || Curve25519.Signing.PublicKey(key) != nil
    else { throw Self.malformed("its key is none of P-256, P-384 and Ed25519") }
    guard key.isValidSignature(request.signature, for: request) else {
      throw Self.malformed("its signature is not made by its own key")
    }
    publicKey = key
  }

  private static func malformed(_ reason: String) -> DiagnosticError {
    DiagnosticError(
      .requestMalformed, subject: "certificate request", reason: reason,
      remedy: "Make the request with iml-agent enroll.")
  }
}
