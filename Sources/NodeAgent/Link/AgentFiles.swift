import Crypto
import FoundationEssentials
import Platform
import Protocol
import SwiftASN1
import X509

/// What the agent keeps in its state directory: whom it dials, who it is, its key and certificate.
/// `agent.conf` is `key = value`; `key.pem` has mode 0600 and never leaves the directory.
package struct AgentFiles: Sendable {
  package struct Settings: Hashable, Sendable {
    package var server: ServerID
    package var managerHost: String
    package var managerPort: Int
    package var profile: String
    /// The name that it was enrolled under, when the operator gave one.
    package var hostname: String?
  }

  package let directory: String
  package init(directory: String) { self.directory = directory }

  private var settingsPath: String { "\(directory)/agent.conf" }
  private var keyPath: String { "\(directory)/key.pem" }
  private var certificatePath: String { "\(directory)/certificate.pem" }
  private var intervalPath: String { "\(directory)/collect-milliseconds" }
  private var authorityPath: String { "\(directory)/authority.pem" }

  /// The settings, or `nil` where no agent was ever enrolled.
  package func settings() throws -> Settings? {
    guard let bytes = try DurableFile.readIfPresent(settingsPath) else { return nil }
    var values: [String: String] = [:]
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      let parts = line.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, !line.hasPrefix("#") else { continue }
      values[trimmed(parts[0])] = trimmed(parts[1])
    }
    guard let server = values["server"].flatMap(ServerID.init),
      let host = values["manager_host"],
      let port = values["manager_port"].flatMap(Int.init), (1...65_535).contains(port)
    else {
      throw DiagnosticError(
        .notEnrolled, subject: settingsPath,
        reason: "it lacks server, manager_host or manager_port",
        remedy: "Enrol again: iml-agent enroll --manager HOST:PORT --token TOKEN")
    }
    return Settings(
      server: server, managerHost: host, managerPort: port,
      profile: values["profile"] ?? "monitor", hostname: values["hostname"])
  }

  private func trimmed(_ text: Substring) -> String {
    var text = text
    while text.first == " " { text.removeFirst() }
    while text.last == " " { text.removeLast() }
    return String(text)
  }

  /// Writes and removes as much as an enrolment takes, before a token is spent on one that could not
  /// be kept.
  package func proveRoom() throws(DiagnosticError) {
    let probe = "\(directory)/room"
    do throws(FileError) {
      try DurableFile.makeFolder(directory)
      try DurableFile.write([UInt8](repeating: 0, count: 32 << 10), to: probe)
      try DurableFile.remove(probe)
    } catch {
      throw DiagnosticError(
        .stateDirectoryUnusable, subject: directory, reason: "\(error)",
        remedy: error.isFull
          ? "Make room on its disk, then enrol again: the token was not used."
          : "Name a directory that can be written (--state-dir), then enrol again: the token was not"
            + " used.")
    }
  }

  /// Everything of a new enrolment; the settings last, because they make it count.
  package func store(_ settings: Settings, key: String, certificate: String, authority: String)
    throws
  {
    try DurableFile.makeFolder(directory)
    try DurableFile.write(Array(key.utf8), to: keyPath)
    try DurableFile.write(Array(certificate.utf8), to: certificatePath)
    try DurableFile.write(Array(authority.utf8), to: authorityPath)
    let text = """
      # Written by iml-agent enroll.
      server = \(settings.server)
      manager_host = \(settings.managerHost)
      manager_port = \(settings.managerPort)
      profile = \(settings.profile)

      """
    let name = settings.hostname.map { "hostname = \($0)\n" } ?? ""
    try DurableFile.write(Array((text + name).utf8), to: settingsPath)
  }

  /// How often the manager last told this agent to collect, in milliseconds; `nil` when it never did
  /// or what is there makes no sense.
  package func collectMilliseconds() -> Int? {
    guard let bytes = try? DurableFile.readIfPresent(intervalPath) else { return nil }
    let text = trimmed(Substring(String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self)))
    return Int(text).flatMap { Self.plausibleMilliseconds.contains($0) ? $0 : nil }
  }

  /// Keeps it for a start without the manager. A file of its own: `agent.conf` is the identity, and
  /// is written by enrolling alone.
  package func store(collectMilliseconds milliseconds: Int) throws {
    guard collectMilliseconds() != milliseconds else { return }
    try DurableFile.write(Array("\(milliseconds)\n".utf8), to: intervalPath)
  }

  /// A tenth of a second, as in `AgentLink`, to a day.
  private static let plausibleMilliseconds = 100...86_400_000

  /// A renewed certificate for the key we have.
  package func store(certificate: String) throws {
    guard try isForOurKey(try Certificate(pemEncoded: certificate)) else {
      throw DiagnosticError(
        .certificateForeign, subject: certificatePath,
        reason: "the renewed certificate is for another key; the old one is kept")
    }
    try DurableFile.write(Array(certificate.utf8), to: certificatePath)
  }

  package func key() throws(DiagnosticError) -> P256.Signing.PrivateKey {
    let key = try parsed(
      keyPath, "private key", P256.Signing.PrivateKey.init(pemRepresentation:))
    try checkKey()
    return key
  }

  package func certificatePEM() throws(DiagnosticError) -> [UInt8] { try read(certificatePath) }
  package func keyPEM() throws(DiagnosticError) -> [UInt8] {
    try checkKey()
    return try read(keyPath)
  }

  private func checkKey() throws(DiagnosticError) {
    guard DurableFile.isOpenToOthers(keyPath) else { return }
    throw DiagnosticError(
      .stateDirectoryUnusable, subject: keyPath, reason: "others may read the agent's key",
      remedy:
        "Run chmod 600 \(keyPath) and find out who did; if it may have been copied, revoke this"
        + " server's certificate (iml server revoke) and enrol it anew.")
  }

  package func certificate() throws(DiagnosticError) -> Certificate {
    try parsed(certificatePath, "certificate", Certificate.init(pemEncoded:))
  }

  package func authority() throws(DiagnosticError) -> Certificate {
    try parsed(authorityPath, "certificate", Certificate.init(pemEncoded:))
  }

  /// The certificate, which is for the key that we have.
  func provenCertificate() throws(DiagnosticError) -> Certificate {
    let certificate = try certificate()
    guard try isForOurKey(certificate) else {
      throw unusable(certificatePath, "it is not for the key in \(keyPath)")
    }
    return certificate
  }

  private func isForOurKey(_ certificate: Certificate) throws(DiagnosticError) -> Bool {
    certificate.publicKey == Certificate.PrivateKey(try key()).publicKey
  }

  private func read(_ path: String) throws(DiagnosticError) -> [UInt8] {
    do throws(FileError) { return try DurableFile.read(path) } catch {
      guard error.isForbidden else {
        throw unusable(path, "\(error)")
      }
      throw DiagnosticError(
        .stateDirectoryUnusable, subject: path, reason: "\(error)",
        remedy: "Give it, and \(directory), to the user that the agent runs as (chown).")
    }
  }

  private func parsed<Value>(
    _ path: String, _ what: String, _ parse: (String) throws -> Value
  ) throws(DiagnosticError) -> Value {
    let text = String(decoding: try read(path), as: UTF8.self)
    do { return try parse(text) } catch {
      throw unusable(path, "there is no \(what) in it that can be read")
    }
  }

  private func unusable(_ path: String, _ reason: String) -> DiagnosticError {
    DiagnosticError(
      .stateDirectoryUnusable, subject: path, reason: reason,
      remedy: "Restore it from a backup of \(directory); or enrol this server anew: move agent.conf"
        + " away, then iml-agent enroll --manager HOST:PORT --token TOKEN; the manager then knows two of"
        + " its name, and the one of before is to be forgotten (iml server forget ID).")
  }
}

/// PKCS#10 requests. The manager takes only the key; the subject is for people who look at it.
package enum SigningRequest {
  /// - Returns: PEM.
  package static func make(key: P256.Signing.PrivateKey, hostname: String) throws -> String {
    let subject = try DistinguishedName { CommonName(String(hostname.prefix(64))) }
    let request = try CertificateSigningRequest(
      version: .v1, subject: subject, privateKey: Certificate.PrivateKey(key),
      attributes: CertificateSigningRequest.Attributes(),
      signatureAlgorithm: .ecdsaWithSHA256)
    return try request.serializeAsPEM().pemString
  }
}
