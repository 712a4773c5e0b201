import GRDB
import ManagerCore
import Protocol
import Testing

@testable import Manager

@Suite struct StoreTrustTests {
  private let directory: TemporaryDirectory
  private let store: StateStore

  init() throws {
    directory = try TemporaryDirectory()
    store = try StateStore(directory: StateDirectory(path: directory.path))
  }

  private func entry(_ number: Int, hostname: String) -> ServerEntry {
    ServerEntry(
      id: Given.server(number), hostname: hostname, profile: .monitor,
      enrolledNanoseconds: Given.now, certificateSerial: "0a\(number)",
      certificateExpiresNanoseconds: Given.now + 30 * Given.day)
  }

  private func heard(_ server: ServerEntry) -> StateEffect {
    .persistServer(
      ServerRecord(
        id: server.id, hostname: server.hostname, profile: server.profile.rawValue,
        enrolledNanoseconds: 0, lastBoot: BootID("b1"), lastHeardNanoseconds: 77))
  }

  @Test func everythingOutlivesTheProcess() async throws {
    let server = entry(1, hostname: "oss1")
    let certificate = CertificateEntry(
      serial: "0a1", server: server.id, notBeforeNanoseconds: 1, notAfterNanoseconds: 2)
    let enrolment = EnrolmentTokenEntry(
      id: "e", secretDigest: Array(repeating: 7, count: 32), profile: .managed, usesLeft: 3,
      createdNanoseconds: 1, expiresNanoseconds: 2, createdBy: "root")
    let api = APITokenEntry(
      id: "a", name: "grafana", role: .viewer, secretDigest: Array(repeating: 9, count: 32),
      createdNanoseconds: 1, expiresNanoseconds: nil, createdBy: "root")
    let audit = AuditEntry(nanoseconds: 5, who: "root", action: "x", subject: "y", outcome: "z")
    try await store.write { db in
      try server.save(db)
      try certificate.insert(db)
      try enrolment.insert(db)
      try api.insert(db)
      try audit.insert(db)
    }
    try await store.apply([heard(server)])
    try await store.write { db in
      try StateStore.put(.target, "t1", ["label": "fs1-OST0000", "é": "\u{0}x"], db)
    }
    try store.close()

    let copy = try TemporaryDirectory()
    try copy.put("state.sqlite", try directory.contents("state.sqlite"))
    let again = try StateStore(directory: StateDirectory(path: copy.path))
    var expected = server
    expected.boot = BootID("b1")
    expected.heardNanoseconds = 77
    #expect(try await again.servers() == [expected])
    #expect(try await again.server(server.id) == expected)
    #expect(try await again.certificates() == [certificate])
    #expect(try await again.enrolmentTokens() == [enrolment])
    #expect(try await again.apiTokens() == [api])
    #expect(try await again.audit(newest: 10) == [audit])
    #expect(
      try await again.documents(.target, as: [String: String].self)
        == ["t1": ["label": "fs1-OST0000", "é": "\u{0}x"]])
  }

  @Test func aFailedTransactionLeavesNothing() async throws {
    let server = entry(1, hostname: "oss1")
    let refused = await refusal {
      try await store.write { db in
        try server.save(db)
        // No such server: the foreign key refuses it.
        try CertificateEntry(
          serial: "0b", server: Given.server(2), notBeforeNanoseconds: 1, notAfterNanoseconds: 2
        ).insert(db)
      }
    }
    #expect(refused?.code == "conflict")
    #expect(try await store.servers().isEmpty)
  }

  @Test func enrollingAnewKeepsWhatWasHeard() async throws {
    let first = entry(1, hostname: "oss1")
    try await store.write { db in try first.save(db) }
    try await store.apply([heard(first)])
    var second = first
    second.hostname = "oss9"
    second.certificateSerial = "0c"
    try await store.write { [second] db in try second.save(db) }
    let stored = try await store.server(first.id)
    #expect(stored?.hostname == "oss9")
    #expect(stored?.boot == BootID("b1"))
    #expect(stored?.heardNanoseconds == 77)
  }

  @Test func documentsOfOneKindDoNotMeetThoseOfAnother() async throws {
    try await store.write { db in
      try StateStore.put(.target, "a", 1, db)
      try StateStore.put(.target, "b", 2, db)
      try StateStore.put(.mgs, "a", 3, db)
      try StateStore.put(.target, "a", 10, db)
    }
    try await store.apply([.removeTarget("b"), .removeTarget("none"), .removeMGS("b")])
    #expect(try await store.documents(.target, as: Int.self) == ["a": 10])
    #expect(try await store.documents(.mgs, as: Int.self) == ["a": 3])
  }

  @Test func aDocumentThatCanNotBeReadIsDamageNotSilence() async throws {
    try await store.write { db in try StateStore.put(.target, "a", "text", db) }
    let refused = await refusal { _ = try await store.documents(.target, as: Int.self) }
    #expect(refused?.code == "database-corrupt")
  }

  @Test func ofManyWhoWantTheLastUsesExactlyThatManyGetOne() async throws {
    let token = EnrolmentTokenEntry(
      id: "e", secretDigest: Array(repeating: 7, count: 32), profile: .monitor, usesLeft: 3,
      createdNanoseconds: 1, expiresNanoseconds: 100, createdBy: "root")
    try await store.write { db in try token.insert(db) }
    let store = store
    let used = try await withThrowingTaskGroup(of: Bool.self) { group in
      for _ in 0..<40 {
        group.addTask {
          try await store.write { db in try EnrolmentTokenEntry.use("e", nanoseconds: 50, db) }
        }
      }
      return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(used == 3)
    #expect(try await store.enrolmentToken("e")?.usesLeft == 0)
  }

  @Test func anExpiredOrRevokedTokenHasNoUse() async throws {
    let token = EnrolmentTokenEntry(
      id: "e", secretDigest: Array(repeating: 7, count: 32), profile: .monitor, usesLeft: 3,
      createdNanoseconds: 1, expiresNanoseconds: 100, createdBy: "root")
    try await store.write { db in try token.insert(db) }
    #expect(
      try await store.write { db in try EnrolmentTokenEntry.use("e", nanoseconds: 100, db) }
        == false)
    try await store.write { db in _ = try EnrolmentTokenEntry.revoke("e", db) }
    #expect(
      try await store.write { db in try EnrolmentTokenEntry.use("e", nanoseconds: 50, db) }
        == false)
    #expect(try await store.enrolmentToken("e")?.usesLeft == 3)
  }
}
