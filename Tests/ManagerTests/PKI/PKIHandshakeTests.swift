import Crypto
import Foundation
import ManagerCore
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import Protocol
import SwiftASN1
import Testing
import X509

@testable import Manager

/// Real handshakes over the loopback.
@Suite(.timeLimit(.minutes(1))) struct PKIHandshakeTests {
  private let site: TrustSite
  private let material: TLSMaterial

  init() async throws {
    site = try await TrustSite()
    material = try TLSMaterial(
      authority: site.authority, names: ["localhost", "127.0.0.1"], nanoseconds: site.clock.now)
  }

  /// The code of the refusal, and whether the peer can be told it in a session.
  private func refusal(_ outcome: PortOutcome?) -> (code: String?, isTold: Bool)? {
    guard let outcome, case .refused(let diagnostic)? = outcome.verdict else { return nil }
    return (diagnostic.code, outcome.isHandshakeComplete)
  }

  @Test func anEnrolledAgentIsServed() async throws {
    let key = AgentKey()
    let answer = try await site.enrol(key: key)
    let serial = try #require(try await site.store.server(answer.server)?.certificateSerial)
    let port = try await AgentPort(site: site, material: material)
    let client = try await PortClient.connect(
      port: port.number, certificate: answer.certificate, key: key)
    #expect(client.heard == "heard\n")
    #expect(
      await port.outcome()
        == PortOutcome(
          isHandshakeComplete: true, verdict: .accepted(answer.server, serial: serial)))
    site.clock.advance(40 * Given.day)
    _ = try await PortClient.connect(port: port.number, certificate: answer.certificate, key: key)
    #expect(
      await port.outcome()
        == PortOutcome(
          isHandshakeComplete: true, verdict: .graceRenewal(answer.server, serial: serial)))
    try await port.close()
  }

  @Test func allOthersAreTurnedAwayWithTheReasonKnown() async throws {
    let port = try await AgentPort(site: site, material: material)
    let key = AgentKey()
    let revoked = try await site.enrol(key: key)
    try await site.enrolment.revoke(revoked.server, by: "root")
    _ = try await PortClient.connect(port: port.number, certificate: revoked.certificate, key: key)
    var refused = refusal(await port.outcome())
    #expect(refused?.code == "certificate-revoked")
    #expect(refused?.isTold == true)

    let stranger = try await TrustSite().enrol(key: key)
    var client = try await PortClient.connect(
      port: port.number, certificate: stranger.certificate, key: key)
    #expect(client.heard == "")
    refused = refusal(await port.outcome())
    #expect(refused?.code == "certificate-foreign")
    #expect(refused?.isTold == false)

    client = try await PortClient.connect(port: port.number)
    #expect(client.heard == "")
    let nobody = PortOutcome(isHandshakeComplete: false, verdict: nil)
    #expect(await port.outcome() == nobody)

    let good = try await site.enrol("oss2", key: key)
    client = try await PortClient.connect(
      port: port.number, certificate: good.certificate, key: key, maximum: .tlsv12)
    #expect(client.heard == "")
    #expect(await port.outcome() == nobody)

    // After all of them, an honest one is served.
    client = try await PortClient.connect(
      port: port.number, certificate: good.certificate, key: key)
    #expect(client.heard == "heard\n")
    try await port.close()
  }

  /// A session ticket outlives a revocation: whoever resumes has no verdict, and a listener must
  /// never take that for an accepted peer.
  @Test(.enabled(if: OpenSSLWitness.isThere, "the program openssl is not installed"))
  func aResumedSessionIsJudgedByNobodyAndSaysSo() async throws {
    let key = AgentKey()
    let answer = try await site.enrol(key: key)
    try site.directory.put("agent.pem", Array(answer.certificate.utf8))
    try site.directory.put("agent.key", Array(key.key.pemRepresentation.utf8))
    let port = try await AgentPort(site: site, material: material)
    func connect(_ options: String...) throws -> String {
      try OpenSSLWitness.run(
        [
          "s_client", "-connect", "127.0.0.1:\(port.number)", "-cert", "agent.pem", "-key",
          "agent.key", "-ign_eof",
        ] + options, in: site.directory
      ).text
    }
    let first = try connect("-sess_out", "session")
    #expect(first.contains("heard"))
    guard case .accepted(answer.server, _)? = await port.outcome()?.verdict else {
      Issue.record("the full handshake was not accepted: \(first)")
      return
    }
    try await site.enrolment.revoke(answer.server, by: "root")
    let second = try connect("-sess_in", "session")
    #expect(second.contains("Reused, TLSv1.3"))
    #expect(await port.outcome() == PortOutcome(isHandshakeComplete: true, verdict: nil))
    try await port.close()
  }

  @Test func anEnrollingAgentFindsTheAuthorityBehindThePin() async throws {
    let server = try await httpsPort()
    let client = try await PortClient.connect(
      port: server.localAddress?.port ?? 0, maximum: .tlsv12)
    #expect(client.heard == "hello\n")
    #expect(client.presented.count == 2)
    let pins = client.presented.map { Hexadecimal.text(SHA256.hash(data: $0)) }
    #expect(pins.last == site.authority.authorityDigest)
    let own = try Certificate(derEncoded: try #require(client.presented.first))
    #expect(CertificateNames.uris(own) == ["urn:iml:manager"])
    #expect(CertificateNames.serial(own) == material.serial)
    try await server.close()
  }

  @Test func theManagersCertificateIsReplacedWithoutARestart() async throws {
    let https = try await httpsPort()
    let key = AgentKey()
    let answer = try await site.enrol(key: key)
    let agents = try await AgentPort(site: site, material: material)
    func presented(_ port: Int) async throws -> String {
      let client = try await PortClient.connect(
        port: port, certificate: answer.certificate, key: key)
      return CertificateNames.serial(
        try Certificate(derEncoded: try #require(client.presented.first)))
    }
    let old = material.serial
    #expect(try material.renewIfDue(nanoseconds: site.clock.now + 59 * Given.day) == false)
    #expect(try await presented(https.localAddress?.port ?? 0) == old)
    #expect(try await presented(agents.number) == old)

    #expect(try material.renewIfDue(nanoseconds: site.clock.now + 60 * Given.day))
    #expect(material.serial != old)
    #expect(material.expiresNanoseconds == site.clock.now + 150 * Given.day)
    #expect(try await presented(https.localAddress?.port ?? 0) == material.serial)
    #expect(try await presented(agents.number) == material.serial)
    try await https.close()
    try await agents.close()
  }

  /// A server on the HTTPS port's configuration that says hello.
  private func httpsPort() async throws -> any Channel {
    let context = try NIOSSLContext(configuration: material.httpsConfiguration)
    return try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandlers(
            NIOSSLServerHandler(context: context), HelloHandler())
        }
      }.bind(host: "127.0.0.1", port: 0).get()
  }
}

private final class HelloHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case TLSUserEvent.handshakeCompleted(_)? = event as? TLSUserEvent else { return }
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "hello\n")), promise: nil)
    context.close(promise: nil)
  }
}
