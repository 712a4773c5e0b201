import Logging
import ManagerCore
import Platform
import Protocol

/// Samples: from declarations and batches to history's head and the store.
extension Site {
  /// - Parameter life: the place of the earlier life that they belong to.
  func declared(
    _ declarations: [UInt32: SeriesDeclaration], _ handle: SessionHandle, life: Int? = nil
  ) -> [UInt32: SeriesBinding] {
    let boot = self.life(life, of: handle)?.stream.boot ?? handle.stream.boot
    let now = self.now
    var refused = 0
    var budget = seriesBudget(of: handle.server, now)
    defer { if refused > 0 { leaveOut(series: refused, handle, now) } }
    defer { seriesBudgets[handle.server] = budget }
    return accepted(declarations, handle).compactMapValues { declaration in
      let subject: StoredSubject
      switch declaration.key.subject {
      case .server: subject = .server(handle.server)
      case .target(let reference):
        guard let target = observed.resolve(handle.server, reference, at: now)?.targetID else {
          refused += 1
          return nil
        }
        subject = .target(target)
      }
      let series = StoredSeries(
        subject: subject, metric: declaration.key.metric, labels: declaration.key.labels,
        kind: declaration.kind, unit: declaration.unit, decimals: declaration.decimals,
        width: declaration.width)
      let known = catalogue.knownID(of: series)
      if known == nil {
        guard budget.level >= 1 else {
          refused += 1
          return nil
        }
        budget.level -= 1
      }
      return SeriesBinding(
        series: known ?? catalogue.id(of: series),
        source: Site.source(declaration.source, handle.server, boot),
        kept: ObservedSite.keeps(declaration) ? declaration.key : nil)
    }
  }

  /// A series is kept for ever. The largest servers have some
  /// ten thousand; a target that moves, and an agent of a new version, bring some more.
  private static let newSeries = 200_000.0
  private static let hour: Int64 = 3_600_000_000_000
  private static let newSeriesADay = 20_000.0

  private func seriesBudget(of server: ServerID, _ now: Moment) -> RateBucket {
    let monotonic = now.monotonicNanoseconds
    var budget = seriesBudgets[server] ?? RateBucket(Site.newSeries, now: monotonic)
    budget.refill(Site.newSeriesADay / 86_400, Site.newSeries, monotonic)
    return budget
  }

  private func leaveOut(series count: Int, _ handle: SessionHandle, _ now: Moment) {
    counters.refusedSeries += UInt64(count)
    observed.seriesLeftOut(handle.server, count, at: now)
    // Once an hour: an agent can begin sessions as often as it likes.
    if toldLeftOut[handle.server].map({ now.monotonicNanoseconds - $0 >= Self.hour }) ?? true {
      toldLeftOut[handle.server] = now.monotonicNanoseconds
      found(
        SampleLoss(
          afterNanoseconds: lastBatch[handle.server]?.nanoseconds,
          beforeNanoseconds: now.wallNanoseconds, batches: nil, samples: nil,
          reason: "new series of it are left out, from then on: more than any server has"),
        handle.server, now)
    }
    serverLog.log(
      .warning, "new series of an agent are left out: more than any server has",
      about: handle.server.text,
      [
        "server": "\(observed.hostname(of: handle.server) ?? handle.server.text)",
        "series": "\(count)",
      ])
  }

  /// What an agent says under the manager's own names would pass for the manager's word in `/metrics`
  /// and in queries. Values of such series are left out; the session's other series are none the worse.
  private func accepted(
    _ declarations: [UInt32: SeriesDeclaration], _ handle: SessionHandle
  ) -> [UInt32: SeriesDeclaration] {
    let forged = declarations.filter { $0.value.key.metric.hasPrefix(ManagerFigures.namePrefix) }
    guard !forged.isEmpty else { return declarations }
    counters.refusedSeries += UInt64(forged.count)
    if toldForgery[handle.server] != handle.session {
      toldForgery[handle.server] = handle.session
      logger.warning(
        "series of an agent are refused: names that begin with iml_ are the manager's own",
        metadata: [
          "server": "\(observed.hostname(of: handle.server) ?? handle.server.text)",
          "series": "\(forged.count)",
          "examples": "\(Set(forged.values.map(\.key.metric)).sorted().prefix(3))",
        ])
    }
    return declarations.filter { forged[$0.key] == nil }
  }

