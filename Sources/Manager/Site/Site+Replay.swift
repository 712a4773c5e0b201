import Logging
import ManagerCore
import Platform
import Protocol

/// Earlier lives of an agent's process, read back from its spool.
extension Site {
  /// What the store has of each life that a hello lists. What the agent can not send again is
  /// settled as lost.
  func openLives(
    _ hello: Hello, _ clock: ClockModel, _ sent: Stamp, _ chain: inout [LifeChain.Link]
  ) async throws(DiagnosticError) -> [(life: SessionHandle.EarlierLife, durable: UInt64)] {
    var opened: [(life: SessionHandle.EarlierLife, durable: UInt64)] = []
    var losses: [(life: HeldLife, loss: SampleLoss)] = []
    for held in hello.lives ?? [] {
      let stream = StreamKey(
        server: hello.server, boot: held.boot, incarnation: held.incarnation)
      try await resume(stream)
      let now = self.now
      let times = LifeClock(held, clock: clock, sent: sent, now: now.wallNanoseconds)
      func time(_ stamp: Stamp) -> Int64 {
        times.nanoseconds(stamp, clock: clock, now: now.wallNanoseconds)
      }
      let (first, last) = (time(held.firstStamp), time(held.lastStamp))
      let begin =
        held.firstOrder == 1
        ? held.firstStamp : held.lost.first { $0.from == 1 }.flatMap(\.stamps)?.first
      chain.append(
        LifeChain.Link(
          stream: stream, lastOrder: held.lastOrder, endNanoseconds: last,
          beginNanoseconds: begin.map { min(time($0), now.wallNanoseconds) },
          highestSeen: head.highestOrder(stream)))
      losses += settle(held, stream, first, last, now, time).map { (held, $0) }
      opened.append(
        (
          SessionHandle.EarlierLife(
            stream: stream, clock: times, times: min(first, last)...max(first, last)),
          head.acknowledgedOrder(stream)
        ))
    }
    tell(losses, of: hello)
    return opened
  }

  /// In one line, however many lives a hello lists.
  private func tell(_ losses: [(life: HeldLife, loss: SampleLoss)], of hello: Hello) {
    guard let first = losses.first else { return }
    // As many as a person compares; the store has each of them.
    let examples = losses.prefix(3).map { life, loss in
      "\(life.boot.text.prefix(8))/\(life.incarnation.prefix(8)):"
        + " \(loss.batches.map { "\($0)" } ?? "unknown")"
    }
    let batches = losses.reduce(UInt64(0)) { sum, item in
      let (all, overflow) = sum.addingReportingOverflow(item.loss.batches ?? 0)
      return overflow ? .max : all
    }
    logger.warning(
      "samples of earlier lives of an agent are lost",
      metadata: [
        "server": "\(hello.hostname)", "losses": "\(losses.count)", "batches": "\(batches)",
        "examples": "\(examples.joined(separator: ", "))", "reason": "\(first.loss.reason)",
      ])
  }

  private func settle(
    _ held: HeldLife, _ stream: StreamKey, _ first: Int64, _ last: Int64, _ now: Moment,
    _ time: (Stamp) -> Int64
  ) -> [SampleLoss] {
    var losses = held.lost.compactMap { lost in
      let isBefore = lost.through < held.firstOrder
      let times = lostTimes(lost.stamps, now, time)
      return record(
        lost, stream, after: times?.after ?? (isBefore ? nil : first),
        before: times?.before ?? (isBefore ? first : last), now)
    }
    guard held.firstOrder > 1 else { return losses }
    let missing = LostBatches(from: 1, through: held.firstOrder - 1, samples: nil)
    if let loss = record(missing, stream, after: nil, before: first, now) { losses.append(loss) }
    return losses
  }

  /// The agent lost batches of a life since its hello.
  func lost(_ lost: LostBatches, life: Int, _ handle: SessionHandle)
    async throws(DiagnosticError)
  {
    let earlier = self.life(life, of: handle)
    let stream = earlier?.stream ?? handle.stream
    try await resume(stream)
    let now = self.now
    let reached = live[handle.server].flatMap { $0.handle == handle ? $0.reached[life] : nil }
    let clock = clocks[handle.server]
    let times = lostTimes(lost.stamps, now) { stamp in
      earlier.map { $0.clock.nanoseconds(stamp, clock: clock, now: now.wallNanoseconds) }
        ?? clock?.corrected(stamp)
    }
    let after =
      times?.after ?? earlier.map { reached ?? $0.times.lowerBound }
      ?? lastBatch[handle.server]?.nanoseconds
    let before = times?.before ?? earlier?.times.upperBound ?? now.wallNanoseconds
    let loss = record(lost, stream, after: after, before: max(before, after ?? before), now)
    if let loss { log(loss, stream.server) }
    closeLostInterruption(stream, now)
  }

  /// Of what the agent lost only that is lost which did not come before. The caller logs it.
  private func record(
    _ told: LostBatches, _ stream: StreamKey, after: Int64?, before: Int64, _ now: Moment
  ) -> SampleLoss? {
    let lost = head.dropped(stream, from: told.from, through: told.through)
    let batches = lost.reduce(0) { $0 + UInt64($1.count) }
    guard batches > 0 else { return nil }
    newLost += lost.map { (stream, $0) }
    let isAll = batches == told.through - told.from + 1
    let span = lossTimes(after: after, before: before, lost, of: stream)
    let loss = SampleLoss(
      afterNanoseconds: span.after, beforeNanoseconds: span.before,
      batches: batches,
      samples: isAll ? told.samples : nil,
      reason: told.samples == nil
        ? "the agent's spool no longer holds them, or they are damaged there"
        : "the agent had no room left for them while nothing was acknowledged")
    take(loss, stream.server, now)
    return loss
  }

  /// The earlier life of that place; `nil` stands for the life that speaks.
  func life(_ place: Int?, of handle: SessionHandle) -> SessionHandle.EarlierLife? {
    guard let place, handle.lives.indices.contains(place) else { return nil }
    return handle.lives[place]
  }

  // MARK: Acknowledgements

  /// Right after a write, before any other life's batches can make the head forget these.
  func noteSettledLives() {
    let unwritten = Set(newLost.map(\.0))
    for (server, session) in live {
      for (place, life) in session.handle.lives.enumerated()
      where !unwritten.contains(life.stream) {
        let settled = head.acknowledgedOrder(life.stream)
        if settled > session.lives[place].settled {
          live[server]?.lives[place].settled = settled
        }
      }
    }
  }

  func lifeAcknowledgements(of session: Live) -> [Message] {
    session.lives.enumerated().filter { $0.element.settled > $0.element.acknowledged }.map {
      .lifeAcknowledged(life: $0.offset, order: $0.element.settled)
    }
  }

  /// What `session` stood for when it was written is told.
  func acknowledged(_ session: Live, through order: UInt64, _ server: ServerID) {
    guard var now = live[server], now.handle == session.handle else { return }
    now.acknowledged = max(now.acknowledged, order)
    for place in now.lives.indices {
      now.lives[place].acknowledged = max(
        now.lives[place].acknowledged, session.lives[place].settled)
    }
    live[server] = now
  }
}
