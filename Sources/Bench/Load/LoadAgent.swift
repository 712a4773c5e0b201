import AgentCore
import NIOCore
import NIOPosix
import NIOSSL
import NodeAgent
import Platform
import Protocol
import Synchronization

/// What one agent of a load has done.
struct LoadFigures: Sendable {
  var isOpen = false
  var sessions = 0
  var batches = 0
  var acknowledged: UInt64 = 0
  var samples = 0
  var unchanged = 0
  /// Since `beginCounting`.
  var countedSamples = 0
  /// Frames of samples with their headers, before TLS.
  var sampleBytes = 0
  /// Everything that left, as TCP saw it.
  var wireBytes = 0
  /// Frames with their headers, before TLS, by type of message.
  var frames: [UInt8: (count: Int, bytes: Int)] = [:]
  /// Writes, each a TLS record at least.
  var writes = 0

  mutating func add(_ other: LoadFigures) {
    sessions += other.sessions
    samples += other.samples
    unchanged += other.unchanged
    countedSamples += other.countedSamples
    sampleBytes += other.sampleBytes
    wireBytes += other.wireBytes
    writes += other.writes
    frames.merge(other.frames) { ($0.count + $1.count, $0.bytes + $1.bytes) }
  }
}

/// One made-up server: the agent's own link and its own backoff, over real TLS.
///
/// Everything but `figures` is touched on its event loop alone; that is what makes it `Sendable`.
final class LoadAgent: @unchecked Sendable {
  private let number: Int
  private let plan: LoadPlan
  private let loop: any EventLoop
  private let context: NIOSSLContext
  private let host: String
  private let port: Int
  private var link: AgentLink
  private var source: LoadSource
  private var backoff = ReconnectBackoff()
  private var channel: (any Channel)?
  private var isClosing = false
  private let state = Mutex(LoadFigures())
  private let isCounting = Atomic(false)

  var figures: LoadFigures { state.withLock { $0 } }

  init(
    number: Int, plan: LoadPlan, files: AgentFiles, _ settings: AgentFiles.Settings,
    _ loop: any EventLoop
  ) throws {
    self.number = number
    self.plan = plan
    self.loop = loop
    host = settings.managerHost
    port = settings.managerPort
    source = LoadSource(server: number, series: plan.series)
    link = AgentLink(
      identity: AgentLink.Identity(
        server: settings.server, boot: BootID("bench-\(number)-\(plan.began)"),
        incarnation: "bench-\(plan.began)", hostname: "bench\(number)", agentVersion: "bench",
        readsTree: false),
      // Nothing is given up: the window bounds what waits.
      bufferLimit: max(BatchBuffer.sampleLimit, plan.series * (plan.window + 1)))
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.minimumTLSVersion = .tlsv13
    configuration.shutdownTimeout = .milliseconds(500)
    configuration.certificateChain = try NIOSSLCertificate.fromPEMBytes(files.certificatePEM())
      .map { .certificate($0) }
    configuration.privateKey = .privateKey(
      try NIOSSLPrivateKey(bytes: files.keyPEM(), format: .pem))
    configuration.trustRoots = .file("\(files.directory)/authority.pem")
    // Its names do not matter, as for an agent. BoringSSL's own check is cheaper than the agent's,
    // which the manager's machine would not pay for.
    configuration.certificateVerification = .noHostnameVerification
    context = try NIOSSLContext(configuration: configuration)
  }

  func start(after wait: TimeAmount) {
    loop.scheduleTask(in: wait) { self.dial() }
    // Agents of a site do not read in the same moment.
    let interval = TimeAmount.nanoseconds(LoadSource.intervalNanoseconds)
    let phase = TimeAmount.nanoseconds(
      LoadSource.intervalNanoseconds * Int64(number * 7_919 % 1_000) / 1_000)
    loop.scheduleRepeatedTask(initialDelay: .milliseconds(250), delay: .milliseconds(250)) { _ in
      self.tick()
    }
    guard plan.isReal else { return }
    loop.scheduleRepeatedTask(initialDelay: phase, delay: interval) { _ in
      // What was read before the first session is not part of the load.
      if self.figures.sessions == 0 { return }
      self.collect(self.plan.stamp(boot: Clock.boot()))
      self.write()
    }
  }

  func beginCounting() { isCounting.store(true, ordering: .relaxed) }

  // MARK: the connection