  /// A counter lives from its server's boot, and within it from its own start.
  private static func source(_ text: String, _ server: ServerID, _ boot: BootID) -> UInt64 {
    LifeSource.first(digest: Section.digest(of: Array("\(server)|\(boot)|\(text)".utf8)))
  }

  /// - Parameter life: the place of the earlier life that it is replayed from.
  func batch(
    _ batch: ArrangedBatch, _ handle: SessionHandle, life: Int? = nil
  ) async throws(DiagnosticError) {
    let earlier = self.life(life, of: handle)
    let stream = earlier?.stream ?? handle.stream
    // A server with many lives may have had this one forgotten meanwhile.
    try await resume(stream)
    noteOwnStep()
    let now = self.now
    let clock = clocks[handle.server]
    let nanoseconds =
      earlier?.clock.nanoseconds(batch.stamp, clock: clock, now: now.wallNanoseconds)
      ?? min(clock?.corrected(batch.stamp) ?? now.wallNanoseconds, now.wallNanoseconds)
    let isTooOld = isTooOld(nanoseconds, now)
    let stretch =
      isTooOld
      ? 0
      : timeline.stretch(
        stream, boot: batch.stamp.bootNanoseconds, nanoseconds: nanoseconds,
        isAhead: earlier == nil && isAhead(batch.order, handle))
    let row =
      isTooOld
      ? emptied(batch, now)
      : SampleRow(
        order: batch.order, nanoseconds: nanoseconds, layout: batch.layout.inStretch(stretch),
        bits: batch.bits)
    switch head.append(row, to: stream) {
    case .duplicate: counters.duplicateBatches += 1
    case .full:
      counters.refusedBatches += 1
      // The agent sends it again in its next session; until then nothing later can be acknowledged.
      if let writer = live[handle.server]?.writer, live[handle.server]?.handle == handle {
        let reason = Diagnostic(
          .conflict, .warning, subject: "manager",
          reason: "too many samples wait to be stored; send this one again later")
        Task { await writer.end(reason) }
      }
    case .appended, .gap:
      enterLog(row, stream)
      counters.batches += 1
      counters.samples += UInt64(row.bits.count)
      observed.batchIngested(handle.server, samples: row.bits.count, at: now)
      if isTooOld { return noteTooOld(batch, nanoseconds, of: handle.server) }
      if let life, earlier != nil, live[handle.server]?.handle == handle {
        live[handle.server]?.reached[life] = nanoseconds
      }
      closeInterruption(stream, order: batch.order, nanoseconds, now)
      notePause(stream, batch, nanoseconds, now)
      let last = lastBatch[handle.server]?.nanoseconds ?? 0
      // A replay does not make an earlier life the last one.
      if earlier == nil || nanoseconds > last {
        lastBatch[handle.server] = LastBatch(
          stream: stream, order: batch.order, nanoseconds: max(nanoseconds, last))
      }
      latest.take(row, from: handle.server)
      remember(batch, handle, nanoseconds, now)
    }
  }

  /// Whether the agent still holds back what it sampled before.
  private func isAhead(_ order: UInt64, _ handle: SessionHandle) -> Bool {
    order > 1 ? !head.isKnown(order - 1, of: handle.stream) : !handle.lives.isEmpty
  }

  /// Of a life of which batches are told to be lost, and none came yet: what is held comes after them.
  func closeLostInterruption(_ stream: StreamKey, _ now: Moment) {
    guard let begin = interruptions[stream.server]?[stream]?.beforeNanoseconds,
      head.highestOrder(stream) > 0
    else { return }
    closeInterruption(stream, order: 1, begin, now)
  }

  /// The newest batches of a life may come first, and the oldest be lost.
  private func closeInterruption(
    _ stream: StreamKey, order: UInt64, _ time: Int64, _ now: Moment
  ) {
    guard let interruption = interruptions[stream.server]?.removeValue(forKey: stream) else {
      return
    }
    let nanoseconds = order == 1 ? time : min(interruption.beforeNanoseconds ?? time, time)
    // Within one and a half cycles no batch is missing: the new life went on where the old ended.
    let cycle =
      live[stream.server]?.intervalBefore ?? Int64(settings.collectMilliseconds) * 1_000_000
    if let after = interruption.afterNanoseconds, nanoseconds - after <= cycle + cycle / 2 {
      return
    }
    found(
      SampleLoss(
        afterNanoseconds: interruption.afterNanoseconds, beforeNanoseconds: nanoseconds,
        batches: interruption.batches, samples: interruption.batches,
        reason: interruption.reason), stream.server, now)
  }

