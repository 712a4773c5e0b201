import ManagerCore
import Protocol
import Synchronization
import Testing

@testable import Manager

@Suite struct EnrolmentTests {
  @Test func aTokenMakesAServer() async throws {
    let site = try await TrustSite()
    let token = try await site.token(profile: .managed)
    let answer = try await site.enrolment.enrol(site.request(token), from: "192.0.2.1")
    #expect(answer.agentPort == 8440)
    #expect(answer.profile == "managed")
    #expect(answer.authority == site.authority.certificatePEM)
    let stored = try #require(try await site.store.server(answer.server))
    #expect(stored.hostname == "oss1")
    #expect(stored.profile == .managed)
    #expect(try await site.store.certificates().map(\.serial) == [stored.certificateSerial])
    #expect(try await site.enrolment.tokens().map(\.usesLeft) == [0])
    let audit = try await site.store.audit(newest: 10)
    #expect(audit.map(\.action) == ["enrol", "enrolment-token.create"])
    #expect(audit.map(\.outcome) == ["done", "done"])
    #expect(audit.first?.who == "token \(token.id) from 192.0.2.1")
  }

  @Test func aTokensSecretShowsOnceAndIsNotStored() async throws {
    let site = try await TrustSite()
    let made = try await site.token()
    let secret = try #require(EnrolmentToken(made.secret ?? "")?.secret)
    #expect(try await site.enrolment.tokens().map(\.secret) == [nil])
    try site.store.close()
    let file = String(decoding: try site.directory.contents("state.sqlite"), as: UTF8.self)
    #expect(file.contains(made.id))
    #expect(!file.contains(secret))
  }

  @Test func ofManyWithOneSingleUseTokenExactlyOneEnrols() async throws {
    let site = try await TrustSite()
    let token = try await site.token()
    let outcomes = await withTaskGroup(of: String.self) { group in
      for number in 0..<16 {
        group.addTask {
          await refusal {
            _ = try await site.enrolment.enrol(
              site.request(token, hostname: "oss\(number)"), from: "192.0.2.\(number)")
          }?.code ?? "done"
        }
      }
      return await group.reduce(into: [String: Int]()) { $0[$1, default: 0] += 1 }
    }
    #expect(outcomes == ["done": 1, "token-used-up": 15])
    #expect(try await site.store.servers().count == 1)
    #expect(try await site.store.certificates().count == 1)
  }

  @Test func aTokenOfThreeUsesEnrolsThree() async throws {
    let site = try await TrustSite()
    let token = try await site.token(uses: 3)
    for number in 0..<3 {
      _ = try await site.enrolment.enrol(
        site.request(token, hostname: "oss\(number)"), from: "192.0.2.1")
    }
    let refused = await refusal {
      _ = try await site.enrolment.enrol(site.request(token), from: "192.0.2.1")
    }
    #expect(refused?.code == "token-used-up")
  }

  @Test func badTokensAreToldApartButNotTheirSecrets() async throws {
    let site = try await TrustSite()
    func code(_ text: String) async throws -> String? {
      let request = EnrolmentRequest(
        token: text, certificateRequest: try AgentKey().request(), hostname: "oss1")
      return await refusal { _ = try await site.enrolment.enrol(request, from: "192.0.2.1") }?.code
    }
    let made = try await site.token()
    let token = try #require(EnrolmentToken(made.secret ?? ""))
    var other = token
    other.secret = String(token.secret.reversed())
    #expect(try await code(other.description) == "token-unknown")
    other = token
    other.id = "0000000000000000"
    #expect(try await code(other.description) == "token-unknown")
    other = token
    other.authorityDigest = String(repeating: "0", count: 64)
    #expect(try await code(other.description) == "token-malformed")
    #expect(try await code("hello") == "token-malformed")

    try await site.enrolment.revokeToken(made.id, by: "root")
    #expect(try await code(token.description) == "token-revoked")
    let short = try await site.token(seconds: 10)
    site.clock.advance(10 * Given.second)
    #expect(try await code(short.secret ?? "") == "token-expired")
    #expect(try await site.store.servers().isEmpty)
  }

