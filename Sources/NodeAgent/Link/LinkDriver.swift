import AgentCore
import FoundationEssentials
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Platform
import Protocol
import X509

/// Bytes to messages, for one connection.
private struct Intake {
  private var decoder = FrameDecoder()
  private var assembler = FrameAssembler()

  mutating func take(_ bytes: [UInt8]) -> Result<[Message], WireError> {
    do throws(WireError) {
      var messages: [Message] = []
      for frame in try decoder.feed(bytes.span) {
        if let message = try assembler.add(frame) { messages.append(message) }
      }
      return .success(messages)
    } catch {
      return .failure(error)
    }
  }
}

/// Dials the manager, keeps the session, dials again. All decisions are `AgentLink`'s; this shell
/// moves bytes, reads clocks and touches files.
package actor LinkDriver {
  private var link: AgentLink
  private let files: AgentFiles
  private let host: String
  private let port: Int
  private let hostname: String
  private let group: any EventLoopGroup
  private let logger: Logger
  private let collectEvery: @Sendable (Int) -> Void
  private let spool: SpoolFiles?
  /// One thread, which may hang with the disk; whoever waits for it does so without a bound.
  private let spoolThread: NIOThreadPool?

  private var wake: AsyncStream<Void>.Continuation?
  private var backoff = ReconnectBackoff()
  private var ending: Ending?
  private var stopping = false
  private var certificateExpires: Date?
  /// The manager said so; its clock may be another.
  private var isExpiredForManager = false

  /// Why the current connection must end.
  private enum Ending {
    case complaint(Diagnostic)
    case refused(Diagnostic)
  }

  package init(
    link: AgentLink, files: AgentFiles, spool: SpoolFiles? = nil, host: String, port: Int,
    hostname: String, group: any EventLoopGroup, logger: Logger,
    collectEvery: @escaping @Sendable (Int) -> Void
  ) {
    self.link = link
    self.files = files
    self.spool = spool
    spoolThread = spool == nil ? nil : NIOThreadPool(numberOfThreads: 1)
    spoolThread?.start()
    self.host = host
    self.port = port
    self.hostname = hostname
    self.group = group
    self.logger = logger
    self.collectEvery = collectEvery
  }

  package var isOpen: Bool { link.isOpen }

  package func collected(
    _ ends: [(end: CycleEnd, sections: [Section])], samples: [Sample], jobs: [JobReport],
    stamp: Stamp
  ) {
    link.collected(ends, samples: samples, jobs: jobs, stamp: stamp)
    tendSpool()
    wake?.yield()
  }

  /// How the spool fares; `nil` where there is none.
  package var spoolReport: Spool.Report? { link.spoolReport }

  /// Hands the next piece of work to the spool's thread, if it is idle.
  private func tendSpool() {
    guard let spool, let spoolThread, let work = link.nextSpoolWork() else { return }
    Task {
      let answer =
        (try? await spoolThread.runIfActive { spool.perform(work) })
        ?? .failed(reason: "the agent is stopping")
      self.spoolAnswered(answer)
    }
  }

  private func spoolAnswered(_ answer: SpoolAnswer) {
    let before = link.spoolReport?.failure
    link.spoolAnswered(answer)
    let failure = link.spoolReport?.failure
    if let failure, before == nil {
      logger.warning(
        "the spool can not be written: samples are kept in memory only",
        metadata: ["reason": "\(failure)"])
    } else if before != nil && failure == nil {
      logger.notice("the spool is written again")
    }
    tendSpool()
    wake?.yield()
  }

  package func logged(_ line: LogLine) { link.logged(line) }

  /// Says goodbye; the connection ends when that is written.
  package func stop() {
    stopping = true
    link.stopping()
    wake?.yield()
  }

  /// Runs until cancelled or stopped.
  package func run() async {
    // When the spool's thread has ended: one that hangs still has the spool.
    defer { spoolThread?.shutdownGracefully { [spool] _ in spool?.release() } }
    tendSpool()
    await spoolReady()
    while !stopping && !Task.isCancelled {
      ending = nil
      let failure: (any Error)?
      do {
        try await connectOnce()
        failure = nil
      } catch {
        failure = error
      }
      link.disconnected()
      wake = nil
      if stopping || Task.isCancelled { return }
      try? await Task.sleep(for: wait(after: failure))
    }
  }

  /// A hello tells what the spool holds, so it waits for that; but not for a disk that hangs.
  private func spoolReady() async {
    let deadline = ContinuousClock.now + .seconds(5)
    while !link.isSpoolReady, ContinuousClock.now < deadline, !Task.isCancelled {
      try? await Task.sleep(for: .milliseconds(10))
    }
  }

  private func wait(after failure: (any Error)?) -> Duration {
    let entropy = UInt64.random(in: .min ... .max)
    switch ending {
    case .refused(let diagnostic):
      logger.log(
        level: diagnostic.severity == .info ? .notice : .error, "the manager ended the session",
        metadata: [
          "code": "\(diagnostic.code)", "reason": "\(diagnostic.reason)",
          "remedy": "\(diagnostic.remedy)",
        ])
      // A manager that only restarts, renewed us or is behind with its store is dialled soon. A
      // session that another process took over is not: two of us would replace each other for ever.
      // Not so of one that says that it has just renewed it.
      isExpiredForManager =
        diagnostic.code == DiagnosticCode.certificateExpired.rawValue
        && diagnostic.severity != .info
      let soon: [DiagnosticCode] = [.managerStopping, .certificateExpired, .conflict]
      if soon.contains(where: { $0.rawValue == diagnostic.code }) {
        return backoff.next(entropy: entropy)
      }
      return ReconnectBackoff.jittered(ReconnectBackoff.refused, entropy: entropy)
    case .complaint(let diagnostic):
      logger.warning(
        "the session was ended by this agent",
        metadata: ["code": "\(diagnostic.code)", "reason": "\(diagnostic.reason)"])
    case nil:
      let known = (failure as? DiagnosticError)?.diagnostic
      let reason = known?.reason ?? failure.map(Reason.text) ?? "the connection was closed"
      var metadata: Logger.Metadata = ["manager": "\(host):\(port)", "reason": "\(reason)"]
      // Nothing that time mends.
      if let known, known.code == DiagnosticCode.stateDirectoryUnusable.rawValue {
        metadata["file"] = "\(known.subject)"
        metadata["remedy"] = "\(known.remedy)"
      }
      logger.warning("no session with the manager", metadata: metadata)
    }
    return backoff.next(entropy: entropy)
  }

  // MARK: One connection

  private func connectOnce() async throws {
    certificateExpires = try files.provenCertificate().notValidAfter
    let context = try tlsContext()
    let verdict = Verdict()
    let anchor = ManagerTrust.Anchor.authority(try files.authority())
    let channel = try await ClientBootstrap(group: group).connectTimeout(.seconds(5))
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .connect(host: host, port: port) { channel in
        channel.eventLoop.makeCompletedFuture {
          let tls = try NIOSSLClientHandler(
            context: context, serverHostname: nil,
            customVerificationCallback: verdict.callback(anchor))
          try channel.pipeline.syncOperations.addHandler(tls)
          return try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
            wrappingChannelSynchronously: channel)
        }
      }
    do {
      try await channel.executeThenClose { inbound, outbound in
        try await self.converse(channel.channel, inbound, outbound)
      }
    } catch {
      throw verdict.complaint ?? error
    }
  }

  private func tlsContext() throws -> NIOSSLContext {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.minimumTLSVersion = .tlsv13
    // A peer behind a cut link answers no farewell, and the next try waits for this.
    configuration.shutdownTimeout = .milliseconds(500)
    configuration.certificateChain = try NIOSSLCertificate.fromPEMBytes(files.certificatePEM())
      .map { .certificate($0) }
    configuration.privateKey = .privateKey(
      try NIOSSLPrivateKey(bytes: files.keyPEM(), format: .pem))
    return try NIOSSLContext(configuration: configuration)
  }

  private func converse(
    _ channel: any Channel, _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>,
    _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
  ) async throws {
    let (signals, wake) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    self.wake = wake
    let expired = isExpiredForManager || certificateExpires.map { $0 < Date() } ?? false
    perform(link.connected(now: Clock.boot(), certificateExpired: expired))
    wake.yield()
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await self.read(inbound) }
      tasks.addTask { try await self.write(outbound, signals) }
      tasks.addTask { try await self.tick() }
      // The first to end, with or without an error, ends the connection.
      defer {
        tasks.cancelAll()
        channel.close(promise: nil)
      }
      try await tasks.next()
    }
  }

  private func read(_ inbound: NIOAsyncChannelInboundStream<ByteBuffer>) async throws {
    var intake = Intake()
    for try await buffer in inbound {
      link.heard(now: Clock.boot())
      switch intake.take([UInt8](buffer.readableBytesView)) {
      case .success(let messages):
        for message in messages { perform(link.received(message, now: Clock.boot())) }
        tendSpool()
      case .failure(let error):
        perform([
          .close(
            Diagnostic(.frameMalformed, subject: "manager", reason: error.reason), tell: true)
        ])
      }
      wake?.yield()
      if ending != nil { return }
    }
  }

  private func write(
    _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>, _ signals: AsyncStream<Void>
  ) async throws {
    for await _ in signals {
      while let bytes = nextWrite() { try await outbound.write(bytes) }
      // What was asked for may be on disk.
      tendSpool()
      if ending != nil || stopping { return }
    }
  }

  private func nextWrite() -> ByteBuffer? {
    let stamp = Stamp(bootNanoseconds: Clock.boot(), wallNanoseconds: Clock.wall())
    var bytes = ByteBuffer()
    for frame in link.nextFrames(stamp: stamp) { bytes.writeBytes(frame.encoded()) }
    return bytes.readableBytes > 0 ? bytes : nil
  }

  private func tick() async throws {
    while true {
      try await Task.sleep(for: .milliseconds(250))
      let left = certificateExpires.map { Int64($0.timeIntervalSinceNow) }
      perform(link.tick(now: Clock.boot(), certificateExpiresInSeconds: left))
      wake?.yield()
      if let ending {
        // What was to be told has a moment to leave.
        if case .complaint = ending { try? await Task.sleep(for: .milliseconds(100)) }
        return
      }
    }
  }

  private func perform(_ effects: [AgentLink.Effect]) {
    for effect in effects {
      switch effect {
      case .collectEvery(let milliseconds): collectEvery(milliseconds)
      case .opened(let session):
        backoff.succeeded()
        logger.notice(
          "session with the manager is open",
          metadata: ["manager": "\(host):\(port)", "session": "\(session)"])
      case .close(let diagnostic, let tell):
        if tell { link.say(diagnostic) }
        ending = .complaint(diagnostic)
      case .refused(let diagnostic): ending = .refused(diagnostic)
      case .storeCertificate(let certificate, _): store(certificate)
      case .makeRenewalRequest: requestRenewal()
      }
    }
  }

  private func store(_ certificate: String) {
    do {
      try files.store(certificate: certificate)
      certificateExpires = try files.certificate().notValidAfter
      logger.notice("the certificate was renewed")
    } catch {
      logger.error("the renewed certificate was not kept", metadata: ["reason": "\(error)"])
    }
  }

  private func requestRenewal() {
    do {
      link.renewalRequested(
        try SigningRequest.make(key: files.key(), hostname: hostname))
    } catch {
      logger.error("no renewal could be asked for", metadata: ["reason": "\(error)"])
    }
  }
}
