import Crypto
import NIOCore
import NIOSSL
import Protocol
import Synchronization

/// The manager's own certificate and key, as its two ports use them right now. The key lives in
/// memory only: a new pair is made at each start, and again when a third of its life is left;
/// connections made after that get the new one, older ones live on.
package final class TLSMaterial: Sendable {
  /// Longer than any connection lives, shorter than a key should.
  package static let lifetimeNanoseconds = 90 * WallTime.day

  private struct Current: Sendable {
    var serial: String
    var expiresNanoseconds: Int64
    var chain: [NIOSSLCertificateSource]
    var key: NIOSSLPrivateKeySource
    /// For the agents' port.
    var agents: NIOSSLContext
  }
  private let current: Mutex<Current>
  private let authority: Authority
  private let names: [String]

  /// `names` are the DNS names and numeric addresses that the manager is reached by.
  package init(
    authority: Authority, names: [String], nanoseconds: Int64
  ) throws(DiagnosticError) {
    self.authority = authority
    self.names = names
    current = Mutex(try Self.make(authority, names, nanoseconds))
  }

  package var serial: String { current.withLock { $0.serial } }
  package var expiresNanoseconds: Int64 { current.withLock { $0.expiresNanoseconds } }

  /// Makes a new certificate when a third of the old one's life or less is left. Call it hourly.
  /// Returns whether there is a new one; when it fails, the old one stays in use.
  package func renewIfDue(nanoseconds: Int64) throws(DiagnosticError) -> Bool {
    guard expiresNanoseconds - nanoseconds <= Self.lifetimeNanoseconds / 3 else { return false }
    let made = try Self.make(authority, names, nanoseconds)
    current.withLock { $0 = made }
    return true
  }

  /// The context of the agents' port: TLS 1.3 only, a client certificate demanded. Take it anew for
  /// each connection, and judge the peer in the handler's own
  /// verification callback: TLS checks nothing here but that the peer holds its key.
  package var agentsContext: NIOSSLContext { current.withLock { $0.agents } }

  /// For the HTTPS port: TLS 1.2 and above. The chain ends with the authority's certificate, so that
  /// an agent that enrols can compare it with its token's pin. The certificate is looked up for each
  /// connection: a renewal needs no new configuration.
  package var httpsConfiguration: TLSConfiguration {
    let (chain, key) = current.withLock { ($0.chain, $0.key) }
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain, privateKey: key)
    configuration.minimumTLSVersion = .tlsv12
    configuration.sslContextCallback = { _, promise in
      var override = NIOSSLContextConfigurationOverride()
      (override.certificateChain, override.privateKey) = self.current.withLock {
        ($0.chain, $0.key)
      }
      promise.succeed(override)
    }
    return configuration
  }

  private static func make(
    _ authority: Authority, _ names: [String], _ nanoseconds: Int64
  ) throws(DiagnosticError) -> Current {
    let key = P256.Signing.PrivateKey()
    let issued = try authority.issueManager(
      key: key.publicKey, names: names, lifetimeNanoseconds: lifetimeNanoseconds,
      nanoseconds: nanoseconds)
    do {
      let root = try NIOSSLCertificate(bytes: authority.certificateDER, format: .der)
      let own = try NIOSSLCertificate(bytes: Array(issued.pem.utf8), format: .pem)
      let chain: [NIOSSLCertificateSource] = [.certificate(own), .certificate(root)]
      let source = NIOSSLPrivateKeySource.privateKey(
        try NIOSSLPrivateKey(bytes: Array(key.pemRepresentation.utf8), format: .pem))
      var agents = TLSConfiguration.makeServerConfiguration(
        certificateChain: chain, privateKey: source)
      agents.minimumTLSVersion = .tlsv13
      // An agent behind a cut link answers no farewell.
      agents.shutdownTimeout = .milliseconds(500)
      agents.trustRoots = .certificates([root])
      // Demands a certificate; whose it is, the listener's callback judges.
      agents.certificateVerification = .noHostnameVerification
      return Current(
        serial: issued.serial, expiresNanoseconds: issued.notAfterNanoseconds, chain: chain,
        key: source, agents: try NIOSSLContext(configuration: agents))
    } catch {
      throw DiagnosticError(.internalError, subject: "manager's certificate", reason: "\(error)")
    }
  }
}
