import Crypto
import Foundation
import Protocol
import SwiftASN1
import Testing
import X509

@testable import Manager

@Suite struct PKIAuthorityTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func load() throws -> Authority {
    try Authority(loadingOrCreatingIn: directory.path, nanoseconds: Given.now)
  }

  @Test func theAuthorityIsMadeOnceAndItsKeyIsPrivate() throws {
    let first = try load()
    #expect(try directory.permissions("ca.key") == 0o600)
    let second = try load()
    #expect(second.authorityDigest == first.authorityDigest)
    #expect(second.certificatePEM == first.certificatePEM)
    let names = try FileManager.default.contentsOfDirectory(atPath: directory.path)
    #expect(names.sorted() == ["ca.key", "ca.pem"])
  }

  @Test func thePinIsTheDigestOfTheCertificate() throws {
    let authority = try load()
    let digest = SHA256.hash(data: try der(authority.certificatePEM))
    #expect(authority.authorityDigest == digest.map { String($0, radix: 16).padded }.joined())
    #expect(EnrolmentToken("iml1.a.b.\(authority.authorityDigest)") != nil)
  }

  @Test func aKeyThatOthersMayReadIsRefused() async throws {
    _ = try load()
    try directory.setPermissions(0o640, "ca.key")
    #expect(await refusal { _ = try load() }?.code == "state-directory-unusable")
  }

  /// What a link leads to counts, not the link, which everybody may read.
  @Test func aKeyBehindALinkIsAsGoodAsTheFileItself() async throws {
    _ = try load()
    let path = directory.path + "/ca.key"
    try FileManager.default.moveItem(atPath: path, toPath: directory.path + "/elsewhere")
    try FileManager.default.createSymbolicLink(
      atPath: path, withDestinationPath: directory.path + "/elsewhere")
    _ = try load()
    try directory.setPermissions(0o604, "elsewhere")
    #expect(await refusal { _ = try load() }?.code == "state-directory-unusable")
  }

  @Test func aLostOrDamagedOrForeignKeyIsRefusedInsteadOfReplaced() async throws {
    _ = try load()
    let key = try directory.contents("ca.key")
    try FileManager.default.removeItem(atPath: directory.path + "/ca.key")
    #expect(await refusal { _ = try load() }?.code == "state-directory-unusable")
    #expect(!FileManager.default.fileExists(atPath: directory.path + "/ca.key"))

    try directory.put("ca.key", Array(key.prefix(60)))
    try directory.setPermissions(0o600, "ca.key")
    #expect(await refusal { _ = try load() }?.reason == "it is no P-256 key in PEM")

    try directory.put("ca.key", Array(P256.Signing.PrivateKey().pemRepresentation.utf8))
    #expect(await refusal { _ = try load() }?.reason.contains("not the key of") == true)

    try directory.put("ca.key", key)
    _ = try load()
    try directory.put("ca.pem", [1, 2, 3])
    #expect(await refusal { _ = try load() }?.reason == "it is no certificate in PEM")
  }

  @Test func aCrashBetweenKeyAndCertificateIsMadeGood() throws {
    _ = try load()
    let key = try directory.contents("ca.key")
    try FileManager.default.removeItem(atPath: directory.path + "/ca.pem")
    _ = try load()
    #expect(try directory.contents("ca.key") == key)
    #expect(FileManager.default.fileExists(atPath: directory.path + "/ca.pem"))
  }

  /// A new one in its place would lock out every server that is enrolled.
  @Test func anAuthorityThatSignedIsNeverMadeAnew() async throws {
    _ = try load()
    func signed() throws -> Authority {
      try Authority(loadingOrCreatingIn: directory.path, hasSigned: true, nanoseconds: Given.now)
    }
    _ = try signed()
    let key = try directory.contents("ca.key")
    for names in [["ca.pem"], ["ca.key"]] {
      for name in names { try FileManager.default.removeItem(atPath: directory.path + "/" + name) }
      let reason = await refusal { _ = try signed() }?.reason
      #expect(reason?.hasPrefix("it is missing") == true)
    }
    #expect(!FileManager.default.fileExists(atPath: directory.path + "/ca.key"))
    try directory.put("ca.key", key)
    try directory.setPermissions(0o600, "ca.key")
    #expect(await refusal { _ = try signed() }?.subject.hasSuffix("ca.pem") == true)
  }

  @Test func aCertificateTakesNothingFromTheRequestButItsKey() throws {
    let authority = try load()
    let agent = AgentKey()
    let issued = try authority.issue(
      server: Given.server(1), request: SigningRequest(pem: agent.request()),
      lifetimeNanoseconds: 30 * Given.day, nanoseconds: Given.now)
    let certificate = try Certificate(pemEncoded: issued.pem)
    #expect(certificate.publicKey == Certificate.PublicKey(agent.key.publicKey))
    #expect(CertificateNames.uris(certificate) == ["urn:iml:server:\(Given.server(1))"])
    #expect(certificate.subject.description == "CN=\(Given.server(1))")
    #expect(try certificate.extensions.basicConstraints == .notCertificateAuthority)
    #expect(CertificateNames.allows(.clientAuth, certificate))
    #expect(!CertificateNames.allows(.serverAuth, certificate))
    #expect(issued.notBeforeNanoseconds == Given.now - 2 * Given.day)
    #expect(issued.notAfterNanoseconds == Given.now + 30 * Given.day)
    #expect(WallTime.nanoseconds(certificate.notValidAfter) == issued.notAfterNanoseconds)
  }

  @Test func noCertificateOutlivesTheAuthority() throws {
    let authority = try load()
    let late = Given.now + 3_649 * Given.day
    let issued = try authority.issue(
      server: Given.server(1), request: SigningRequest(pem: AgentKey().request()),
      lifetimeNanoseconds: 30 * Given.day, nanoseconds: late)
    #expect(issued.notAfterNanoseconds == Given.now + 3_650 * Given.day)
  }

  @Test func badRequestsAreRefused() async throws {
    let good = try AgentKey().request()
    let other = try AgentKey().request()
    for text in ["", "x", String(good.dropLast(100)), String(repeating: "A", count: 1 << 20)] {
      #expect(await refusal { _ = try SigningRequest(pem: text) }?.code == "request-malformed")
    }
    // The body of one request with the signature of another.
    var bytes = try DER.bytes(ofPEM: good)
    let foreign = try DER.bytes(ofPEM: other)
    bytes.replaceSubrange((bytes.count - 30)..., with: foreign.suffix(30))
    let forged = PEMDocument(type: "CERTIFICATE REQUEST", derBytes: bytes).pemString
    #expect(await refusal { _ = try SigningRequest(pem: forged) }?.code == "request-malformed")
  }

  @Test func brokenRequestsNeverTrap() async throws {
    let good = try DER.bytes(ofPEM: AgentKey().request())
    var generator = SplitMix(state: 7)
    for _ in 0..<400 {
      var bytes = good
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] =
          UInt8.random(in: .min ... .max, using: &generator)
      }
      if Bool.random(using: &generator) {
        bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator))
      }
      guard bytes != good else { continue }
      let pem = PEMDocument(type: "CERTIFICATE REQUEST", derBytes: bytes).pemString
      #expect(await refusal { _ = try SigningRequest(pem: pem) }?.code == "request-malformed")
    }
  }
}

extension String {
  fileprivate var padded: String { count == 1 ? "0" + self : self }
}

extension DER {
  fileprivate static func bytes(ofPEM text: String) throws -> [UInt8] {
    try PEMDocument(pemString: text).derBytes
  }
}

/// Repeatable chance (SplitMix64).
struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
