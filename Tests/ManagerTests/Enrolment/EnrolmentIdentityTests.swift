import ManagerCore
import Protocol
import Synchronization
import Testing

@testable import Manager

@Suite struct EnrolmentIdentityTests {
  private func accepted(_ verdict: PeerVerdict) -> ServerID? {
    if case .accepted(let server, _) = verdict { server } else { nil }
  }

  @Test func aServerOfTheSameNameKeepsItsIdentity() async throws {
    let site = try await TrustSite()
    let first = try await site.enrol("oss1")
    let second = try await site.enrol("oss1", previous: first.server)
    #expect(second.server == first.server)
    #expect(accepted(try await site.judge(second)) == first.server)
    // The old key is worth nothing any more.
    guard case .refused(let diagnostic) = try await site.judge(first) else {
      Issue.record("the old certificate is still accepted")
      return
    }
    #expect(diagnostic.code == "certificate-revoked")
  }

  @Test func nobodyTakesOverTheIdentityOfALiveServer() async throws {
    let site = try await TrustSite()
    let victim = try await site.enrol("oss1")
    let refused = await refusal { try await site.enrol("evil", previous: victim.server) }
    #expect(refused?.code == "already-enrolled")
    #expect(refused?.remedy.contains("iml server forget oss1") == true)
    #expect(accepted(try await site.judge(victim)) == victim.server)
    #expect(try await site.store.server(victim.server)?.hostname == "oss1")
  }

  @Test func aConnectedServerIsNotEnrolledOver() async throws {
    let site = try await TrustSite()
    let first = try await site.enrol("oss1")
    site.connectedServers.insert(first.server)
    let refused = await refusal { try await site.enrol("oss1", previous: first.server) }
    #expect(refused?.code == "already-enrolled")
  }

  @Test func aForgottenRevokedOrExpiredIdentityMayBeTakenUpUnderAnotherName() async throws {
    let site = try await TrustSite()
    let forgotten = try await site.enrol("oss1")
    try await site.enrolment.forget(forgotten.server, by: "root")
    let back = try await site.enrol("oss1-new", previous: forgotten.server)
    #expect(back.server == forgotten.server)
    #expect(accepted(try await site.judge(back)) == back.server)
    #expect(try await site.store.server(back.server)?.isForgotten == false)

    site.clock.advance(31 * Given.day)
    let again = try await site.enrol("oss1-newer", previous: back.server)
    #expect(again.server == forgotten.server)
  }

  @Test func anIdentityOfAnotherManagerIsReplaced() async throws {
    let site = try await TrustSite()
    let answer = try await site.enrol("oss1", previous: Given.server(99))
    #expect(answer.server != Given.server(99))
  }

  @Test func renewalGivesANewCertificateAndKeepsTheOld() async throws {
    let site = try await TrustSite()
    let first = try await site.enrol("oss1")
    let serial = try #require(try await site.store.server(first.server)?.certificateSerial)
    site.clock.advance(20 * Given.day)
    let renewed = try await site.enrolment.renew(
      first.server, serial: serial, request: AgentKey().request())
    #expect(renewed.authority == site.authority.certificatePEM)
    #expect(accepted(await site.judge([try der(renewed.certificate)])) == first.server)
    // The agent may crash before it stores the new one.
    #expect(accepted(try await site.judge(first)) == first.server)
    let stored = try #require(try await site.store.server(first.server))
    #expect(stored.certificateSerial != serial)
    #expect(stored.certificateExpiresNanoseconds == site.clock.now + 30 * Given.day)
    #expect(try await site.store.audit(newest: 1).first?.action == "certificate.renew")
  }

  @Test func renewingWithoutEndIsRefusedAndOthersAreServed() async throws {
    let site = try await TrustSite()
    let one = try await site.enrol("oss1")
    let two = try await site.enrol("oss2")
    let serials = try await site.store.servers().map(\.certificateSerial)
    func renew(_ server: ServerID, _ serial: String) async throws -> Diagnostic? {
      let request = try AgentKey().request()
      return await refusal {
        _ = try await site.enrolment.renew(server, serial: serial, request: request)
      }
    }
    for _ in 0..<10 { #expect(try await renew(one.server, serials[0]) == nil) }
    let refused = try await renew(one.server, serials[0])
    #expect(refused?.code == "rate-limited")
    #expect(refused?.subject == one.server.text)
    #expect(refused?.remedy.contains("iml server revoke") == true)
    #expect(try await renew(two.server, serials[1]) == nil)
    // What agents do goes on for ever.
    for _ in 0..<20 {
      site.clock.advance(60 * Given.second)
      #expect(try await renew(one.server, serials[0]) == nil)
    }
  }

  @Test func certificatesThatLiveForSecondsAreRenewedAsOften() {
    var rate = RenewalRate(lifetimeNanoseconds: 6 * Given.second)
    for round in 0..<100 {
      let isTaken = rate.take(Given.server(1), now: Int64(round) * 2 * Given.second)
      #expect(isTaken)
    }
  }

  @Test func graceRenewalBringsAServerBack() async throws {
    let site = try await TrustSite()
    let first = try await site.enrol("oss1")
    site.clock.advance(100 * Given.day)
    guard case .graceRenewal(let server, let serial) = try await site.judge(first) else {
      Issue.record("no grace")
      return
    }
    let renewed = try await site.enrolment.renew(
      server, serial: serial, request: AgentKey().request())
    #expect(accepted(await site.judge([try der(renewed.certificate)])) == first.server)
  }

  @Test func revokedAndForgottenServersDoNotRenew() async throws {
    let site = try await TrustSite()
    let one = try await site.enrol("oss1")
    let two = try await site.enrol("oss2")
    let serials = try await site.store.servers().map(\.certificateSerial)
    try await site.enrolment.revoke(one.server, by: "root")
    try await site.enrolment.forget(two.server, by: "root")
    func code(_ server: ServerID, _ serial: String) async throws -> String? {
      let request = try AgentKey().request()
      return await refusal {
        _ = try await site.enrolment.renew(server, serial: serial, request: request)
      }?.code
    }
    #expect(try await code(one.server, serials[0]) == "certificate-revoked")
    #expect(try await code(two.server, serials[1]) == "server-forgotten")
    #expect(try await code(Given.server(9), "00") == "server-forgotten")
    #expect(try await site.store.certificates().count == 2)
  }

  @Test func whoeverWatchesHearsOfEveryRevocation() async throws {
    let site = try await TrustSite()
    let heard = Mutex<[TrustRegistry.Revocation]>([])
    site.registry.onRevocation { revocation in heard.withLock { $0.append(revocation) } }
    let one = try await site.enrol("oss1")
    let serial = try #require(try await site.store.server(one.server)?.certificateSerial)
    try await site.enrolment.revoke(one.server, by: "root")
    try await site.enrolment.forget(one.server, by: "root")
    let revocations = heard.withLock { $0 }
    #expect(revocations.map(\.server) == [one.server, one.server])
    #expect(revocations.map(\.serials) == [[serial], []])
    #expect(
      revocations.map(\.diagnostic.code) == ["certificate-revoked", "server-forgotten"])
    let row = try #require(
      try await site.store.certificates(of: one.server).first { $0.serial == serial })
    #expect(row.revokedNanoseconds == site.clock.now)
    #expect(row.revokedReason == "revoked by root")
  }

  @Test func anUnknownServerCanNotBeForgotten() async throws {
    let site = try await TrustSite()
    let refused = await refusal { try await site.enrolment.forget(Given.server(9), by: "root") }
    #expect(refused?.code == "not-found")
  }
}