  @Test func aBadRequestCostsNoUseOfTheToken() async throws {
    let site = try await TrustSite()
    let token = try await site.token()
    var request = try site.request(token)
    request.certificateRequest = "-----BEGIN CERTIFICATE REQUEST-----"
    let refused = await refusal { _ = try await site.enrolment.enrol(request, from: "::1") }
    #expect(refused?.code == "request-malformed")
    for hostname in ["", "oss1\u{1B}[31m", String(repeating: "a", count: 254), "a b"] {
      let refused = await refusal {
        _ = try await site.enrolment.enrol(
          site.request(token, hostname: hostname), from: "::1")
      }
      #expect(refused?.code == "request-malformed")
    }
    _ = try await site.enrolment.enrol(site.request(token), from: "::1")
  }

  @Test func refusalsOfTokensThatWereGoodAreAudited() async throws {
    let site = try await TrustSite()
    let token = try await site.token()
    _ = try await site.enrolment.enrol(site.request(token), from: "192.0.2.1")
    let request = try site.request(token, hostname: "oss2")
    _ = await refusal { _ = try await site.enrolment.enrol(request, from: "192.0.2.9") }
    let row = try #require(try await site.store.audit(newest: 1).first)
    #expect(row.who == "192.0.2.9")
    #expect(row.outcome == "token-used-up")
  }

  @Test func strangersDoNotFillTheAudit() async throws {
    let site = try await TrustSite()
    for token in ["x", "iml1.none.AAAA.BBBB"] {
      let request = EnrolmentRequest(
        token: token, certificateRequest: "", hostname: "oss1", previousServer: nil)
      let refused = await refusal { _ = try await site.enrolment.enrol(request, from: "192.0.2.9") }
      #expect(refused != nil)
    }
    #expect(try await site.store.audit(newest: 10).isEmpty)
  }

  @Test func aGoodTokenDoesNotWaitForThoseThatShareItsAddress() async throws {
    let site = try await TrustSite()
    let guess = EnrolmentRequest(token: "x", certificateRequest: "", hostname: "oss1")
    for _ in 0..<31 {
      _ = await refusal { _ = try await site.enrolment.enrol(guess, from: "192.0.2.66") }
    }
    let token = try await site.token()
    _ = try await site.enrolment.enrol(site.request(token), from: "192.0.2.66")
    let again = await refusal {
      _ = try await site.enrolment.enrol(site.request(token, hostname: "b"), from: "192.0.2.66")
    }
    #expect(again?.code == "rate-limited", "it is good no more")
  }

  @Test func guessingIsSlowAndOthersAreServed() async throws {
    let site = try await TrustSite()
    let guess = EnrolmentRequest(token: "x", certificateRequest: "", hostname: "oss1")
    var codes: [String?] = []
    for _ in 0..<40 {
      codes.append(
        await refusal { _ = try await site.enrolment.enrol(guess, from: "192.0.2.66") }?.code)
    }
    #expect(codes.prefix(30).allSatisfy { $0 == "token-malformed" })
    #expect(codes.suffix(10).allSatisfy { $0 == "rate-limited" })
    try await site.enrol()
    site.clock.advance(2 * Given.second)
    let later = await refusal { _ = try await site.enrolment.enrol(guess, from: "192.0.2.66") }
    #expect(later?.code == "token-malformed")
  }

  @Test func rightTokensAreNotSlowedDown() async throws {
    let site = try await TrustSite()
    let token = try await site.token(uses: 60)
    for number in 0..<60 {
      _ = try await site.enrolment.enrol(
        site.request(token, hostname: "oss\(number)"), from: "192.0.2.1")
    }
    #expect(try await site.store.servers().count == 60)
  }

  @Test func tokensOutOfRangeAreRefused() async throws {
    let site = try await TrustSite()
    for (uses, seconds) in [(0, 10), (1, 0), (-1, 10), (1, .max), (.max, 10)] as [(Int, Int64)] {
      #expect(
        await refusal { _ = try await site.token(uses: uses, seconds: seconds) }?.code
          == "request-malformed")
    }
    #expect(
      await refusal { try await site.enrolment.revokeToken("none", by: "root") }?.code
        == "not-found")
  }
}
