import AgentCore
import Crypto
import Foundation
@testable import Manager
import ManagerCore
import NIOSSL
import NodeAgent
import Platform
import Protocol
import Synchronization
import Testing
import X509

/// Both programs' real shells over real sockets and TLS.
@Suite(.serialized) struct LiveLinkSerialTests {
  @Test func anEnrolledAgentIsHeardAndItsSamplesAreStored() async throws {
    try await withManager { site in
      try await site.enrol("oss01")
      try await site.withAgent("oss01") { _ in
        try await eventually("oss01 is connected") {
          try await site.server("oss01").summary.contact == .connected
        }
        try await eventually("its samples can be asked for") {
          (try? await site.metric("test_host_runs_total"))?.groups.first?.samples ?? 0 >= 3
        }
      }
      let detail = try await site.server("oss01")
      #expect(detail.summary.readsTree)
      #expect(detail.losses.isEmpty)
    }
  }

  @Test func aBatchIsAcknowledgedAtOnceThoughItsBlockIsStoredMuchLater() async throws {
    try await withManager(flushInterval: .seconds(3_600)) { site in
      try await site.enrol("oss01")
      let declaration = SeriesDeclaration(
        key: SeriesKey(subject: .server, metric: "test_total"), kind: .counter, unit: "1")
      var encoder = SampleEncoder()
      let batch = SampleBatch(
        order: 1, stamp: Stamp(bootNanoseconds: 1, wallNanoseconds: 1), ids: [0], bits: [42])
      // The manager ends the session when the peer has been silent for a few seconds.
      let said = try await exchange(
        try hello(
          site, "oss01",
          then: .declare([0: declaration]), .samples(encoded: encoder.encode(batch))),
        port: site.addresses.agentsPort, tls: try context(site, "oss01"))
      #expect(try messages(in: said).contains(.acknowledge(order: 1)))
      let files = try FileManager.default.contentsOfDirectory(
        atPath: "\(site.directory)/manager/frames")
      #expect(files == ["00000001.log"])
    }
  }

  @Test func aTokenIsUsedOnceAndItsSecondUserLearnsWhy() async throws {
    try await withManager { site in
      let token = try await site.token()
      try await site.enrol("oss01", token: token)
      do {
        try await site.enrol("oss02", token: token)
        Issue.record("a token was used twice")
      } catch let error as DiagnosticError {
        #expect(error.diagnostic.code == DiagnosticCode.tokenUsedUp.rawValue)
      }
      #expect(try site.files("oss02").settings() == nil)
    }
  }

  @Test func anAgentWithAnotherSitesTokenTrustsNobody() async throws {
    try await withManager { other in
      let token = try await other.token()
      try await withManager { site in
        do {
          try await site.enrol("oss01", token: token)
          Issue.record("a stranger was trusted")
        } catch let error as DiagnosticError {
          #expect(error.diagnostic.code == DiagnosticCode.managerUnproven.rawValue)
        }
      }
    }
  }

  @Test func aCertificateIsRenewedOverTheSessionThatGoesOn() async throws {
    try await withManager(certificateLifetime: .seconds(6)) { site in
      try await site.enrol("oss01")
      let first = try site.files("oss01").certificate().serialNumber
      try await site.withAgent("oss01") { _ in
        try await eventually("the agent has a new certificate", within: .seconds(30)) {
          try site.files("oss01").certificate().serialNumber != first
        }
        // Read anew each time: another third of the short life may pass meanwhile.
        try await eventually("the manager shows the new one", within: .seconds(30)) {
          let held = CertificateNames.serial(try site.files("oss01").certificate())
          return try await site.server("oss01").certificateSerial == held
        }
        let detail = try await site.server("oss01")
        #expect(detail.summary.contact == .connected)
        #expect(detail.losses.isEmpty)
      }
    }
  }

  @Test func anExpiredCertificateWithinTheGraceRenewsItself() async throws {
    try await withManager(certificateLifetime: .seconds(1)) { site in
      try await site.enrol("oss01")
      let first = try site.files("oss01").certificate()
      try await eventually("it has expired") { Date() > first.notValidAfter + 1 }
      try await site.withAgent("oss01") { _ in
        try await eventually("it was renewed") {
          try site.files("oss01").certificate().serialNumber != first.serialNumber
        }
      }
    }
  }

  @Test func aServerThatIsAwayShowsThatItsCertificateIsRevoked() async throws {
    try await withManager { site in
      try await site.enrol("oss01")
      #expect(try await site.server("oss01").summary.isRevoked == false)
      try await site.local("POST", "/api/v1/servers/oss01/revoke")
      let server = try await site.server("oss01").summary
      #expect(server.isRevoked == true && server.contact == .never)
    }
  }

