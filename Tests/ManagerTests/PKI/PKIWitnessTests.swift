import Crypto
import Foundation
import Protocol
import Testing

@testable import Manager

/// What another implementation of X.509 says of our certificates.
@Suite(.enabled(if: OpenSSLWitness.isThere, "the program openssl is not installed"))
struct PKIWitnessTests {
  private let directory: TemporaryDirectory
  private let authority: Authority
  private let now: Int64

  init() throws {
    directory = try TemporaryDirectory()
    // The witness knows the real time only.
    now = Int64(Date().timeIntervalSince1970) * Given.second
    authority = try Authority(loadingOrCreatingIn: directory.path, nanoseconds: now)
  }

  private func openssl(_ arguments: String...) throws -> OpenSSLWitness.Answer {
    try OpenSSLWitness.run(arguments, in: directory)
  }

  private func issue(_ request: String) throws -> Authority.Issued {
    try authority.issue(
      server: Given.server(1), request: SigningRequest(pem: request),
      lifetimeNanoseconds: 30 * Given.day, nanoseconds: now)
  }

  @Test func theAuthorityIsOneOfLeavesForTenYears() throws {
    let text = try openssl("x509", "-in", "ca.pem", "-noout", "-text").text
    #expect(text.contains("CN = Integrated Manager for Lustre CA "))
    #expect(text.contains("CA:TRUE, pathlen:0"))
    #expect(text.contains("Certificate Sign, CRL Sign"))
    #expect(text.contains("NIST CURVE: P-256"))
    let inNineYears = "\(9 * 365 * 86_400)"
    #expect(try openssl("x509", "-in", "ca.pem", "-checkend", inNineYears).status == 0)
    #expect(try openssl("verify", "-CAfile", "ca.pem", "ca.pem").status == 0)
    let print = try openssl("x509", "-in", "ca.pem", "-noout", "-fingerprint", "-sha256").text
    let digest = print.split(separator: "=").last?.filter { $0.isHexDigit }.lowercased()
    #expect(digest == authority.authorityDigest)
  }

  @Test func aServersCertificateIsForClientsOnly() throws {
    let issued = try issue(AgentKey().request())
    try directory.put("server.pem", Array(issued.pem.utf8))
    let client = try openssl(
      "verify", "-x509_strict", "-CAfile", "ca.pem", "-purpose", "sslclient", "server.pem")
    #expect(client.status == 0, "\(client.text)")
    let server = try openssl("verify", "-CAfile", "ca.pem", "-purpose", "sslserver", "server.pem")
    #expect(server.status != 0)
    let text = try openssl("x509", "-in", "server.pem", "-noout", "-text", "-serial").text
    #expect(text.contains("URI:urn:iml:server:\(Given.server(1))"))
    #expect(text.contains("TLS Web Client Authentication"))
    #expect(text.contains("CA:FALSE"))
    #expect(text.lowercased().contains("serial=\(issued.serial)"))
  }

  @Test func theManagersCertificateIsForItsNamesAndAddresses() throws {
    let key = AgentKey().key
    let issued = try authority.issueManager(
      key: key.publicKey, names: ["manager.example", "192.0.2.7", "2001:db8::7"],
      lifetimeNanoseconds: 90 * Given.day, nanoseconds: now)
    try directory.put("manager.pem", Array(issued.pem.utf8))
    for name in [
      ["-verify_hostname", "manager.example"], ["-verify_ip", "192.0.2.7"],
      ["-verify_ip", "2001:db8::7"],
    ] {
      let answer = try OpenSSLWitness.run(
        ["verify", "-x509_strict", "-CAfile", "ca.pem", "-purpose", "sslserver"] + name
          + ["manager.pem"], in: directory)
      #expect(answer.status == 0, "\(answer.text)")
    }
    #expect(
      try openssl("verify", "-CAfile", "ca.pem", "-verify_ip", "192.0.2.8", "manager.pem").status
        != 0)
    #expect(
      try openssl("verify", "-CAfile", "ca.pem", "-purpose", "sslclient", "manager.pem").status != 0
    )
  }

  @Test(arguments: [
    (["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], true),
    (["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"], true),
    (["-newkey", "ed25519"], true),
    (["-newkey", "rsa:2048"], false),
    (["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"], false),
  ])
  func requestsOfOthersAreTakenByTheKindOfTheirKey(options: [String], isTaken: Bool) async throws {
    let made = try OpenSSLWitness.run(
      ["req", "-new", "-nodes", "-subj", "/CN=x", "-keyout", "k.pem", "-out", "r.pem"] + options,
      in: directory)
    try #require(made.status == 0, "\(made.text)")
    let request = String(decoding: try directory.contents("r.pem"), as: UTF8.self)
    let refused = await refusal {
      let issued = try issue(request)
      try directory.put("server.pem", Array(issued.pem.utf8))
    }
    #expect((refused == nil) == isTaken)
    if isTaken {
      #expect(
        try openssl("verify", "-CAfile", "ca.pem", "-purpose", "sslclient", "server.pem").status
          == 0)
    } else {
      #expect(refused?.reason == "its key is none of P-256, P-384 and Ed25519")
    }
  }
}
