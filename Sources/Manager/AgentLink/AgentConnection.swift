import Logging
import ManagerCore
import NIOCore
import Platform
import Protocol
import Synchronization

/// One agent's connection: bytes to events to the site, and heartbeats the other way.
struct AgentConnection: Sendable {
  let site: Site
  let renewal: any CertificateRenewal
  let slot: PeerSlot
  let address: String
  let logger: Logger
  let serverLog: ServerLog
  /// Called when the peer has said who it is.
  var onHello: @Sendable (any Channel) -> Void = { _ in }

  /// From connecting to a whole hello, the handshake with its own limit included; a peer that sends it
  /// byte by byte has no longer.
  private static let greetingLimit = Duration.seconds(20)

  func serve(_ connection: NIOAsyncChannel<ByteBuffer, ByteBuffer>) async {
    do {
      try await connection.executeThenClose { inbound, outbound in
        let writer = AgentWriter(outbound, connection.channel)
        try await converse(inbound, writer, connection.channel)
      }
    } catch let error as DiagnosticError {
      refused(error.diagnostic)
    } catch {
      if case .refused(let diagnostic)? = slot.value {
        refused(diagnostic)
      } else {
        logger.debug(
          "an agent's connection ended", metadata: ["peer": "\(address)", "reason": "\(error)"])
      }
    }
  }

  private func refused(_ diagnostic: Diagnostic) {
    // A renewal that is to be used at once ends its session too.
    let isFault = diagnostic.severity != .info
    serverLog.log(
      isFault ? .warning : .info,
      isFault ? "an agent was refused" : "an agent's session ended", about: prover,
      [
        "peer": "\(address)", "code": "\(diagnostic.code)", "subject": "\(diagnostic.subject)",
        "reason": "\(diagnostic.reason)",
      ])
  }

  /// Who showed a certificate of this manager, also one that is not let in any more.
  private var prover: String? {
    switch slot.value {
    case .accepted(let server, _), .graceRenewal(let server, _): server.text
    case .refused(let diagnostic): diagnostic.subject
    case nil: nil
    }
  }

  private func converse(
    _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>, _ writer: AgentWriter,
    _ channel: any Channel
  ) async throws {
    let heard = LastHeard { onHello(channel) }
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await self.read(inbound, writer, heard) }
      tasks.addTask { try await self.watch(writer, heard) }
      defer {
        tasks.cancelAll()
        channel.close(promise: nil)
      }
      try await tasks.next()
    }
  }

  /// Heartbeats out, silence noticed.
  private func watch(_ writer: AgentWriter, _ heard: LastHeard) async throws {
    var count: UInt64 = 0
    let began = Clock.monotonic()
    var looked = began
    while true {
      try await Task.sleep(for: WireLimits.heartbeat)
      // A manager that was held up, or its machine, did not listen meanwhile.
      let now = Clock.monotonic()
      if Duration.nanoseconds(now - looked) > WireLimits.heartbeat * 2 { heard.forgive() }
      looked = now
      let silence = Duration.nanoseconds(Clock.monotonic() - heard.nanoseconds)
      guard heard.isGreeted else {
        guard Duration.nanoseconds(Clock.monotonic() - began) > Self.greetingLimit else { continue }
        let silent = Diagnostic(
          .peerSilent, subject: prover ?? address, reason: "no hello within \(Self.greetingLimit)")
        await writer.end(silent)
        throw DiagnosticError(silent)
      }
      if !heard.isBusy, silence > WireLimits.lostAfter {
        heard.fell()
        return
      }
      // A peer that takes no byte is no better than one that sends none.
      if await writer.blockedNanoseconds > WireLimits.lostAfter.wholeNanoseconds {
        heard.fell()
        return
      }
      let beat = heard.minor >= 2 ? Message.alive : .heartbeat(count + 1)
      if await writer.offer(beat) { count += 1 }
    }
  }

  private func read(
    _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>, _ writer: AgentWriter,
    _ heard: LastHeard
  ) async throws {
    var reader: SessionReader?
    do {
      for try await buffer in inbound {
        heard.mark(isBusy: true)
        if reader == nil { reader = try admitted(writer) }
        try await reader?.take([UInt8](buffer.readableBytesView), heard)
        heard.mark(isBusy: false)
      }
    } catch let error as DiagnosticError {
      await writer.end(error.diagnostic)
      await reader?.closed(error.diagnostic, isTold: true)
      throw error
    } catch {
      await reader?.closed(ending(heard))
      throw error
    }
    await reader?.closed(reader?.goodbye ?? ending(heard))
  }

  private func ending(_ heard: LastHeard) -> Diagnostic {
    Diagnostic(
      .peerSilent, .warning, subject: address,
      reason: heard.hasFallenSilent
        ? "not a byte came or was taken for \(WireLimits.lostAfter)" : "the connection was closed")
  }

  private func admitted(_ writer: AgentWriter) throws(DiagnosticError) -> SessionReader {
    switch slot.value {
    case .accepted(let server, let serial):
      return SessionReader(
        IngestSession(server: server, admission: .full), serial: serial, writer: writer,
        connection: self)
    case .graceRenewal(let server, let serial):
      return SessionReader(
        IngestSession(server: server, admission: .renewalOnly), serial: serial, writer: writer,
        connection: self)
    case .refused(let diagnostic): throw DiagnosticError(diagnostic)
    case nil:
      throw DiagnosticError(
        .certificateMissing, subject: address,
        reason: "it showed no certificate in this handshake (a resumed TLS session shows none)")
    }
  }
}

/// When the last byte came, and whether a hello did.
final class LastHeard: Sendable {
  private let state = Mutex(
    (
      nanoseconds: Clock.monotonic(), isBusy: false, isGreeted: false, minor: 0,
      hasFallenSilent: false
    ))
  private let onHello: @Sendable () -> Void
  init(onHello: @escaping @Sendable () -> Void = {}) { self.onHello = onHello }

  var hasFallenSilent: Bool { state.withLock { $0.hasFallenSilent } }
  func fell() { state.withLock { $0.hasFallenSilent = true } }
  var nanoseconds: Int64 { state.withLock { $0.nanoseconds } }
  var isGreeted: Bool { state.withLock { $0.isGreeted } }
  /// Of the protocol that the peer speaks; 0 before its hello.
  var minor: Int { state.withLock { $0.minor } }
  /// What came is being taken in: a silence meanwhile is the manager's own.
  var isBusy: Bool { state.withLock { $0.isBusy } }
  /// The silence until now does not count.
  func forgive() { state.withLock { $0.nanoseconds = Clock.monotonic() } }
  func mark(isBusy: Bool) {
    state.withLock {
      $0.nanoseconds = Clock.monotonic()
      $0.isBusy = isBusy
    }
  }
  func greeted(minor: Int) {
    state.withLock {
      $0.isGreeted = true
      $0.minor = minor
    }
    onHello()
  }
}

/// Signs a request for the server of a session; `serial` is that of the session's certificate.
package protocol CertificateRenewal: Sendable {
  /// - Returns: PEM of the new certificate and of the CA.
  func renew(_ server: ServerID, serial: String, request: String) async throws(DiagnosticError)
    -> (certificate: String, authority: String)
}