  @Test func revocationCutsALiveSessionAndIsToldAtTheNextTry() async throws {
    try await withManager { site in
      try await site.enrol("oss01")
      try await site.enrol("oss02")
      let bystander = site.agent("oss02")
      let running = Task { try await bystander.run() }
      defer { running.cancel() }
      try await site.withAgent("oss01") { agent in
        try await eventually("connected") { await agent.isConnected() }
        try await site.local("POST", "/api/v1/servers/oss01/revoke")
        try await eventually("its session ended") { await !agent.isConnected() }
      }
      try await eventually("the other is served") { await bystander.isConnected() }
      // What it is told when it dials again.
      let said = try await exchange(
        try hello(site, "oss01"), port: site.addresses.agentsPort, tls: try context(site, "oss01"))
      #expect(try goodbye(in: said).code == DiagnosticCode.certificateRevoked.rawValue)
    }
  }

  @Test func aPeerThatShookHandsBeforeItsRevocationIsRefusedAtItsHello() async throws {
    try await withManager { site in
      try await site.enrol("oss01")
      let hello = try hello(site, "oss01")
      let context = try context(site, "oss01")
      // The manager has judged the handshake by then, or does it now; neither may let the peer in.
      let said = try? await exchange(hello, port: site.addresses.agentsPort, tls: context) {
        _ = try await site.server("oss01")
        try await site.local("POST", "/api/v1/servers/oss01/revoke")
      }
      if let said, !said.isEmpty {
        #expect(try goodbye(in: said).code == DiagnosticCode.certificateRevoked.rawValue)
      }
      #expect(try await site.server("oss01").summary.contact == .never)
    }
  }

  @Test func anAgentThatUsesAnothersIdentityIsRefusedByName() async throws {
    try await withManager { site in
      try await site.enrol("oss01")
      try await site.enrol("oss02")
      let said = try await exchange(
        try hello(site, "oss02"), port: site.addresses.agentsPort, tls: try context(site, "oss01"))
      #expect(try goodbye(in: said).code == DiagnosticCode.identityMismatch.rawValue)
    }
  }

  @Test func garbageInsideTlsIsAnsweredWithItsReason() async throws {
    try await withManager { site in
      try await site.enrol("oss01")
      let said = try await exchange(
        Array("GET / HTTP/1.1\r\n\r\n\r\n\r\n".utf8), port: site.addresses.agentsPort,
        tls: try context(site, "oss01"))
      #expect(try goodbye(in: said).code == DiagnosticCode.frameTooLarge.rawValue)
    }
  }

  @Test func garbageInsteadOfTlsLeavesTheOthersServed() async throws {
    try await withManager { site in
      try await site.enrol("oss01")
      try await site.withAgent("oss01") { agent in
        try await eventually("connected") { await agent.isConnected() }
        for port in [site.addresses.agentsPort, site.addresses.httpsPort] {
          _ = try? await exchange(Array(repeating: 0x41, count: 10_000), port: port)
        }
        #expect(await agent.isConnected())
        // A loaded machine may hold a heartbeat up for a moment; the session must stand.
        let contact = try await site.server("oss01").summary.contact
        #expect(contact == .connected || contact == .suspect)
      }
    }
  }

  @Test func aReadThatHangsHoldsUpNoOtherAndRecovers() async throws {
    let gate = Gate()
    try await withManager { site in
      try await site.enrol("oss01")
      let collectors = [
        CollectorTask.counting("quick"), CollectorTask.counting("stuck") { gate.pass() },
      ]
      try await site.withAgent("oss01", collectors: collectors) { _ in
        try await eventually("the quick one goes on") {
          (try? await site.metric("test_quick_runs_total"))?.groups.first?.samples ?? 0 >= 5
        }
        try await eventually("the stuck one is named") {
          try await site.server("oss01").findings.contains {
            $0.diagnostic.code == DiagnosticCode.collectorStalled.rawValue
          }
        }
        gate.open()
        try await eventually("the stuck one is back") {
          (try? await site.metric("test_stuck_runs_total"))?.groups.first?.samples ?? 0 >= 2
        }
      }
    }
  }