  /// An agent that was held up makes no batch meanwhile, and no order is missing.
  private func notePause(
    _ stream: StreamKey, _ batch: ArrangedBatch, _ nanoseconds: Int64, _ now: Moment
  ) {
    let pause = paces[stream.server]?[stream]?.take(
      order: batch.order, stamp: batch.stamp, nanoseconds: nanoseconds)
    guard let pause else { return }
    var reason = "the agent took no samples: it, or its machine, was held up"
    if pause.spansRuns { reason += " (or the manager's clock was set while it was down)" }
    found(
      SampleLoss(
        afterNanoseconds: pause.range.lowerBound, beforeNanoseconds: pause.range.upperBound,
        batches: 0, samples: 0, reason: reason),
      stream.server, now)
  }

  /// A step of the manager's own clock is one of all models of its agents' clocks: each would find it out by
  /// itself in a minute or more, and what they report would seem that much older until then.
  ///
  /// Before any time of an agent is compared with the manager's, so that no model takes the step by itself too.
  ///
  /// - Parameters: the manager's clocks; that since the boot goes on while a machine sleeps, as the wall does.
  /// - Returns: the wall clock.
  @discardableResult
  func noteOwnStep() -> Int64 {
    let clocks = Clock.wallAndBoot()
    return noteOwnStep(wall: clocks.wall, boot: clocks.boot)
  }

  @discardableResult
  func noteOwnStep(wall: Int64, boot: Int64 = Clock.boot()) -> Int64 {
    let ahead = wall.subtractingReportingOverflow(boot).partialValue
    defer { wallAhead = ahead }
    guard let before = wallAhead else { return wall }
    let step = ahead.subtractingReportingOverflow(before).partialValue
    guard step.magnitude > UInt64(ClockModel.tolerance) else { return wall }
    for server in clocks.keys { clocks[server]?.shift(by: step) }
    logger.notice("the manager's clock was set", metadata: ["milliseconds": "\(step / 1_000_000)"])
    latest.bound(to: wall)
    let now = Moment(monotonicNanoseconds: Clock.monotonic(), wallNanoseconds: wall)
    noteJump(step, now)
    if step < 0 {
      noteRepeated(from: wall, through: wall.subtractingReportingOverflow(step).partialValue)
    }
    if step.magnitude > 1_000_000_000 { observed.wallClockSet(by: step, at: now) }
    tellFuture(wall)
    return wall
  }

  /// Written down before any sample that is taken from now on.
  func noteRepeated(from: Int64, through: Int64) {
    repeatedTimes.add(from: from, through: through)
    hasNewRepeatedTimes = true
  }

  static let wasAhead =
    "the manager's clock was ahead and was set back: what was sampled before has these times"

  /// What was taken while the manager's clock was ahead has times that are still to come: no question about
  /// the past finds it.
  func tellFuture(_ wall: Int64) {
    let now = Moment(monotonicNanoseconds: Clock.monotonic(), wallNanoseconds: wall)
    for (server, last) in lastBatch.sorted(by: { $0.key < $1.key })
    where last.nanoseconds > wall + ClockModel.tolerance {
      found(
        SampleLoss(
          afterNanoseconds: wall, beforeNanoseconds: last.nanoseconds, batches: 0, samples: 0,
          reason: Self.wasAhead),
        server, now)
      lastBatch[server]?.nanoseconds = wall
    }
  }

  private func remember(
    _ batch: ArrangedBatch, _ handle: SessionHandle, _ nanoseconds: Int64, _ now: Moment
  ) {
    for (place, key) in batch.kept {
      observed.valueArrived(
        server: handle.server, subject: key.subject, metric: key.metric, labels: key.labels,
        bits: batch.bits[place], nanoseconds: nanoseconds, at: now)
    }
  }

  /// Writes what waits to the frame log and acknowledges it, then stores the blocks that are due.
  package func flush(force: Bool = false) async {
    await inTurn { await $0.flushNow(force: force) }
  }

