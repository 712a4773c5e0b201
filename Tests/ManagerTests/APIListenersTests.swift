import AsyncHTTPClient
import Foundation
import Glibc
import Manager
import NIOCore
import NIOSSL
import Protocol
import Testing

@Suite(.timeLimit(.minutes(2))) struct APIListenersTests {
  @Test func strangersOnTheTLSPortAreRefusedAndOthersServed() async throws {
    try await withAPI { api async throws in
      let garbage = (0..<4_000).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) }
      let plain = Array("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
      for bytes in [garbage, plain] {
        let answer = try await api.raw(bytes)
        #expect(!String(decoding: answer, as: UTF8.self).contains("200 OK"))
        #expect(try await api.https("GET", "/healthz").status == 200)
      }
      let refusals = api.log.lines.filter { $0.contains("HTTPS connection refused") }
      #expect(refusals.count == 2, "\(refusals)")
      #expect(refusals.allSatisfy { $0.contains("127.0.0.1") })
    }
  }

  @Test func aNewCertificateServesNewConnectionsWithoutARestart() async throws {
    let (old, new) = (try APITestCertificate(), try APITestCertificate())
    try await withAPI(certificate: old) { api async throws in
      #expect(try await api.https("GET", "/healthz").status == 200)
      try api.slot.replace(new.tls)
      let url = "https://localhost:\(api.listening.port)/healthz"
      let (trustsNew, trustsOld) = (new.client(), old.client())
      var refusal: (any Error)?
      do {
        #expect(try await api.ask(trustsNew, url, "GET", token: nil, body: nil).status == 200)
        _ = try await api.ask(trustsOld, url, "GET", token: nil, body: nil)
      } catch { refusal = error }
      try await trustsNew.shutdown()
      try await trustsOld.shutdown()
      #expect(refusal is NIOSSLError, "\(String(describing: refusal))")
      #expect(try await api.https("GET", "/healthz").status == 200, "the open connection lives on")
    }
  }

  @Test func theSocketIsItsOwnersAloneAndGoneAfterwards() async throws {
    let path = try temporaryAPISocketPath()
    try await withAPI(socketPath: path) { api async throws in
      var status = stat()
      #expect(lstat(path, &status) == 0)
      #expect(status.st_mode & 0o777 == 0o600)
      #expect(status.st_mode & S_IFMT == S_IFSOCK)
    }
    #expect(access(path, F_OK) == -1)
  }

  @Test func otherUsersAreRefusedOnTheSocket() async throws {
    try await withAPI(configure: { $0.localCaller = { _ in nil } }) { api async throws in
      for path in ["/api/v1/status", "/healthz"] {
        let reply = try await api.unix("GET", path)
        #expect(reply.status == 403 && reply.code == "forbidden")
        #expect(reply.body.contains("uid \(geteuid())"))
      }
      #expect(api.site.calls.isEmpty)
    }
  }

  @Test func theKernelNamesTheCaller() async throws {
    let name = geteuid() == 0 ? "root" : NSUserName()
    try await withAPI { api async throws in
      #expect(try await api.unix("DELETE", "/api/v1/servers/a").status == 204)
      #expect(api.site.calls == ["forget a by \(name)"])
    }
  }

  @Test func aSocketThatAnswersIsNeverTakenOver() async throws {
    try await withAPI { api async throws in
      let error = await #expect(throws: DiagnosticError.self) {
        try await withAPI(socketPath: api.listening.socketPath) { _ in }
      }
      #expect(error?.diagnostic.code == "port-in-use")
      #expect(error?.diagnostic.subject == api.listening.socketPath)
    }
  }

  @Test func aStaleSocketIsReplaced() async throws {
    let path = try temporaryAPISocketPath()
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    #expect(bound == 0)
    close(descriptor)
    #expect(access(path, F_OK) == 0, "the file outlives its process")
    try await withAPI(socketPath: path) { api async throws in
      #expect(try await api.unix("GET", "/healthz").status == 200)
    }
  }

  @Test func aFileInTheWayIsLeftAlone() async throws {
    let path = try temporaryAPISocketPath()
    let kept = URL(fileURLWithPath: path)
    try Data("precious".utf8).write(to: kept)
    let error = await #expect(throws: DiagnosticError.self) {
      try await APIServer(
        .init(host: "127.0.0.1", port: 0, socketPath: path), site: APIScriptedSite(),
        tls: { try TLSContextSlot(try APITestCertificate().tls).current() },
        logger: APIRecordedLog().logger
      ).run()
    }
    #expect(error?.diagnostic.code == "state-directory-unusable")
    #expect(try Data(contentsOf: kept) == Data("precious".utf8))
    try FileManager.default.removeItem(at: kept.deletingLastPathComponent())
  }

  @Test func aPortInUseIsNamed() async throws {
    try await withAPI { api async throws in
      let port = api.listening.port
      let error = await #expect(throws: DiagnosticError.self) {
        try await withAPI(configure: { $0.port = port }) { _ in }
      }
      #expect(error?.diagnostic.code == "port-in-use")
      #expect(error?.diagnostic.subject == "127.0.0.1:\(port)")
    }
  }

  @Test func aSilentConnectionLosesItsPlace() async throws {
    try await withAPI(configure: { $0.limits.idle = .milliseconds(100) }) { api async throws in
      #expect(try await api.raw([0x16]).isEmpty)
      // The end may be seen before it is told.
      try await eventually("its end is told") {
        api.log.lines.contains { $0.contains("before TLS was agreed on") }
      }
      #expect(try await api.https("GET", "/healthz").status == 200)
    }
  }

  @Test func silentConnectionsOfTheUnixSocketKeepNobodyWaiting() async throws {
    try await withAPI(configure: {
      $0.limits.localConnections = 2
      $0.limits.localUnproven = 2
      // Only giving way can end them in time.
      $0.limits.localGreeting = .seconds(60)
      $0.limits.idle = .seconds(60)
    }) { api async throws in
      try await withThrowingTaskGroup(of: [UInt8].self) { silent in
        for _ in 0..<8 { silent.addTask { try await api.rawUnix(Array("GET ".utf8)) } }
        for _ in 0..<6 {
          let said = try await silent.next()
          #expect(said?.isEmpty == true)
        }
        #expect(try await api.unix("GET", "/api/v1/status").status == 200)
        silent.cancelAll()
      }
      #expect(api.log.lines.contains { $0.contains("it has sent no request, and others wait") })
    }
  }

  /// What they asked for is more than the kernel holds for them.
  @Test func connectionsOfTheUnixSocketThatNeverReadKeepNobodyWaiting() async throws {
    try await withAPI(configure: {
      $0.limits.localConnections = 6
      $0.limits.localResting = 4
      $0.limits.localUnproven = 2
      // Only giving way can end them in time.
      $0.limits.request = .seconds(10)
      $0.limits.idle = .seconds(60)
    }) { api async throws in
      let last = "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
      let requests = String(repeating: "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", count: 2_000)
      var deaf: [any Channel] = []
      for _ in 0..<12 {
        let before = api.log.lines.count
        deaf.append(try await api.deafUnix(Array(requests.utf8)))
        // It has proven who it is.
        while api.log.lines.count == before { try await Task.sleep(for: .milliseconds(1)) }
        let said = try await api.rawUnix(Array(last.utf8))
        #expect(String(decoding: said, as: UTF8.self).contains("200 OK"))
      }
      #expect(api.log.lines.contains { $0.contains("no request of it is worked on") })
      for channel in deaf { try? await channel.close() }
    }
  }

  @Test func aProcessWithTooManyRequestsOnTheUnixSocketIsToldSo() async throws {
    try await withAPI(configure: { $0.limits.localPerProcess = 2 }) { api async throws in
      let requests = String(repeating: "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", count: 2_000)
      var deaf: [any Channel] = []
      for _ in 0..<2 {
        let before = api.log.lines.count
        deaf.append(try await api.deafUnix(Array(requests.utf8)))
        while api.log.lines.count == before { try await Task.sleep(for: .milliseconds(1)) }
      }
      let head = "GET /healthz HTTP/1.1\r\nHost: a\r\n"
      // Until the kernel holds all that it takes for either, hundreds of answers are made, and between two of
      // them another request has its turn.
      try await eventually(
        "neither of them reads, and its third request is refused", within: .seconds(120)
      ) {
        for _ in 0..<50 {
          let said = try await api.rawUnix(Array((head + "Connection: close\r\n\r\n").utf8))
          let text = String(decoding: said, as: UTF8.self)
          guard text.hasPrefix("HTTP/1.1 429 "), text.contains("2 requests of this process") else {
            return false
          }
        }
        return true
      }
      // Its connection is no use any more.
      let said = try await api.rawUnix(Array((head + "\r\n").utf8))
      #expect(String(decoding: said, as: UTF8.self).hasPrefix("HTTP/1.1 429 "))
      for channel in deaf { try? await channel.close() }
      try await eventually("it is served again") {
        try await api.unix("GET", "/healthz").status == 200
      }
    }
  }

  @Test func aConnectionOfTheUnixSocketSendsItsRequestSoonOrEnds() async throws {
    try await withAPI(configure: {
      $0.limits.localGreeting = .seconds(1)
      $0.limits.idle = .seconds(60)
    }) { api async throws in
      // Byte by byte is no better than not at all.
      let said = try await api.rawUnix(Array("GET /healthz HTTP/1.1\r\nHost: ".utf8))
      // Under load its time may be over before a byte of it is read.
      #expect(said.isEmpty || String(decoding: said, as: UTF8.self).hasPrefix("HTTP/1.1 408 "))
      #expect(api.log.lines.contains { $0.contains("no request within 1000 ms") })
    }
  }

  @Test func aConnectionOfTheUnixSocketThatHasSentARequestMayStay() async throws {
    try await withAPI(configure: {
      $0.limits.localGreeting = .seconds(3)
      $0.limits.idle = .seconds(60)
    }) { api async throws in
      let request = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
      let last = "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
      let said = try await api.rawUnix(
        Array(request.utf8), then: Array(last.utf8), after: .milliseconds(3_500))
      #expect(String(decoding: said, as: UTF8.self).components(separatedBy: "200 OK").count == 3)
    }
  }

  @Test func aBodyThatNeverEndsLosesItsPlace() async throws {
    try await withAPI(configure: { $0.limits.request = .milliseconds(1_500) }) { api async throws in
      let url = "https://localhost:\(api.listening.port)/api/v1/enrol"
      let (endless, feed) = AsyncStream.makeStream(of: ByteBuffer.self)
      feed.yield(ByteBuffer(string: "{"))
      let reply = try await api.ask(
        api.client, url, "POST", token: nil, body: .stream(endless, length: .unknown))
      #expect(reply.status == 408)
      feed.finish()
      #expect(!api.log.lines.contains { $0.hasPrefix("error") }, "no fault of the manager's")
      #expect(try await api.https("GET", "/healthz").status == 200)
    }
  }

  @Test func theOldestSilentConnectionOfAnAddressGivesWayToANewOne() async throws {
    try await withAPI(configure: {
      $0.limits.unprovenPerAddress = 2
      // The two that are left end by it.
      $0.limits.idle = .seconds(5)
    }) { api async throws in
      #expect(try await api.https("GET", "/api/v1/status", token: "viewer-secret").status == 200)
      try await withThrowingTaskGroup(of: [UInt8].self) { silent in
        // Half a TLS record each, and nothing more: all but two give way at once.
        for _ in 0..<8 { silent.addTask { try await api.raw([0x16, 0x03, 0x01]) } }
        for _ in 0..<6 {
          let said = try await silent.next()
          #expect(said?.isEmpty == true)
        }
        // Before the next request: its connection may be a new one, which is in somebody's way.
        let given = api.log.lines.filter { $0.contains("it has proven nothing, and others wait") }
        #expect(given.count == 6, "who has shown a token is in nobody's way: \(given)")
        let again = try await api.https("GET", "/api/v1/status", token: "viewer-secret")
        #expect(again.status == 200)
        silent.cancelAll()
      }
    }
  }
}
