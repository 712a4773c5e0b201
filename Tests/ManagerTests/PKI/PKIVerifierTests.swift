import Crypto
import Foundation
import ManagerCore
import Protocol
import SwiftASN1
import Testing
import X509

@testable import Manager

@Suite struct PKIVerifierTests {
  private func refused(_ verdict: PeerVerdict) -> Diagnostic? {
    if case .refused(let diagnostic) = verdict { diagnostic } else { nil }
  }

  @Test func anEnrolledServerIsAcceptedWithItsSerial() async throws {
    let site = try await TrustSite()
    let answer = try await site.enrol()
    let serial = try #require(try await site.store.server(answer.server)?.certificateSerial)
    #expect(try await site.judge(answer) == .accepted(answer.server, serial: serial))
    // The authority's certificate behind it does no harm.
    let chain = [try der(answer.certificate), try der(answer.authority)]
    #expect(await site.judge(chain) == .accepted(answer.server, serial: serial))
  }

  @Test func noCertificateIsMissing() async throws {
    let site = try await TrustSite()
    #expect(refused(await site.judge([]))?.code == "certificate-missing")
  }

  @Test func anotherAuthoritysCertificateIsForeign() async throws {
    let site = try await TrustSite()
    let other = try await TrustSite()
    let answer = try await other.enrol()
    #expect(refused(try await site.judge(answer))?.code == "certificate-foreign")
    // Not even with the other authority's certificate behind it.
    let chain = [try der(answer.certificate), try der(answer.authority)]
    #expect(refused(await site.judge(chain))?.code == "certificate-foreign")
  }

  @Test func anAuthorityOfTheSameNameIsForeign() async throws {
    let site = try await TrustSite()
    let server = try await site.enrol().server
    let name = try #require(try? Certificate(pemEncoded: site.authority.certificatePEM)).subject
    let leaf = try forge(
      issuer: name, signer: P256.Signing.PrivateKey(), uris: ["urn:iml:server:\(server)"])
    let verdict = await site.judge([leaf])
    #expect(refused(verdict)?.code == "certificate-foreign")
    #expect(refused(verdict)?.reason.contains("not signed by") == true)
  }

  @Test func aServerCanNotSignForAnother() async throws {
    let site = try await TrustSite()
    let agent = AgentKey()
    let answer = try await site.enrol(key: agent)
    let own = try Certificate(pemEncoded: answer.certificate)
    let leaf = try forge(
      issuer: own.subject, signer: agent.key, uris: ["urn:iml:server:\(answer.server)"])
    let verdict = await site.judge([leaf, try der(answer.certificate)])
    #expect(refused(verdict)?.code == "certificate-foreign")
  }

  @Test func theAuthoritysOwnCertificateIsNobodys() async throws {
    let site = try await TrustSite()
    let verdict = await site.judge([site.authority.certificateDER])
    #expect(refused(verdict)?.code == "certificate-foreign")
  }

  @Test func theManagersCertificateIsOfTheWrongUse() async throws {
    let site = try await TrustSite()
    let issued = try site.authority.issueManager(
      key: P256.Signing.PrivateKey().publicKey, names: ["localhost"],
      lifetimeNanoseconds: Given.day, nanoseconds: site.clock.now)
    let verdict = await site.judge([try der(issued.pem)])
    #expect(refused(verdict)?.code == "certificate-wrong-use")
  }

  @Test func expiryLeadsThroughGraceToRefusal() async throws {
    let site = try await TrustSite()
    let answer = try await site.enrol()
    let serial = try #require(try await site.store.server(answer.server)?.certificateSerial)
    site.clock.advance(30 * Given.day)
    #expect(try await site.judge(answer) == .accepted(answer.server, serial: serial))
    site.clock.advance(Given.second)
    #expect(try await site.judge(answer) == .graceRenewal(answer.server, serial: serial))
    site.clock.advance(90 * Given.day - Given.second)
    #expect(try await site.judge(answer) == .graceRenewal(answer.server, serial: serial))
    site.clock.advance(Given.second)
    let diagnostic = refused(try await site.judge(answer))
    #expect(diagnostic?.code == "certificate-expired")
    #expect(diagnostic?.reason.contains("90 days ago") == true)
  }

