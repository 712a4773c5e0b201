import Crypto
import FoundationEssentials
import Glibc
import Platform
import Protocol
import SwiftASN1
import X509

/// The manager's own certificate authority: one P-256 key, made at the first start, kept for its
/// ten years. It signs leaves only (path length 0): no intermediate is ever valid.
package struct Authority: Sendable {
  /// A site outlives its hardware; replacing the authority means enrolling every server anew.
  static let lifetime = 3_650 * WallTime.day
  /// Servers whose clock is two days behind accept a new certificate at once: a wrong clock is told,
  /// and does not keep a server from being heard.
  static let backdating = 2 * WallTime.day

  /// PEM of the authority's certificate.
  package let certificatePEM: String
  package let certificateDER: [UInt8]
  /// The pin that enrolment tokens carry: SHA-256 of the certificate's DER, lower-case hexadecimal.
  package let authorityDigest: String
  package var subject: String { certificate.subject.description }
  let certificate: Certificate
  private let key: Certificate.PrivateKey

  /// Loads `ca.key` and `ca.pem` from the state directory, or makes them. A key or certificate that
  /// is damaged, or a certificate without its key, is refused: a new authority would lock every
  /// server out. So is one that is gone, when it has signed certificates.
  ///
  /// - Parameter hasSigned: certificates that servers hold are its.
  package init(
    loadingOrCreatingIn directory: String, hasSigned: Bool = false, nanoseconds: Int64
  ) throws(DiagnosticError) {
    let keyPath = directory + "/ca.key"
    let certificatePath = directory + "/ca.pem"
    let storedKey = try Self.read(keyPath)
    let storedCertificate = try Self.read(certificatePath)
    guard storedKey != nil || storedCertificate == nil else {
      throw Self.unusable(keyPath, "it is missing although its certificate is there")
    }
    for (path, stored) in [(keyPath, storedKey), (certificatePath, storedCertificate)]
    where hasSigned && stored == nil {
      throw DiagnosticError(
        .stateDirectoryUnusable, subject: path,
        reason: "it is missing, but servers hold certificates that were signed with it",
        remedy:
          "Restore ca.key and ca.pem from a backup; or move everything in \(directory) away to begin"
          + " anew, and enrol all agents again.")
    }
    let signing: P256.Signing.PrivateKey
    if let storedKey {
      signing = try Self.parseKey(storedKey, keyPath)
    } else {
      signing = P256.Signing.PrivateKey()
      try Self.write(signing.pemRepresentation, keyPath, mode: 0o600)
    }
    let certificate: Certificate
    if let storedCertificate {
      certificate = try Self.parse(storedCertificate, certificatePath)
    } else {
      // Also after a crash between the two files: nothing was signed with that key yet.
      certificate = try Self.selfSigned(signing, nanoseconds: nanoseconds)
      try Self.write(try Self.pem(certificate), certificatePath, mode: 0o644)
    }
    guard certificate.publicKey == Certificate.PublicKey(signing.publicKey) else {
      throw Self.unusable(keyPath, "it is not the key of \(certificatePath)")
    }
    try self.init(certificate: certificate, key: Certificate.PrivateKey(signing))
  }

  private init(
    certificate: Certificate, key: Certificate.PrivateKey
  ) throws(DiagnosticError) {
    self.certificate = certificate
    self.key = key
    certificatePEM = try Self.pem(certificate)
    certificateDER = try Self.der(certificate)
    authorityDigest = Hexadecimal.text(SHA256.hash(data: certificateDER))
  }

  /// A certificate that this authority signed.
  package struct Issued: Sendable {
    package let pem: String
    package let serial: String
    package let notBeforeNanoseconds: Int64
    package let notAfterNanoseconds: Int64
    let certificate: Certificate
  }

  /// A client certificate for an agent, for the key of a checked request.
  func issue(
    server: ServerID, request: SigningRequest, lifetimeNanoseconds: Int64, nanoseconds: Int64
  ) throws(DiagnosticError) -> Issued {
    try issue(
      key: request.publicKey, name: server.text, usage: .clientAuth,
      names: [.uniformResourceIdentifier(CertificateNames.uri(server))],
      lifetimeNanoseconds: lifetimeNanoseconds, nanoseconds: nanoseconds)
  }

  /// The manager's own server certificate, for the names and addresses it is reached by.
  func issueManager(
    key: P256.Signing.PublicKey, names: [String], lifetimeNanoseconds: Int64, nanoseconds: Int64
  ) throws(DiagnosticError) -> Issued {
    let hosts = names.map { name in
      NetworkAddress.bytes(name).map {
        GeneralName.ipAddress(ASN1OctetString(contentBytes: $0[...]))
      }
        ?? .dnsName(name)
    }
    return try issue(
      key: Certificate.PublicKey(key), name: "Integrated Manager for Lustre", usage: .serverAuth,
      names: [.uniformResourceIdentifier(CertificateNames.manager)] + hosts,
      lifetimeNanoseconds: lifetimeNanoseconds, nanoseconds: nanoseconds)
  }

  private func issue(
    key: Certificate.PublicKey, name: String, usage: ExtendedKeyUsage.Usage, names: [GeneralName],
    lifetimeNanoseconds: Int64, nanoseconds: Int64
  ) throws(DiagnosticError) -> Issued {
    do {
      let begin = WallTime.date(nanoseconds - Self.backdating)
      let end = min(
        WallTime.date(nanoseconds + lifetimeNanoseconds), certificate.notValidAfter)
      guard end > begin else {
        throw Self.unusable("ca.pem", "the authority has expired")
      }
      let issued = try Certificate(
        version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key,
        notValidBefore: begin, notValidAfter: end, issuer: certificate.subject,
        subject: DistinguishedName { CommonName(name) }, signatureAlgorithm: .ecdsaWithSHA256,
        extensions: Certificate.Extensions {
          Critical(BasicConstraints.notCertificateAuthority)
          Critical(KeyUsage(digitalSignature: true))
          try ExtendedKeyUsage([usage])
          SubjectAlternativeNames(names)
          SubjectKeyIdentifier(hash: key)
          AuthorityKeyIdentifier(
            keyIdentifier: SubjectKeyIdentifier(hash: certificate.publicKey).keyIdentifier)
        }, issuerPrivateKey: self.key)
      guard let notBefore = WallTime.nanoseconds(begin), let notAfter = WallTime.nanoseconds(end)
      else { throw Self.unusable("ca.pem", "the clock is out of range") }
      return Issued(
        pem: try Self.pem(issued), serial: CertificateNames.serial(issued),
        notBeforeNanoseconds: notBefore, notAfterNanoseconds: notAfter, certificate: issued)
    } catch let error as DiagnosticError {
      throw error
    } catch {
      throw Self.failed(error)
    }
  }

  private static func selfSigned(
    _ key: P256.Signing.PrivateKey, nanoseconds: Int64
  ) throws(DiagnosticError) -> Certificate {
    // Four bytes of the key tell two authorities apart in a list.
    let mark = Hexadecimal.text(SHA256.hash(data: key.publicKey.derRepresentation).prefix(4))
    do {
      let name = try DistinguishedName { CommonName("Integrated Manager for Lustre CA \(mark)") }
      return try Certificate(
        version: .v3, serialNumber: Certificate.SerialNumber(),
        publicKey: Certificate.PublicKey(key.publicKey),
        // Earlier than leaves, which are backdated, so that they lie inside.
        notValidBefore: WallTime.date(nanoseconds - backdating - WallTime.day),
        notValidAfter: WallTime.date(nanoseconds + lifetime), issuer: name, subject: name,
        signatureAlgorithm: .ecdsaWithSHA256,
        extensions: Certificate.Extensions {
          Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
          Critical(KeyUsage(keyCertSign: true, cRLSign: true))
          SubjectKeyIdentifier(hash: Certificate.PublicKey(key.publicKey))
        }, issuerPrivateKey: Certificate.PrivateKey(key))
    } catch {
      throw failed(error)
    }
  }

  /// The content, or `nil` when there is no such file.
  private static func read(_ path: String) throws(DiagnosticError) -> [UInt8]? {
    do {
      return try DurableFile.read(path)
    } catch {
      if error.isMissing { return nil }
      throw DiagnosticError(.stateDirectoryUnusable, subject: path, reason: "\(error)")
    }
  }

  private static func write(
    _ text: String, _ path: String, mode: mode_t
  ) throws(DiagnosticError) {
    do {
      try DurableFile.write(Array(text.utf8), to: path, mode: mode)
    } catch {
      throw DiagnosticError(.stateDirectoryUnusable, subject: path, reason: "\(error)")
    }
  }

  private static func parseKey(
    _ content: [UInt8], _ path: String
  ) throws(DiagnosticError) -> P256.Signing.PrivateKey {
    guard !DurableFile.isOpenToOthers(path) else {
      throw DiagnosticError(
        .stateDirectoryUnusable, subject: path, reason: "others may read the authority's key",
        remedy: "Run chmod 600 \(path) and find out who did.")
    }
    do {
      return try P256.Signing.PrivateKey(
        pemRepresentation: String(decoding: content, as: UTF8.self))
    } catch {
      throw unusable(path, "it is no P-256 key in PEM")
    }
  }

  private static func parse(
    _ content: [UInt8], _ path: String
  ) throws(DiagnosticError) -> Certificate {
    do {
      return try Certificate(pemEncoded: String(decoding: content, as: UTF8.self))
    } catch {
      throw unusable(path, "it is no certificate in PEM")
    }
  }

  private static func unusable(_ path: String, _ reason: String) -> DiagnosticError {
    DiagnosticError(
      .stateDirectoryUnusable, subject: path, reason: reason,
      remedy: "Restore ca.key and ca.pem from a backup; without them every server enrols anew.")
  }

  private static func failed(_ error: any Error) -> DiagnosticError {
    DiagnosticError(.internalError, subject: "certificate authority", reason: "\(error)")
  }

  static func der(_ certificate: Certificate) throws(DiagnosticError) -> [UInt8] {
    do {
      var serializer = DER.Serializer()
      try serializer.serialize(certificate)
      return serializer.serializedBytes
    } catch {
      throw failed(error)
    }
  }

  private static func pem(_ certificate: Certificate) throws(DiagnosticError) -> String {
    do {
      return try certificate.serializeAsPEM().pemString + "\n"
    } catch {
      throw failed(error)
    }
  }
}
