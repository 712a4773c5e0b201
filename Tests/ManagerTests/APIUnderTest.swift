import AsyncHTTPClient
import Crypto
import Foundation
import Logging
import Manager
import ManagerCore
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Protocol
import ServiceLifecycle
import SwiftASN1
import Synchronization
import X509

/// A self-signed certificate for `localhost`, made anew each time.
struct APITestCertificate {
  let tls: TLSConfiguration
  let trusted: NIOSSLCertificate

  init() throws {
    let key = P256.Signing.PrivateKey()
    let name = try DistinguishedName { CommonName("localhost") }
    let certificate = try Certificate(
      version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: .init(key.publicKey),
      notValidBefore: Date(timeIntervalSinceNow: -3_600),
      notValidAfter: Date(timeIntervalSinceNow: 3_600), issuer: name, subject: name,
      signatureAlgorithm: .ecdsaWithSHA256,
      extensions: try Certificate.Extensions {
        Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
        SubjectAlternativeNames([.dnsName("localhost")])
      }, issuerPrivateKey: .init(key))
    var serializer = DER.Serializer()
    try certificate.serialize(into: &serializer)
    trusted = try NIOSSLCertificate(bytes: serializer.serializedBytes, format: .der)
    tls = TLSConfiguration.makeServerConfiguration(
      certificateChain: [.certificate(trusted)],
      privateKey: .privateKey(
        try NIOSSLPrivateKey(bytes: Array(key.pemRepresentation.utf8), format: .pem)))
  }

  /// A client that trusts this certificate and no other.
  func client() -> HTTPClient {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.trustRoots = .certificates([trusted])
    var configuration = HTTPClient.Configuration(tlsConfiguration: tls)
    // A refused handshake is told at once instead of being tried again.
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.timeout = .init(connect: .seconds(10), read: .seconds(20))
    return HTTPClient(
      eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton),
      configuration: configuration)
  }
}

/// Keeps every line that the server logs, with its metadata.
final class APIRecordedLog: Sendable {
  private let kept = Mutex<[String]>([])
  var lines: [String] { kept.withLock { $0 } }
  fileprivate func keep(_ line: String) { kept.withLock { $0.append(line) } }

  var logger: Logger {
    Logger(label: "test") { _ in Handler(log: self) }
  }
  private struct Handler: LogHandler {
    let log: APIRecordedLog
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }
    func log(event: LogEvent) {
      log.keep("\(event.level) \(event.message) \(event.metadata ?? [:])")
    }
  }
}

/// What came back.
struct APIReply {
  var status: UInt
  var headers: [String: String]
  var body: String
  var code: String? { (try? CanonicalJSON.decode(Problem.self, from: Array(body.utf8)))?.code }
}

/// A running API with real sockets.
struct APIUnderTest {
  let site: APIScriptedSite
  let log: APIRecordedLog
  let listening: Listening
  let slot: TLSContextSlot
  let client: HTTPClient

  func https(
    _ method: String, _ path: String, token: String? = nil, body: String? = nil
  ) async throws -> APIReply {
    try await ask(
      client, "https://localhost:\(listening.port)\(path)", method, token: token,
      body: body.map { .bytes(Array($0.utf8)) })
  }

  func unix(_ method: String, _ path: String, body: String? = nil) async throws -> APIReply {
    let socket = listening.socketPath.replacingOccurrences(of: "/", with: "%2F")
    return try await ask(
      client, "http+unix://\(socket)\(path)", method, token: nil,
      body: body.map { .bytes(Array($0.utf8)) })
  }

  func ask(
    _ client: HTTPClient, _ url: String, _ method: String, token: String?,
    body: HTTPClientRequest.Body?
  ) async throws -> APIReply {
    var request = HTTPClientRequest(url: url)
    request.method = .init(rawValue: method)
    if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
    request.body = body
    let response = try await client.execute(request, timeout: .seconds(20))
    let bytes = try await response.body.collect(upTo: 1 << 20)
    return APIReply(
      status: response.status.code,
      headers: Dictionary(
        response.headers.map { ($0.name.lowercased(), $0.value) }, uniquingKeysWith: { a, _ in a }),
      body: String(buffer: bytes))
  }

