import Logging
import ManagerCore
import Platform
import Protocol

/// The frame log: what is accepted is on disk within a second, long before a block is made of it.
extension Site {
  /// Runs one thing that writes at a time, in the order in which they were asked for; none of them
  /// is cancelled half-way.
  func inTurn(_ work: @escaping @Sendable (Site) async -> Void) async {
    let before = turn
    let task = Task {
      await before?.value
      await work(self)
    }
    turn = task
    await task.value
  }

  func enterLog(_ row: SampleRow, _ stream: StreamKey) {
    if !log.append(row, of: stream) { isLogFull = true }
    if log.isUrgent { flushSoon() }
  }

  /// Not again and again while the store fails: then once a second.
  func flushSoon() {
    guard !isFlushAsked, storeFailure == nil, logFailure == nil else { return }
    isFlushAsked = true
    Task { await self.flush() }
  }

  /// Writes what waits, and lets the head know. What it holds must have its identities stored.
  func writeLog(_ write: FrameLog.Write) async {
    do throws(DiagnosticError) {
      try await frames.write(write)
      for item in log.wrote() { head.logged(item.order, of: item.stream) }
      if logFailure != nil { logger.notice("the frame log can be written again") }
      logFailure = nil
    } catch {
      if logFailure == nil {
        logger.error(
          "the frame log can not be written: acknowledgements stop, agents keep what they have",
          metadata: ["file": "\(error.diagnostic.subject)", "reason": "\(error.diagnostic.reason)"])
      }
      logFailure = error.diagnostic
    }
  }

  /// Segments of which blocks hold everything.
  func removeSegments() async {
    let gone = log.removable { head.isSettled($0, $1) }
    guard !gone.isEmpty else { return }
    do throws(DiagnosticError) {
      try await frames.remove(gone)
      log.removed(gone)
    } catch {
      logger.warning(
        "segments of the frame log can not be removed",
        metadata: ["file": "\(error.diagnostic.subject)", "reason": "\(error.diagnostic.reason)"])
    }
  }

  // MARK: Start

  /// Takes back what was accepted and is not yet in blocks. Before the first session.
  package func replayFrames() async throws(DiagnosticError) {
    let numbers = try frames.numbers()
    log = FrameLog(limits: settings.logLimits, first: (numbers.last ?? 0) + 1)
    try await lookForMissing()
    var broken: [(UInt64, FrameLogReader.Damage)] = []
    var values = ReplayedValues(catalogue)
    for number in numbers {
      let damage = try await replay(number, isNewest: number == numbers.last, &values)
      if let damage { broken.append((number, damage)) }
    }
    if let older = try await store.findOlderDatabase() {
      damages.append(older)
      try await tellOlderDatabase(older)
      logger.error(
        "the database is older than history", metadata: ["reason": "\(older.reason)"])
    }
    // Only now is it known what other segments have.
    try await settleReplayed()
    for (number, damage) in broken { try await found(damage, in: number) }
    timeline = BatchTimeline(
      Array(try await store.documents(.timeline, as: BatchTimeline.Record.self).values),
      last: lastBatch)
    repeatedTimes =
      try await store.documents(.repeatedTimes, as: RepeatedTimes.self).values.first
      ?? RepeatedTimes()
    // When a server was heard and a target seen is written down seldom; what was sent is here to the
    // second.
    // What is still to come was stamped by a clock that was ahead, and says nothing of when.
    let wall = Clock.wall()
    let ahead = try await timesAhead()
    for (server, last) in lastBatch
    where last.nanoseconds <= wall && !ahead.contains(where: { $0.contains(last.nanoseconds) }) {
      observed.wasHeard(server, wallNanoseconds: last.nanoseconds, at: now)
    }
    for (target, value) in values.newest
    where value.nanoseconds <= wall && !ahead.contains(where: { $0.contains(value.nanoseconds) }) {
      observed.valueReplayed(target, value, at: now)
    }
    // A clock that is not yet right when the machine starts looks like a long pause.
    if let newest = store.history.newest.values.max(), newest < wall - Self.longPause {
      noteJump(wall - newest, now)
    }
    await tellMissingHistory()
    try await tellFutureOfEarlierRuns()
  }

  /// As a loss of each server, for the next start may find numbers that are higher again.
  private func tellOlderDatabase(_ older: Diagnostic) async throws(DiagnosticError) {
    let reason = "\(older.subject): \(older.reason); whose they were is not known"
    for server in observed.servers(at: now).map(\.id) {
      guard try await !store.losses(of: server).contains(where: { $0.reason == reason }) else {
        continue
      }
      found(
        SampleLoss(
          afterNanoseconds: nil, beforeNanoseconds: now.wallNanoseconds, batches: nil, samples: nil,
          reason: reason), server, now)
    }
  }

  /// A week: few managers are down for longer, and a clock that lost its battery is further off.
  private static let longPause = 7 * HistoryDay.nanoseconds

  /// Times of samples that were taken earlier than they say: the manager's clock was ahead then.
  private func timesAhead() async throws(DiagnosticError) -> [ClosedRange<Int64>] {
    var found: [ClosedRange<Int64>] = []
    for server in lastBatch.keys {
      for loss in try await store.losses(of: server) where loss.reason == Self.wasAhead {
        guard let after = loss.afterNanoseconds, after <= loss.beforeNanoseconds else { continue }
        found.append(after...loss.beforeNanoseconds)
      }
    }
    return found
  }