  @Test func anAgentThatEndedLeavesItsSpoolToTheNext() async throws {
    try await withManager { site in
      try await site.enrol("oss01")
      let first = site.agent("oss01")
      let running = Task { try await first.run() }
      try await eventually("connected") { await first.isConnected() }
      // Without a word, as a server loses its power.
      running.cancel()
      _ = await running.result
      try await site.withAgent("oss01") { second in
        try await eventually("the next one is connected") { await second.isConnected() }
        try await eventually("its spool is told of") {
          let own = try await site.server("oss01").sections.first {
            $0.isCurrent && $0.key.name == CollectorsSection.sectionName
          }
          guard let own else { return false }
          let told = try CanonicalJSON.decode(
            CollectorsSection.self, from: try CanonicalJSON.encode(own.body))
          return told.collectors.contains { $0.name == "spool" && $0.outcome == .sampled }
        }
      }
      #expect(await !first.isConnected(), "it is kept until here")
    }
  }

  @Test func aHostNameWithControlCharactersIsRefused() async throws {
    try await withManager { site in
      try await site.enrol("oss01")
      let said = try await exchange(
        try hello(site, "oss01", calls: "oss01\u{1b}[31m"), port: site.addresses.agentsPort,
        tls: try context(site, "oss01"))
      #expect(try goodbye(in: said).code == DiagnosticCode.messageMalformed.rawValue)
    }
  }

  @Test func anEnrolmentOutlivesTheManagersRestart() async throws {
    let directory = try temporaryDirectory()
    try await withManager(directory: directory) { site in try await site.enrol("oss01") }
    try await withManager(directory: directory) { site in
      #expect(try await site.server("oss01").summary.contact == .never)
      let said = try await exchange(
        try hello(site, "oss01"), port: site.addresses.agentsPort, tls: try context(site, "oss01"))
      #expect(!said.isEmpty)
      #expect(throws: LiveSite.Refused.self) { try goodbye(in: said) }
    }
  }

  @Test func anAgentHearsSignsOfLifeThatItsVersionKnows() async throws {
    try await withManager { site in
      try await site.enrol("oss01")
      for (minor, type) in [(1, MessageType.heartbeat), (2, MessageType.alive)] {
        // It is silent after its hello, and given up after three seconds.
        let said = try await exchange(
          try hello(site, "oss01", minor: minor), port: site.addresses.agentsPort,
          tls: try context(site, "oss01"))
        let types = Set(try messages(in: said).map(\.type))
        let lively = [MessageType.heartbeat.rawValue, MessageType.alive.rawValue]
        #expect(types.intersection(lively) == [type.rawValue])
      }
    }
  }

  // MARK: A peer by hand

  private func hello(
    _ site: LiveSite, _ name: String, minor: Int = Hello.minorVersion,
    calls itself: String? = nil, then more: Message...
  ) throws -> [UInt8] {
    let settings = try #require(try site.files(name).settings())
    var lanes = OutboundLanes()
    try lanes.enqueue(
      .hello(
        Hello(
          minor: minor, server: settings.server, boot: BootID("b"), incarnation: "i",
          hostname: itself ?? name,
          agentVersion: "0", highestOrder: 0, readsTree: true)))
    let stamp = Stamp(bootNanoseconds: 1, wallNanoseconds: 1)
    let frame = lanes.nextFrame(stamp: stamp)
    var bytes = try #require(frame).encoded()
    for message in more { try lanes.enqueue(message) }
    while let frame = lanes.nextFrame(stamp: stamp) { bytes += frame.encoded() }
    return bytes
  }

  private func context(_ site: LiveSite, _ name: String) throws -> NIOSSLContext {
    let files = site.files(name)
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.certificateChain = try NIOSSLCertificate.fromPEMBytes(files.certificatePEM())
      .map { .certificate($0) }
    configuration.privateKey = .privateKey(
      try NIOSSLPrivateKey(bytes: files.keyPEM(), format: .pem))
    return try NIOSSLContext(configuration: configuration)
  }

  private func messages(in bytes: [UInt8]) throws -> [Message] {
    var decoder = FrameDecoder()
    var assembler = FrameAssembler()
    var messages: [Message] = []
    for frame in try decoder.feed(bytes.span) {
      if let message = try assembler.add(frame) { messages.append(message) }
    }
    return messages
  }

  private func goodbye(in bytes: [UInt8]) throws -> Diagnostic {
    for message in try messages(in: bytes) {
      if case .goodbye(let diagnostic) = message { return diagnostic }
    }
    throw LiveSite.Refused(status: "", body: "no goodbye in \(bytes.count) bytes")
  }
}

/// Holds threads until it is opened.
private final class Gate: Sendable {
  private let isOpen = Mutex(false)
  func open() { isOpen.withLock { $0 = true } }
  func pass() {
    while !isOpen.withLock({ $0 }) { usleep(10_000) }
  }
}
