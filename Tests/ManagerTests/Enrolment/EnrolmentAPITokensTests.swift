import ManagerCore
import Protocol
import Testing

@testable import Manager

@Suite struct EnrolmentAPITokensTests {
  private func create(
    _ site: TrustSite, _ name: String = "grafana", _ role: Role = .viewer, seconds: Int64? = nil
  ) async throws -> APITokenView {
    try await site.apiTokens.create(
      APITokenRequest(name: name, role: role, lifetimeSeconds: seconds), by: "root")
  }

  @Test func aTokenTellsWhoAsks() async throws {
    let site = try await TrustSite()
    let made = try await create(site, "ci", .operator)
    let holder = try await site.apiTokens.authenticate(made.secret ?? "")
    #expect(holder == APITokens.Holder(tokenID: made.id, name: "ci", role: .operator))
    #expect(try await site.apiTokens.list().map(\.secret) == [nil])
    try site.store.close()
    let file = String(decoding: try site.directory.contents("state.sqlite"), as: UTF8.self)
    #expect(!file.contains(made.secret?.split(separator: ".").last ?? "?"))
  }

  @Test func wrongTokensTellNothing() async throws {
    let site = try await TrustSite()
    let made = try await create(site)
    let right = try #require(made.secret)
    let wrong = [
      "", "x", "a.b.c", String(right.dropLast()), right + "0", "imlapi1.\(made.id).",
      "imlapi1..\(right.split(separator: ".").last ?? "")", String(repeating: "z", count: 10_000),
    ]
    for text in wrong {
      #expect(try await site.apiTokens.authenticate(text) == nil)
    }
  }

  @Test func aTokenEnds() async throws {
    let site = try await TrustSite()
    let short = try await create(site, seconds: 60)
    let long = try await create(site)
    #expect(try await site.apiTokens.authenticate(short.secret ?? "") != nil)
    site.clock.advance(60 * Given.second)
    #expect(try await site.apiTokens.authenticate(short.secret ?? "") == nil)
    #expect(try await site.apiTokens.authenticate(long.secret ?? "") != nil)
    try await site.apiTokens.revoke(long.id, by: "root")
    #expect(try await site.apiTokens.authenticate(long.secret ?? "") == nil)
    #expect(try await site.store.audit(newest: 1).first?.action == "api-token.revoke")
    #expect(
      await refusal { try await site.apiTokens.revoke("none", by: "root") }?.code == "not-found")
  }

  @Test func theOperatorIsToldWhyATokenIsRefused() async throws {
    func code(_ text: String) async throws -> String? {
      if case .refused(let diagnostic) = try await site.apiTokens.judge(text) {
        #expect(!diagnostic.reason.isEmpty)
        #expect(text.isEmpty || !"\(diagnostic)".contains(text))
        return diagnostic.code
      }
      return nil
    }
    let site = try await TrustSite()
    let short = try await create(site, "nagios", seconds: 60)
    let long = try await create(site)
    let (shortText, longText) = (try #require(short.secret), try #require(long.secret))
    #expect(try await code(shortText) == nil)
    #expect(try await code("imlapi1.\(long.id).wrong") == "token-unknown")
    #expect(try await code("imlapi1.nobody.wrong") == "token-unknown")
    #expect(try await code("") == "token-malformed")
    site.clock.advance(90 * Given.second)
    #expect(try await code(shortText) == "token-expired")
    guard case .refused(let expired) = try await site.apiTokens.judge(shortText) else { return }
    #expect(expired.subject == "\(short.id) (nagios)")
    #expect(expired.reason == "the token expired 30 s ago")
    try await site.apiTokens.revoke(long.id, by: "root")
    #expect(try await code(longText) == "token-revoked")
    // Without its secret nobody learns from the log what became of it either.
    #expect(try await code("imlapi1.\(long.id).wrong") == "token-unknown")
  }

  @Test func absurdTokensAreNotMade() async throws {
    let site = try await TrustSite()
    for name in ["", "a\nb", "\u{9B}31m", String(repeating: "x", count: 101)] {
      #expect(await refusal { _ = try await create(site, name) }?.code == "request-malformed")
    }
    #expect(
      await refusal { _ = try await create(site, seconds: .max) }?.code == "request-malformed")
    #expect(
      await refusal { _ = try await create(site, "x", .unrecognised) }?.code == "request-malformed")
    #expect(try await site.apiTokens.list().isEmpty)
  }
}

@Suite struct EnrolmentRateTests {
  @Test func aBucketFillsAgainWithTime() {
    var rate = EnrolmentRate()
    let taken = (0..<100).count { _ in rate.take("a", now: 0) }
    #expect(taken == 30)
    let later = [999_999_999, 1_000_000_000, 1_000_000_000].map { rate.take("a", now: $0) }
    #expect(later == [false, true, false])
  }

  @Test func allAddressesTogetherAreLimited() {
    var rate = EnrolmentRate()
    let taken = (0..<1_000).count { number in rate.take("\(number)", now: 0) }
    #expect(taken == 300)
  }

  @Test func theTableIsBoundedAndForgetsTheIdle() {
    var rate = EnrolmentRate()
    for number in 0..<20_000 { _ = rate.take("\(number)", now: 0) }
    #expect(rate.knownAddresses <= EnrolmentRate.addresses)
    // A minute later the early ones are full again and make room.
    let isFreshTaken = rate.take("fresh", now: 60_000_000_000)
    #expect(isFreshTaken)
    #expect(rate.knownAddresses <= EnrolmentRate.addresses)
  }

  @Test func aClockThatStandsStillOrGoesBackGivesNothing() {
    var rate = EnrolmentRate()
    for _ in 0..<30 { _ = rate.take("a", now: 100_000_000_000) }
    let later = [50_000_000_000, 100_000_000_000].map { rate.take("a", now: $0) }
    #expect(later == [false, false])
  }
}