  /// Connects without TLS, sends bytes, and waits until the server closes; what it sent meanwhile.
  func raw(_ bytes: [UInt8]) async throws -> [UInt8] {
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connect(host: "127.0.0.1", port: listening.port) { channel in
        channel.eventLoop.makeCompletedFuture {
          try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
        }
      }
    return try await exchange(channel, bytes)
  }

  /// The same over the Unix socket, with more bytes after a while.
  func rawUnix(
    _ bytes: [UInt8], then more: [UInt8] = [], after pause: Duration = .zero
  ) async throws -> [UInt8] {
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connect(unixDomainSocketPath: listening.socketPath) { channel in
        channel.eventLoop.makeCompletedFuture {
          try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
        }
      }
    return try await exchange(channel, bytes, then: more, after: pause)
  }

  /// A client that never reads.
  func deafUnix(_ bytes: [UInt8]) async throws -> any Channel {
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.autoRead, value: false)
      .connect(unixDomainSocketPath: listening.socketPath).get()
    channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    return channel
  }

  private func exchange(
    _ channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>, _ bytes: [UInt8], then more: [UInt8] = [],
    after pause: Duration = .zero
  ) async throws -> [UInt8] {
    try await channel.executeThenClose { inbound, outbound in
      var all: [UInt8] = []
      do {
        try await outbound.write(ByteBuffer(bytes: bytes))
        if !more.isEmpty {
          try await Task.sleep(for: pause)
          try await outbound.write(ByteBuffer(bytes: more))
        }
      } catch is ChannelError {
        // The other end was faster: what it said before it closed is still to be read.
      } catch is IOError {}
      do {
        for try await part in inbound { all += Array(part.readableBytesView) }
      } catch is IOError {
        // A reset is an end too.
      }
      return all
    }
  }
}

/// A socket path that is short enough and nobody else's.
func temporaryAPISocketPath() throws -> String {
  let directory = FileManager.default.temporaryDirectory
    .appendingPathComponent("iml-\(UUID().uuidString.prefix(8))")
  try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
  return directory.appendingPathComponent("api.socket").path
}

/// Runs the API while `body` runs, then shuts it down gracefully and waits for its end.
func withAPI(
  certificate: APITestCertificate? = nil, socketPath: String? = nil,
  configure: (inout APIServer.Configuration) -> Void = { _ in },
  _ body: (APIUnderTest) async throws -> Void
) async throws {
  let certificate = try certificate ?? APITestCertificate()
  let path = try socketPath ?? temporaryAPISocketPath()
  defer {
    try? FileManager.default.removeItem(
      at: URL(fileURLWithPath: path).deletingLastPathComponent())
  }
  var configuration = APIServer.Configuration(host: "127.0.0.1", port: 0, socketPath: path)
  configure(&configuration)
  let slot = try TLSContextSlot(certificate.tls)
  let (site, log) = (APIScriptedSite(), APIRecordedLog())
  let (listening, report) = AsyncStream.makeStream(of: Listening.self)
  let server = APIServer(
    configuration, site: site, tls: { slot.current() }, logger: log.logger,
    onListening: { report.yield($0) })
  var quiet = Logger(label: "group")
  quiet.logLevel = .critical
  let group = ServiceGroup(configuration: .init(services: [server], logger: quiet))
  let running = Task {
    defer { report.finish() }
    try await group.run()
  }
  var bound: Listening?
  for await first in listening {
    bound = first
    break
  }
  guard let bound else { return try await running.value }
  let client = certificate.client()
  let api = APIUnderTest(site: site, log: log, listening: bound, slot: slot, client: client)
  var failure: (any Error)?
  do { try await body(api) } catch { failure = error }
  // The client's idle connections are still open: they must not hold the server up.
  await group.triggerGracefulShutdown()
  try await running.value
  try await client.shutdown()
  if let failure { throw failure }
}