  private func dial() {
    isClosing = false
    ClientBootstrap(group: loop).connectTimeout(.seconds(5))
      .channelOption(.socketOption(.tcp_nodelay), value: 1)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          try pipeline.addHandler(WireCounter(self))
          try pipeline.addHandler(NIOSSLClientHandler(context: self.context, serverHostname: nil))
          try pipeline.addHandler(LoadHandler(self))
        }
      }
      .connect(host: host, port: port).whenFailure { _ in self.redial() }
  }

  private func redial() {
    let wait = backoff.next(entropy: .random(in: .min ... .max))
    loop.scheduleTask(in: .nanoseconds(wait.nanoseconds)) { self.dial() }
  }

  func connected(_ channel: any Channel) {
    self.channel = channel
    _ = link.connected(now: Clock.boot(), certificateExpired: false)
    write()
  }

  func disconnected() {
    channel = nil
    link.disconnected()
    state.withLock { $0.isOpen = false }
    redial()
  }

  func received(_ message: Message) {
    link.heard(now: Clock.boot())
    if case .acknowledge(let order) = message { state.withLock { $0.acknowledged = order } }
    if case .welcome(let welcome) = message {
      state.withLock { $0.acknowledged = max($0.acknowledged, welcome.durableOrder) }
    }
    perform(link.received(message, now: Clock.boot()))
    fill()
    write()
  }

  private func tick() {
    guard channel != nil else { return }
    perform(link.tick(now: Clock.boot(), certificateExpiresInSeconds: nil))
    write()
  }

  private func perform(_ effects: [AgentLink.Effect]) {
    for effect in effects {
      switch effect {
      case .opened:
        backoff.succeeded()
        state.withLock {
          $0.isOpen = true
          $0.sessions += 1
        }
      case .close, .refused: close()
      case .collectEvery, .storeCertificate, .makeRenewalRequest: break
      }
    }
  }

  func close() {
    if isClosing { return }
    isClosing = true
    channel?.close(promise: nil)
  }

  func write() {
    guard let channel else { return }
    var wrote = false
    while channel.isWritable, let bytes = nextWrite() {
      channel.write(bytes, promise: nil)
      wrote = true
    }
    if wrote { channel.flush() }
  }

  /// As the agent's own driver writes.
  private func nextWrite() -> ByteBuffer? {
    var bytes = ByteBuffer()
    let frames = link.nextFrames(stamp: plan.stamp(boot: Clock.boot()), now: Clock.boot())
    for frame in frames {
      let encoded = frame.encoded()
      if isCounting.load(ordering: .relaxed) { count(encoded.count, ofType: frame.type) }
      bytes.writeBytes(encoded)
    }
    if isCounting.load(ordering: .relaxed) {
      state.withLock { $0.writes += frames.isEmpty ? 0 : 1 }
    }
    return bytes.readableBytes > 0 ? bytes : nil
  }

  private func count(_ bytes: Int, ofType type: UInt8) {
    state.withLock { figures in
      if type == MessageType.samples.rawValue { figures.sampleBytes += bytes }
      figures.frames[type, default: (0, 0)].count += 1
      figures.frames[type, default: (0, 0)].bytes += bytes
    }
  }

  func sent(_ bytes: Int) {
    if isCounting.load(ordering: .relaxed) { state.withLock { $0.wireBytes += bytes } }
  }

  // MARK: what it reports

  /// At the greatest pace: as many batches as may wait.
  private func fill() {
    guard !plan.isReal, link.isOpen else { return }
    while link.unacknowledgedBatches < plan.window, figures.batches < plan.cycles {
      collect(plan.stamp(cycle: figures.batches))
    }
  }

  private func collect(_ stamp: Stamp) {
    source.advance()
    // Of what is replayed only the samples go; the ends of cycles are only the latest.
    let ends =
      plan.isReal || figures.batches == 0 ? cycleEnds(plan.stamp(boot: Clock.boot())) : []
    link.collected(ends, samples: source.samples, stamp: stamp)
    let (count, unchanged) = (source.samples.count, source.unchanged)
    let counts = isCounting.load(ordering: .relaxed)
    state.withLock {
      $0.batches += 1
      $0.samples += count
      $0.unchanged += unchanged
      if counts { $0.countedSamples += count }
    }
  }

  /// As all of the agent's collectors report theirs, and each target's by itself.
  private func cycleEnds(_ stamp: Stamp) -> [(end: CycleEnd, sections: [Section])] {
    var ends = (allCollectors.map(\.name) + [CycleReport.ownName, CycleReport.spoolName]).map {
      (
        end: CycleEnd(collector: $0, outcome: .sampled, reason: nil, began: stamp),
        sections: [Section]()
      )
    }
    for (index, reference) in source.targets.enumerated() {
      // One target is read after the other.
      let began = Stamp(
        bootNanoseconds: stamp.bootNanoseconds + Int64(index) * 700_000,
        wallNanoseconds: stamp.wallNanoseconds + Int64(index) * 700_000)
      for name in ["ost", "exports", "jobs"] {
        let unit = "\(name)/\(reference.label)"
        let end = CycleEnd(collector: unit, outcome: .sampled, reason: nil, began: began)
        guard name == "ost" else {
          ends.append((end, []))
          continue
        }
        var section = TargetSection(kind: .ost, reference: reference)
        section.recovery = .complete
        let encoded = try? section.section(subject: reference.label, collector: unit)
        ends.append((end, [encoded].compactMap { $0 }))
      }
    }
    return ends
  }
}