  @Test func aCertificateOfTheFutureNamesTheSkew() async throws {
    let site = try await TrustSite()
    let answer = try await site.enrol()
    site.clock.advance(-3 * Given.day + 3_600 * Given.second)
    let diagnostic = refused(try await site.judge(answer))
    #expect(diagnostic?.code == "certificate-not-yet-valid")
    #expect(diagnostic?.reason.contains("23 hours too early") == true)
    #expect(diagnostic?.reason.contains("2026-11-19T01:00:00Z") == true)
  }

  @Test func aClockTwoDaysBehindIsServed() async throws {
    let site = try await TrustSite()
    let answer = try await site.enrol()
    site.clock.advance(-2 * Given.day)
    let serial = try #require(try await site.store.server(answer.server)?.certificateSerial)
    #expect(try await site.judge(answer) == .accepted(answer.server, serial: serial))
  }

  @Test func revokedForgottenAndUnknownAreToldApart() async throws {
    let site = try await TrustSite()
    let revoked = try await site.enrol("oss1")
    let forgotten = try await site.enrol("oss2")
    try await site.enrolment.revoke(revoked.server, by: "root")
    try await site.enrolment.forget(forgotten.server, by: "root")
    #expect(refused(try await site.judge(revoked))?.code == "certificate-revoked")
    #expect(refused(try await site.judge(forgotten))?.code == "server-forgotten")
    let stranger = try site.authority.issue(
      server: Given.server(9), request: SigningRequest(pem: AgentKey().request()),
      lifetimeNanoseconds: Given.day, nanoseconds: site.clock.now)
    let verdict = await site.judge([try der(stranger.pem)])
    #expect(refused(verdict)?.code == "certificate-unknown")

    // The same after a restart, from the store alone.
    let registry = try await TrustRegistry(loading: site.store)
    let again = PeerVerifier(authority: site.authority, registry: registry)
    func code(_ answer: EnrolmentAnswer) async throws -> String? {
      refused(
        await again.judge(chain: [try der(answer.certificate)], nanoseconds: site.clock.now))?.code
    }
    #expect(try await code(revoked) == "certificate-revoked")
    #expect(try await code(forgotten) == "server-forgotten")
  }

  @Test func anExpiredAndRevokedCertificateHasNoGrace() async throws {
    let site = try await TrustSite()
    let answer = try await site.enrol()
    try await site.enrolment.revoke(answer.server, by: "root")
    site.clock.advance(40 * Given.day)
    #expect(refused(try await site.judge(answer))?.code == "certificate-revoked")
  }

  @Test func brokenCertificatesNeverTrapAndNeverPass() async throws {
    let site = try await TrustSite()
    let good = try der(try await site.enrol().certificate)
    var generator = SplitMix(state: 11)
    for _ in 0..<400 {
      var bytes = good
      bytes[Int.random(in: 0..<bytes.count, using: &generator)] =
        UInt8.random(in: .min ... .max, using: &generator)
      if Bool.random(using: &generator) {
        bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator))
      }
      guard bytes != good else { continue }
      #expect(refused(await site.judge([bytes]))?.code == "certificate-foreign")
    }
    #expect(refused(await site.judge([[]]))?.code == "certificate-foreign")
    #expect(
      refused(await site.judge(Array(repeating: good, count: 50)))?.code == "certificate-foreign")
  }

  /// A leaf as an attacker would make it.
  private func forge(
    issuer: DistinguishedName, signer: P256.Signing.PrivateKey, uris: [String]
  ) throws -> [UInt8] {
    let certificate = try Certificate(
      version: .v3, serialNumber: Certificate.SerialNumber(),
      publicKey: Certificate.PublicKey(P256.Signing.PrivateKey().publicKey),
      notValidBefore: WallTime.date(Given.now - Given.day),
      notValidAfter: WallTime.date(Given.now + Given.day), issuer: issuer,
      subject: DistinguishedName { CommonName("x") }, signatureAlgorithm: .ecdsaWithSHA256,
      extensions: Certificate.Extensions {
        Critical(BasicConstraints.notCertificateAuthority)
        try ExtendedKeyUsage([.clientAuth])
        SubjectAlternativeNames(uris.map { .uniformResourceIdentifier($0) })
      }, issuerPrivateKey: Certificate.PrivateKey(signer))
    return try Authority.der(certificate)
  }
}