  /// Identities go first: neither a frame nor a block names a target or a series that the store does
  /// not know. All three are taken in one moment. When the store fails, nothing is acknowledged, and
  /// it is tried again.
  private func flushNow(force: Bool) async {
    isFlushAsked = false
    noteOwnStep()
    tellTooOld()
    pendingSeries += catalogue.takeNew()
    let write = log.nextWrite(now: now)
    let cut = head.cut(now: now, force: force || isLogFull)
    isLogFull = false
    // The log's segments go with these blocks, and with them the newest word on what was seen when.
    for server in Set(cut.map(\.stream.server)).sorted() {
      observed.persist(server, at: now)
    }
    do throws(DiagnosticError) {
      try await storeIdentities()
      if let write { await writeLog(write) }
      try frames.reach("acknowledge")
      await acknowledge()
      if try await storeBlocks() { await acknowledge() }
      if force { log.endSegment() }
      await removeSegments()
      if storeFailure != nil { logger.notice("the store can be written again") }
      storeFailure = nil
    } catch {
      if storeFailure == nil {
        logger.error(
          "the store can not be written: acknowledgements stop, agents keep what they have",
          metadata: ["reason": "\(error.diagnostic.reason)"])
      }
      storeFailure = error.diagnostic
    }
  }

  private func storeIdentities() async throws(DiagnosticError) {
    try frames.reach("store identities")
    var write = HistoryWrite()
    write.series = pendingSeries
    write.losses = newLosses
    write.lost = newLost
    write.noLongerMissing = newlyFound
    try await persistEffects()
    guard
      !(write.series.isEmpty && write.losses.isEmpty && write.lost.isEmpty
        && write.noLongerMissing.isEmpty)
    else { return }
    let last = write.series.map(\.0).max()
    if let last {
      try frames.reach("give numbers")
      try store.seriesMark.give(last)
    }
    try frames.reach("store series and losses")
    try await store.append(write, nanoseconds: Clock.wall())
    if let last {
      try frames.reach("note that they are stored")
      store.seriesMark.wasStored(last)
    }
    // More may have come meanwhile, at the end.
    pendingSeries.removeFirst(write.series.count)
    newLosses.removeFirst(write.losses.count)
    newLost.removeFirst(write.lost.count)
    newlyFound.removeFirst(write.noLongerMissing.count)
    try frames.reach("identities are stored")
  }

  private func storeBlocks() async throws(DiagnosticError) -> Bool {
    var write = HistoryWrite()
    write.blocks = head.unstored
    guard !write.blocks.isEmpty else { return false }
    for block in write.blocks {
      let settled = head.settledOrder(block.stream)
      if settled > 0 { write.durableOrders[block.stream] = settled }
    }
    try frames.reach("store blocks")
    try await store.append(write, nanoseconds: Clock.wall())
    try frames.reach("blocks are stored")
    for block in write.blocks { head.stored(block) }
    counters.blocksStored += UInt64(write.blocks.count)
    return true
  }

  /// In turn only.
  func persistEffects() async throws(DiagnosticError) {
    // Of a store that fails for hours one of each record waits, not one of each second.
    let new = observed.takeEffects()
    for case .mergedMGS(let one, let other) in new {
      // For good: the targets of both are those of one from now on.
      logger.warning(
        "two MGSs are one, since a server names NIDs of both for its MGS",
        metadata: ["mgs": "\(other)", "former": "\(one)"])
    }
    let set = timeline.takeChanged().map { StateEffect.persistTimeline($0) }
    let times = hasNewRepeatedTimes ? [StateEffect.persistRepeatedTimes(repeatedTimes)] : []
    hasNewRepeatedTimes = false
    pendingEffects = StateEffect.coalesced(pendingEffects + new + set + times)
    guard !pendingEffects.isEmpty else { return }
    let batch = pendingEffects
    try await store.apply(batch)
    pendingEffects.removeFirst(batch.count)
  }

  private func acknowledge() async {
    noteSettledLives()
    // A loss is durable before what comes after it is acknowledged.
    let unwritten = Set(newLost.map(\.0))
    for (server, session) in live where !unwritten.contains(session.handle.stream) {
      let order = head.acknowledgedOrder(session.handle.stream)
      var due = lifeAcknowledgements(of: session)
      if order > session.acknowledged { due.append(.acknowledge(order: order)) }
      guard !due.isEmpty else { continue }
      // One that does not read is tried again at the next flush; the others do not wait for it.
      if await session.writer.offer(due) { acknowledged(session, through: order, server) }
    }
  }
}