  /// The manager's clock was set back while it was down, or this was told before it ended.
  private func tellFutureOfEarlierRuns() async throws(DiagnosticError) {
    let wall = Clock.wall()
    if let newest = lastBatch.values.map(\.nanoseconds).max(), newest > wall {
      noteRepeated(from: wall, through: newest)
    }
    for (server, last) in lastBatch where last.nanoseconds > wall {
      let told = try await store.losses(of: server)
      if told.contains(where: { $0.beforeNanoseconds == last.nanoseconds }) {
        lastBatch[server]?.nanoseconds = wall
      }
    }
    tellFuture(wall)
  }

  /// Files of history that somebody or some disk took away, or that are damaged. What exactly was in
  /// them is not known.
  func tellMissingHistory() async {
    let damaged = store.history.takeNewDamage()
    for item in damaged {
      logger.error(
        "a file of history is damaged",
        metadata: [
          "file": "\(item.finding.subject)", "reason": "\(item.finding.reason)",
          "remedy": "\(item.finding.remedy)",
        ])
    }
    let missing = store.history.missing
    guard !missing.isEmpty else { return }
    let servers = observed.servers(at: now).map(\.id)
    for item in missing {
      let name = item.file.name
      if item.keptAs == nil {
        logger.error(
          "a file of history was removed, replaced or emptied", metadata: ["file": "\(name)"])
      }
      // Of a store that could not be written last time the loss still waits.
      guard missingTold.insert(item).inserted, let lost = store.history.lostTime(of: item) else {
        continue
      }
      for server in servers {
        found(
          SampleLoss(
            afterNanoseconds: lost.from,
            beforeNanoseconds: min(lost.before, now.wallNanoseconds),
            batches: nil, samples: nil,
            reason: item.keptAs.map { "history/\(name) is damaged, and kept as history/\($0)" }
              ?? "history/\(name) was removed, replaced or emptied, and not by the manager"),
          server, now)
      }
    }
    await flush(force: true)
    guard storeFailure == nil else { return }
    let days = missing.compactMap { if case .raw(let day) = $0.file { day } else { nil } }
    guard (try? await store.forgetEnds(of: days)) != nil else { return }
    // Not those that were found while these were stored.
    store.history.told(missing)
    missingTold.subtract(missing)
  }

  private func replay(
    _ number: UInt64, isNewest: Bool, _ values: inout ReplayedValues
  ) async throws(DiagnosticError) -> FrameLogReader.Damage? {
    let bytes = try frames.read(number)
    log.found(segment: number)
    var reader = FrameLogReader()
    var batches = 0
    // A few megabytes of samples between two looks at how full the head is.
    let pause = 1_000_000
    var samples = 0
    while let (stream, row) = reader.nextRow(bytes.span) {
      try await resume(stream)
      log.found(row.order, of: stream, in: number)
      noteReplayed(row.order, row.nanoseconds, of: stream)
      guard head.append(row, to: stream, isLogged: true) != .duplicate else { continue }
      batches += 1
      samples += row.bits.count
      values.take(row, from: stream.server)
      let series = row.layout.series
      if let last = row.layout.isAscending ? series.last : series.max() {
        catalogue.spare(through: last)
      }
      if row.nanoseconds > lastBatch[stream.server]?.nanoseconds ?? .min {
        lastBatch[stream.server] = LastBatch(
          stream: stream, order: row.order, nanoseconds: row.nanoseconds)
      }
      if samples >= pause {
        samples = 0
        _ = head.cut(now: now)
      }
    }
    logger.info(
      "batches were read back from the frame log",
      metadata: ["segment": "\(number)", "batches": "\(batches)"])
    switch reader.ending(bytes.span, isNewest: isNewest) {
    case .whole: return nil
    case .torn(let length):
      logger.warning(
        "the frame log ends in a batch that is not whole: it and what follows count as not stored",
        metadata: ["segment": "\(number)", "bytes": "\(bytes.count - length)"])
      try frames.cut(number, to: length)
      if length == 0 { log.removed([number]) }
      return nil
    case .damaged(let damage): return damage
    }
  }

  private func found(
    _ damage: FrameLogReader.Damage, in number: UInt64
  ) async throws(DiagnosticError) {
    var lost = 0
    var orders: [StreamKey: OrderSet] = [:]
    for item in damage.lost {
      try await resume(item.stream)
      guard !head.isKnown(item.order, of: item.stream),
        missing[item.stream.server]?.contains(where: {
          $0.stream == item.stream && $0.orders.contains(item.order)
        }) != true
      else { continue }
      lost += 1
      orders[item.stream, default: OrderSet()].insert(item.order...item.order)
    }
    try await miss(
      orders.flatMap { stream, orders in
        orders.ranges.map { range in
          MissingOrders(
            stream: stream, orders: range, afterNanoseconds: nil,
            beforeNanoseconds: now.wallNanoseconds, reason: "the manager's frame log was damaged")
        }
      })
    let diagnostic = Diagnostic(
      .samplesLost, .error, subject: "frame log",
      reason: "segment \(number) is damaged from byte \(damage.offset) on: \(lost) batches in it "
        + "can not be read, and \(damage.unreadableBytes) bytes of which nothing can be told",
      remedy: "Check the disk of the manager's state directory.")
    damages.append(diagnostic)
    counters.damagedBatches += UInt64(lost) + (damage.unreadableBytes > 0 ? 1 : 0)
    logger.critical(
      "the frame log is damaged: acknowledged samples are lost, unless agents still have them",
      metadata: ["segment": "\(number)", "reason": "\(diagnostic.reason)"])
  }
}
