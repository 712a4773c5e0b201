import HTTPTypes
import ManagerCore
import Protocol
import Testing

@testable import Manager

@Suite struct APIParsingTests {
  @Test func pathsAreCutBeforeTheyAreDecoded() {
    func split(_ path: String) -> [String]? {
      DecodedSegment.split(path, limit: 16)?.map(\.text)
    }
    #expect(split("/") == [])
    #expect(split("/a/b%2Fc") == ["a", "b/c"])
    #expect(split("/a/%e4") == nil, "no UTF-8")
    #expect(split("/a/%4") == nil)
    #expect(split("/a/%0a") == nil)
    #expect(split("/a//b") == nil)
    #expect(split("/a/") == nil)
    #expect(split("a") == nil)
    #expect(split("") == nil)
    #expect(split("/" + String(repeating: "x", count: 16))?.count == 1)
    #expect(split("/" + String(repeating: "x", count: 17)) == nil)
  }

  @Test func noBytesTrapTheParsers() {
    var state: UInt64 = 42
    let alphabet = Array("/%%0aF?&=+{} \u{e4}x".utf8)
    for _ in 0..<5_000 {
      var bytes: [UInt8] = []
      for _ in 0..<24 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        bytes.append(alphabet[Int(state >> 33) % alphabet.count])
      }
      let text = String(decoding: bytes, as: UTF8.self)
      for segment in DecodedSegment.split(text, limit: 8) ?? [] {
        #expect(!segment.text.isEmpty && segment.text.utf8.count <= 8)
      }
      if let query = try? QueryParameters(text, limits: APILimits()) {
        #expect(query.items.count <= APILimits().queryItems)
      }
      _ = PathPattern(text)
    }
  }

  @Test func queriesAreBounded() {
    let many = Array(repeating: "by=x", count: 65).joined(separator: "&")
    #expect(throws: DiagnosticError.self) { try QueryParameters(many, limits: APILimits()) }
  }

  @Test func onlyRootAndTheManagersOwnUserAreAdmitted() {
    #expect(LocalUsers.caller(user: 0, own: 990, name: "iml") == Caller(name: "root", role: .admin))
    #expect(LocalUsers.caller(user: 990, own: 990, name: "iml")?.name == "iml")
    #expect(LocalUsers.caller(user: 1_000, own: 990, name: "iml") == nil)
    let passwd = "root:x:0:0::/root:/bin/sh\nbroken\niml:x:990:990::/:/sbin/nologin\n"
    #expect(LocalUsers.name(of: 990, in: passwd) == "iml")
    #expect(LocalUsers.name(of: 5, in: passwd) == nil)
  }

  @Test(arguments: [
    (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
    (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
    (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
    (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
  ])
  func datesHaveTheFixedForm(seconds: Int64, text: String) {
    #expect(HTTPDate.text(seconds: seconds) == text)
  }

  @Test func onlyCodesMeantForClientsHaveAStatus() {
    #expect(DiagnosticCode.httpStatus(of: "database-corrupt") == .internalServerError)
    #expect(DiagnosticCode.httpStatus(of: "target-unknown") == nil)
    #expect(DiagnosticCode.httpStatus(of: "from-the-future") == nil)
    #expect(DiagnosticCode.httpStatus(of: "rate-limited") == .tooManyRequests)
    #expect(DiagnosticCode.httpStatus(of: "state-directory-unusable")?.code == 507)
  }

  @Test func theOldestOfACrowdedAddressGivesWayAndNobodyElse() {
    var queue = YieldingQueue(limit: 5, limitPerAddress: 3)
    let other = queue.enter(from: "b")
    #expect(other.evicted == nil)
    let crowd = (0..<3).map { _ in queue.enter(from: "a") }
    #expect(crowd.allSatisfy { $0.evicted == nil })
    #expect(queue.enter(from: "a").evicted == crowd[0].number)
    // Whoever has proven something, or went, makes room.
    queue.leave(crowd[1].number)
    queue.leave(crowd[1].number)
    #expect(queue.enter(from: "a").evicted == nil)
    #expect(queue.enter(from: "a").evicted == crowd[2].number)
    #expect(queue.count == 4)
  }

  @Test func whenAllIsFullTheAddressWithMostGivesWay() {
    var queue = YieldingQueue(limit: 4, limitPerAddress: 3)
    _ = queue.enter(from: "slow")
    let crowd = (0..<3).map { _ in queue.enter(from: "crowd").number }
    #expect(queue.enter(from: "new").evicted == crowd[0])
    #expect(queue.count == 4)
    for _ in 0..<1_000 { _ = queue.enter(from: "crowd") }
    #expect(queue.count == 4, "bounded, whatever comes")
  }
}
