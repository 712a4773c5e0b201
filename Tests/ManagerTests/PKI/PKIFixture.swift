import Crypto
import Foundation
import Glibc
import ManagerCore
import Protocol
import SwiftASN1
import Synchronization
import X509

@testable import Manager

/// A clock that the test turns.
final class TurnedClock: Sendable {
  private let nanoseconds: Mutex<Int64>
  init(_ start: Int64 = Given.now) { nanoseconds = Mutex(start) }
  var now: Int64 { nanoseconds.withLock { $0 } }
  var moment: Moment {
    let now = now
    return Moment(monotonicNanoseconds: now - Given.now + 1, wallNanoseconds: now)
  }
  func advance(_ by: Int64) { nanoseconds.withLock { $0 += by } }
}

/// An agent's key and its request.
struct AgentKey {
  let key = P256.Signing.PrivateKey()

  func request() throws -> String {
    let own = Certificate.PrivateKey(key)
    // Subject and SAN lie on purpose: nothing of them may reach the certificate.
    return try CertificateSigningRequest(
      version: .v1, subject: DistinguishedName { CommonName("root of all") }, privateKey: own,
      attributes: CertificateSigningRequest.Attributes([
        .init(
          ExtensionRequest(
            extensions: Certificate.Extensions {
              Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
              SubjectAlternativeNames([.uniformResourceIdentifier("urn:iml:manager")])
            }))
      ]),
      signatureAlgorithm: .ecdsaWithSHA256
    ).serializeAsPEM().pemString
  }
}

/// A manager's trust, without its sockets.
final class TrustSite: Sendable {
  let directory: TemporaryDirectory
  let store: StateStore
  let authority: Authority
  let registry: TrustRegistry
  let enrolment: Enrolment
  let apiTokens: APITokens
  let clock: TurnedClock
  let connectedServers: ConnectedServers

  init() async throws {
    let clock = TurnedClock()
    let directory = try TemporaryDirectory()
    self.clock = clock
    self.directory = directory
    store = try StateStore(directory: StateDirectory(path: directory.path))
    authority = try Authority(loadingOrCreatingIn: directory.path, nanoseconds: clock.now)
    registry = try await TrustRegistry(loading: store)
    let connected = ConnectedServers()
    connectedServers = connected
    enrolment = Enrolment(
      store: store, authority: authority, registry: registry, clock: { clock.moment },
      agentPort: { 8440 }, isConnected: { connected.contains($0) })
    apiTokens = APITokens(store: store, clock: { clock.moment })
  }

  var verifier: PeerVerifier { PeerVerifier(authority: authority, registry: registry) }

  func token(uses: Int = 1, seconds: Int64 = 3_600, profile: Profile = .monitor) async throws
    -> EnrolmentTokenView
  {
    try await enrolment.createToken(
      EnrolmentTokenRequest(uses: uses, lifetimeSeconds: seconds, profile: profile), by: "root")
  }

  func request(
    _ token: EnrolmentTokenView, hostname: String = "oss1", previous: ServerID? = nil,
    key: AgentKey = AgentKey()
  ) throws -> EnrolmentRequest {
    EnrolmentRequest(
      token: token.secret ?? "", certificateRequest: try key.request(), hostname: hostname,
      previousServer: previous)
  }

  @discardableResult
  func enrol(
    _ hostname: String = "oss1", previous: ServerID? = nil, key: AgentKey = AgentKey()
  ) async throws -> EnrolmentAnswer {
    try await enrolment.enrol(
      request(try await token(), hostname: hostname, previous: previous, key: key),
      from: "192.0.2.1")
  }

  func judge(_ chain: [[UInt8]]) async -> PeerVerdict {
    await verifier.judge(chain: chain, nanoseconds: clock.now)
  }

  func judge(_ answer: EnrolmentAnswer) async throws -> PeerVerdict {
    await judge([try der(answer.certificate)])
  }
}

final class ConnectedServers: Sendable {
  private let servers = Mutex<Set<ServerID>>([])
  func insert(_ server: ServerID) { servers.withLock { _ = $0.insert(server) } }
  func contains(_ server: ServerID) -> Bool { servers.withLock { $0.contains(server) } }
}

func der(_ pem: String) throws -> [UInt8] {
  try Authority.der(try Certificate(pemEncoded: pem))
}

/// The program `openssl`, as a witness that shares no code with ours.
enum OpenSSLWitness {
  static let path: String? = ["/usr/bin/openssl", "/usr/local/bin/openssl"]
    .first { (path: String) in FileManager.default.isExecutableFile(atPath: path) }
  static var isThere: Bool { path != nil }

  struct Answer {
    var status: Int32
    var text: String
  }

  /// Runs it in a directory; standard output and error come back together. Standard input is empty.
  static func run(_ arguments: [String], in directory: TemporaryDirectory) throws -> Answer {
    let output = directory.path + "/witness-\(UUID().uuidString)"
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    var words: [UnsafeMutablePointer<CChar>?] =
      (["env", "-C", directory.path, "LC_ALL=C", path ?? "openssl"] + arguments).map { strdup($0) }
    words.append(nil)
    defer { for word in words { free(word) } }
    var process = pid_t()
    guard posix_spawn(&process, "/usr/bin/env", &actions, nil, words, environ) == 0 else {
      return Answer(status: -1, text: "openssl did not start")
    }
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    let bytes = try Data(contentsOf: URL(fileURLWithPath: output))
    return Answer(status: (status >> 8) & 0xFF, text: String(decoding: bytes, as: UTF8.self))
  }
}
