import Crypto
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Protocol
import SwiftASN1
import X509

/// `iml-agent enroll`: makes a key, proves the manager by the token's digest of its CA, asks for a
/// certificate, and writes the agent's files. Nothing is written unless the answer proves good.
package struct EnrolmentClient: Sendable {
  package var host: String
  package var port: Int
  package var token: String
  package var hostname: String
  package var files: AgentFiles
  /// Whether later runs go by `hostname` too, whatever the kernel says.
  package var remembersHostname: Bool

  package init(
    host: String, port: Int, token: String, hostname: String, files: AgentFiles,
    remembersHostname: Bool = false
  ) {
    self.host = host
    self.port = port
    self.token = token
    self.hostname = hostname
    self.files = files
    self.remembersHostname = remembersHostname
  }

  private var subject: String { "manager \(host):\(port)" }

  /// - Returns: who this server is from now on.
  package func enrol(on group: any EventLoopGroup) async throws -> AgentFiles.Settings {
    guard let parsed = EnrolmentToken(token) else {
      throw DiagnosticError(
        .tokenMalformed, subject: "token", reason: "it is not of the form iml1.ID.SECRET.PIN",
        remedy: "Paste the whole line that `iml server token create` printed.")
    }
    let previous = try files.settings()
    try files.proveRoom()
    let key = P256.Signing.PrivateKey()
    let request = EnrolmentRequest(
      token: token, certificateRequest: try SigningRequest.make(key: key, hostname: hostname),
      hostname: hostname, previousServer: previous?.server)
    let verdict = Verdict()
    let answer = try await post(request, digest: parsed.authorityDigest, verdict, group)
    return try keep(answer, key: key, digest: parsed.authorityDigest)
  }

  private func keep(_ answer: EnrolmentAnswer, key: P256.Signing.PrivateKey, digest: String)
    throws -> AgentFiles.Settings
  {
    let certificate = try Certificate(pemEncoded: answer.certificate)
    let authority = try Certificate(pemEncoded: answer.authority)
    guard ManagerTrust.digest(of: authority) == digest,
      authority.publicKey.isValidSignature(certificate.signature, for: certificate),
      certificate.publicKey == Certificate.PrivateKey(key).publicKey
    else {
      throw DiagnosticError(
        .managerUnproven, subject: subject,
        reason: "it answered with a certificate that is not ours or not from its CA")
    }
    let settings = AgentFiles.Settings(
      server: answer.server, managerHost: host, managerPort: answer.agentPort,
      profile: answer.profile, hostname: remembersHostname ? hostname : nil)
    try files.store(
      settings, key: key.pemRepresentation, certificate: answer.certificate,
      authority: answer.authority)
    return settings
  }

  private func post(
    _ request: EnrolmentRequest, digest: String, _ verdict: Verdict, _ group: any EventLoopGroup
  ) async throws -> EnrolmentAnswer {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.minimumTLSVersion = .tlsv12
    configuration.applicationProtocols = ["http/1.1"]
    let context = try NIOSSLContext(configuration: configuration)
    let body = try CanonicalJSON.encode(request)
    let answer: (status: HTTPResponseStatus, body: [UInt8])
    do {
      answer = try await exchange(body, context, verdict, digest, group)
    } catch {
      if let complaint = verdict.complaint { throw complaint }
      if let error = error as? DiagnosticError { throw error }
      throw DiagnosticError(
        .managerUnreachable, subject: subject, reason: Reason.text(error),
        remedy: "Check the address and the port (HTTPS, 8443 by default) and any firewall.")
    }
    if answer.status == .ok || answer.status == .created {
      return try CanonicalJSON.decode(EnrolmentAnswer.self, from: answer.body)
    }
    throw refusal(answer.status, answer.body)
  }

  private struct ProblemBody: Decodable { var code, detail, remedy: String? }

  private func refusal(_ status: HTTPResponseStatus, _ body: [UInt8]) -> DiagnosticError {
    let problem = try? CanonicalJSON.decode(ProblemBody.self, from: body)
    let code = problem?.code.flatMap(DiagnosticCode.init) ?? .managerUnreachable
    return DiagnosticError(
      code, subject: subject,
      reason: problem?.detail ?? "it answered \(status.code) \(status.reasonPhrase)",
      remedy: problem?.remedy ?? "")
  }

  private func exchange(
    _ body: [UInt8], _ context: NIOSSLContext, _ verdict: Verdict, _ digest: String,
    _ group: any EventLoopGroup
  ) async throws -> (status: HTTPResponseStatus, body: [UInt8]) {
    let channel = try await ClientBootstrap(group: group).connectTimeout(.seconds(5))
      .connect(host: host, port: port) { channel in
        channel.eventLoop.makeCompletedFuture {
          let tls = try NIOSSLClientHandler(
            context: context, serverHostname: nil,
            customVerificationCallback: verdict.callback(.digest(digest)))
          try channel.pipeline.syncOperations.addHandler(tls)
          try channel.pipeline.syncOperations.addHTTPClientHandlers()
          return try NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>(
            wrappingChannelSynchronously: channel)
        }
      }
    // The manager answers within a moment or not at all.
    let deadline = channel.channel.eventLoop.scheduleTask(in: .seconds(15)) {
      channel.channel.close(promise: nil)
    }
    defer { deadline.cancel() }
    return try await channel.executeThenClose { inbound, outbound in
      let head = HTTPRequestHead(
        version: .http1_1, method: .POST, uri: "/api/v1/enrol",
        headers: [
          "Host": host, "Content-Type": "application/json",
          "Content-Length": "\(body.count)", "Connection": "close",
        ])
      try await outbound.write(.head(head))
      try await outbound.write(.body(.byteBuffer(ByteBuffer(bytes: body))))
      try await outbound.write(.end(nil))
      var status: HTTPResponseStatus?
      var bytes: [UInt8] = []
      for try await part in inbound {
        switch part {
        case .head(let head): status = head.status
        case .body(let buffer):
          bytes.append(contentsOf: buffer.readableBytesView)
          // An answer holds two certificates, a few kilobytes.
          guard bytes.count <= 1 << 20 else {
            throw DiagnosticError(
              .managerUnproven, subject: subject, reason: "its answer is longer than 1 MiB")
          }
        case .end:
          if let status { return (status, bytes) }
        }
      }
      throw ChannelError.eof
    }
  }
}
