import Logging
import ManagerCore
import Platform
import Protocol

/// Carries one session's events, in their order, to the site.
struct SessionReader {
  private var session: IngestSession
  private let serial: String
  private let writer: AgentWriter
  private var asking: Task<Void, Never>?
  private let connection: AgentConnection
  private var handle: SessionHandle?
  private var series = SessionSeries()
  /// Of the life that is being replayed; one follows another.
  private var replayed: (life: Int, series: SessionSeries) = (0, SessionSeries())
  /// Set when the agent said why it goes.
  private(set) var goodbye: Diagnostic?

  init(
    _ session: IngestSession, serial: String, writer: AgentWriter, connection: AgentConnection
  ) {
    self.session = session
    self.serial = serial
    self.writer = writer
    self.connection = connection
  }

  mutating func take(_ bytes: [UInt8], _ heard: LastHeard) async throws {
    try receive(bytes)
    while let (stamp, event) = try session.next() {
      // Who is given up is not listened to any more, however much it has said.
      if heard.hasFallenSilent { return }
      if case .hello(let hello) = event {
        heard.greeted(minor: hello.minor)
        if session.admission == .full { try await greet(hello, stamp) } else { askForRenewal() }
      } else {
        try await handle(event, stamp)
      }
    }
    if let handle { await connection.site.heard(handle, sent: session.takeNewestStamp()) }
  }

  private mutating func receive(_ bytes: [UInt8]) throws(DiagnosticError) {
    try session.receive(bytes.span)
  }

  /// An agent whose clock is behind does not know that its certificate has expired, and waits for a welcome.
  private mutating func askForRenewal() {
    let reason = Diagnostic(
      .certificateExpired, .warning, subject: session.server.text,
      reason: "its certificate has expired by the manager's clock, and it has not renewed it",
      remedy: "The agent renews it next. If the clocks of the two differ, set them right.")
    let (writer, server) = (writer, session.server)
    asking = Task { [log = connection.serverLog] in
      // The request of one that knows comes right behind its hello.
      guard (try? await Task.sleep(for: .seconds(2))) != nil else { return }
      if await writer.end(reason) {
        log.log(
          .warning, "an agent's certificate has expired", about: server.text,
          ["server": "\(server)", "code": "\(reason.code)", "reason": "\(reason.reason)"])
      }
    }
  }

  private mutating func greet(_ hello: Hello, _ stamp: Stamp) async throws {
    let (handle, welcome) = try await connection.site.opened(
      hello, sent: stamp, address: connection.address, serial: serial, writer: writer)
    self.handle = handle
    try await writer.send(.welcome(welcome))
  }

  private mutating func handle(_ event: IngestSession.Event, _ stamp: Stamp) async throws {
    if case .renew(let request) = event {
      asking?.cancel()
      try await renew(request)
      return
    }
    if case .goodbye(let diagnostic) = event {
      goodbye = diagnostic
      return
    }
    guard let handle else { return }
    let site = connection.site
    switch event {
    case .section(let section): await site.section(section, sent: stamp, handle)
    case .sectionGone(let key): await site.sectionGone(key, handle)
    case .cycles(let ends): await site.cycles(ends, sent: stamp, handle)
    case .stateDigest(let sections, let digest):
      if await !site.agrees(sections: sections, digest: digest, handle) {
        try await writer.send(.tellDigests)
      }
    case .digests(let digests):
      let keys = await site.digests(digests, handle)
      if !keys.isEmpty { try await writer.send(.resend(keys)) }
    case .declared(let declarations):
      series.bind(await site.declared(declarations, handle))
    case .batch(let batch): try await site.batch(series.arrange(batch), handle)
    case .lifeDeclared(let life, let declarations):
      if replayed.life != life { replayed = (life, SessionSeries()) }
      replayed.series.bind(await site.declared(declarations, handle, life: life))
    case .lifeBatch(let life, let batch):
      if replayed.life != life { replayed = (life, SessionSeries()) }
      try await site.batch(replayed.series.arrange(batch), handle, life: life)
    case .lifeDropped(let life, let lost): try await site.lost(lost, life: life, handle)
    case .dropped(let up): try await site.dropped(up, handle)
    case .logs(let lines): await site.logged(lines, handle)
    case .jobs(let report): await site.jobs(report, handle)
    case .hello, .renew, .goodbye: break
    }
  }

  private func renew(_ request: String) async throws {
    let renewed: (certificate: String, authority: String)
    do throws(DiagnosticError) {
      renewed = try await connection.renewal.renew(
        session.server, serial: serial, request: request)
    } catch {
      // One that asks too often, for a clock that is wrong, goes on with the certificate that it has.
      guard session.admission == .full,
        error.diagnostic.code == DiagnosticCode.rateLimited.rawValue
      else { throw error }
      connection.serverLog.log(
        .warning, "a certificate was not renewed", about: session.server.text,
        ["server": "\(session.server)", "reason": "\(error.diagnostic.reason)"])
      return
    }
    try await writer.send(
      .renewed(certificate: renewed.certificate, authority: renewed.authority))
    await connection.site.renewed(session.server)
    if session.admission == .renewalOnly {
      throw DiagnosticError(
        Diagnostic(
          .certificateExpired, .info, subject: session.hello?.hostname ?? session.server.text,
          reason: "its certificate had expired and was renewed; connect again with the new one"))
    }
  }

  func closed(_ reason: Diagnostic, isTold: Bool = false) async {
    if let handle { await connection.site.closed(handle, reason, isTold: isTold) }
  }
}
