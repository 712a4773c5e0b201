import Protocol

/// What became of a batch that was given to `HistoryHead`.
package enum AppendResult: Hashable, Sendable {
  /// Held, and nothing is missing just before it.
  case appended
  /// The store or the head has a batch of this order; this one was not taken.
  case duplicate
  /// Held too, but these orders, just before it, have not been seen. They may still be replayed,
  /// or the agent may declare them dropped; the acknowledged order waits for one or the other.
  case gap(missing: ClosedRange<UInt64>)
  /// Not held, because the head is at a limit: the store can not keep up. The order stays
  /// unacknowledged, so the agent keeps the batch and replays it in its next session.
  case full
}

/// The batches that are not yet in the store, stream by stream.
///
/// A batch goes through three stages: held (`append`), in flight (`cut` made a block of it) and
/// settled (`stored`). In each of the first two it may also be in the frame log (`logged`). What is
/// there, is settled, or was declared lost by its agent, is durable; only that is acknowledged.
package struct HistoryHead: Sendable {
  /// The limits of a head, each with its reason.
  package struct Limits: Hashable, Sendable {
    /// A batch is stored at latest after this time. It is how long an agent's spool must reach at
    /// least, and what its memory must cover when the manager dies.
    package var flushNanoseconds: Int64 = 30_000_000_000
    /// Past this the header of a series is spread over enough values: 0.1 bytes each.
    package var batchesPerBlock = 120
    /// A block is read whole; at 3 bytes a sample this is less than a megabyte.
    package var samplesPerBlock = 250_000
    /// What is held, coded, plus blocks in flight. At less than a byte a sample 256 MiB are more than
    /// half an hour of 1,000 servers with 1,500 series each that are read every 10 s.
    package var bytes = 256 << 20
    /// Samples of which one `cut` makes blocks only because they waited long enough; the rest waits
    /// for the next one, a second later. A whole site that began at once would otherwise hold up its
    /// manager for many seconds every ten minutes, and need the memory of it. More when all would not be
    /// through by half of `flushNanoseconds`.
    package var samplesPerCut = 250_000
    /// Holes in one stream. Each reconnect makes at most one; more is a confused or hostile agent.
    package var rangesPerStream = 1_024
    /// Ended process lives remembered for each server, so that a late replay is recognised.
    package var idleStreamsPerServer = 8
    package init() {}
  }

  private let limits: Limits
  private var streams: [StreamKey: StreamHead] = [:]
  private var opened: [ServerID: [StreamKey]] = [:]
  /// For coding, so that each row is coded into memory that is there.
  private var scratch: [UInt8] = []
  /// Bytes held and in flight, as `Limits.bytes` counts them.
  package private(set) var heldBytes = 0

  package init(limits: Limits = Limits()) { self.limits = limits }

  /// Whether anything of the stream is known; if not, `resume` it before the first `append`.
  package func knows(_ stream: StreamKey) -> Bool { streams[stream] != nil }

  /// Tells what the store already has of a stream: the orders of its blocks and of the losses that
  /// were written down. May be repeated.
  package mutating func resume(_ stream: StreamKey, durable: [ClosedRange<UInt64>]) {
    open(stream)
    for range in durable { streams[stream]?.settle(range) }
  }

  /// Takes a batch. Orders may come in any sequence, since replays fill holes.
  ///
  /// - Parameter isLogged: it comes out of the frame log. It was acknowledged, so no limit holds it
  ///   off; whoever replays calls `cut` between.
  package mutating func append(
    _ row: SampleRow, to stream: StreamKey, isLogged: Bool = false
  ) -> AppendResult {
    open(stream)
    guard var head = streams.removeValue(forKey: stream) else { return .full }
    defer { streams[stream] = head }
    if head.known.contains(row.order) { return .duplicate }
    let gap = head.known.gap(below: row.order)
    guard
      isLogged
        || heldBytes + PackedRows.sizeLimit(of: row) <= limits.bytes
          && (head.known.ranges.count < limits.rangesPerStream || gap == nil)
    else { return .full }
    let before = head.bytes
    head.hold(row, scratch: &scratch)
    if isLogged { head.logged(row.order) }
    heldBytes += head.bytes - before
    return gap.map { .gap(missing: $0) } ?? .appended
  }

  /// The same for a batch that is not yet in columns.
  package mutating func append(
    _ batch: StoredBatch, to stream: StreamKey, isLogged: Bool = false
  ) -> AppendResult {
    append(SampleRow(batch), to: stream, isLogged: isLogged)
  }

  /// The agent gave up these batches. Gives the orders that are lost by it: those that are neither
  /// durable nor held here. They no longer hold up the acknowledged order.
  @discardableResult
  package mutating func dropped(
    _ stream: StreamKey, from: UInt64, through: UInt64
  ) -> [ClosedRange<UInt64>] {
    guard from <= through else { return [] }
    open(stream)
    let lost = streams[stream]?.known.missing(from: from...through) ?? []
    for range in lost { streams[stream]?.settle(range) }
    return lost
  }

  /// Gives the blocks that are due: those of `batchesPerBlock` batches, and all of a stream that
  /// has waited for `flushNanoseconds` since a `cut` first saw it wait, as far as `samplesPerCut`
  /// reaches. Half of the memory in use makes everything due, `force` likewise. The blocks are in
  /// flight until they are `stored`.
  package mutating func cut(now: Moment, force: Bool = false) -> [HistoryBlock] {
    let all = force || heldBytes > limits.bytes / 2
    var ripe: [(stream: StreamKey, full: Bool, due: Bool)] = []
    var held = 0
    var index = streams.startIndex
    while index != streams.endIndex {
      let state = streams.values[index].isRipe(now: now.monotonicNanoseconds, limits: limits)
      held += streams.values[index].heldSamples
      if all || state.full || state.due {
        ripe.append((streams.keys[index], state.full, state.due))
      }
      streams.formIndex(after: &index)
    }
    var blocks: [HistoryBlock] = []
    let seconds = max(1, Int(limits.flushNanoseconds / 2_000_000_000))
    var budget = max(limits.samplesPerCut, held / seconds)
    for item in ripe.sorted(by: { StreamKey.isBefore($0.stream, $1.stream) }) {
      guard all || item.full || budget > 0,
        var head = streams.removeValue(forKey: item.stream)
      else { continue }
      let isWhole = all || item.due && budget > 0
      if isWhole { budget -= head.heldSamples }
      let before = head.bytes
      blocks += head.cut(
        item.stream, now: now.monotonicNanoseconds, limits: limits, all: isWhole,
        scratch: &scratch)
      heldBytes += head.bytes - before
      streams[item.stream] = head
    }
    return blocks
  }

  /// Blocks that were cut and not yet stored, to be tried again after the store failed.
  package var unstored: [HistoryBlock] {
    streams.keys.sorted(by: StreamKey.isBefore).flatMap { streams[$0]?.inFlight ?? [] }
  }

  /// The store has committed this block.
  package mutating func stored(_ block: HistoryBlock) {
    guard var head = streams.removeValue(forKey: block.stream) else { return }
    let before = head.bytes
    head.stored(block)
    heldBytes += head.bytes - before
    streams[block.stream] = head
  }

  /// The frame log has this batch on disk.
  package mutating func logged(_ order: UInt64, of stream: StreamKey) {
    streams[stream]?.logged(order)
  }

  /// The highest order up to which every batch is durable, in a block or in the frame log, or
  /// declared lost; 0 when none is.
  package func acknowledgedOrder(_ stream: StreamKey) -> UInt64 {
    streams[stream]?.durable.ranges.first?.upperBound ?? 0
  }

  /// The highest order up to which every batch is in a block or declared lost; 0 when none is.
  package func settledOrder(_ stream: StreamKey) -> UInt64 {
    streams[stream]?.settled.ranges.first?.upperBound ?? 0
  }

  /// Whether this batch is stored, held here or declared lost.
  package func isKnown(_ order: UInt64, of stream: StreamKey) -> Bool {
    streams[stream]?.known.contains(order) ?? false
  }

  /// Those of these that are neither stored nor held here nor declared lost.
  package func unknown(
    _ orders: ClosedRange<UInt64>, of stream: StreamKey
  ) -> [ClosedRange<UInt64>] {
    streams[stream]?.known.missing(from: orders) ?? [orders]
  }

  /// Whether all of these are in blocks or declared lost. A stream is forgotten only when nothing
  /// of it is held, so one that is not known has nothing left to store.
  package func isSettled(_ stream: StreamKey, _ orders: ClosedRange<UInt64>) -> Bool {
    streams[stream]?.settled.missing(from: orders).isEmpty ?? true
  }

  /// The highest order that is stored, held here or declared lost; 0 when none is.
  package func highestOrder(_ stream: StreamKey) -> UInt64 {
    streams[stream]?.known.ranges.last?.upperBound ?? 0
  }

  /// The orders below the highest one seen that are neither here nor in the store.
  package func missing(_ stream: StreamKey) -> [ClosedRange<UInt64>] {
    streams[stream]?.known.gaps ?? []
  }

  /// What is not yet durable of some series, in no particular order of time.
  package func columns(
    for wanted: Set<SeriesID>, range: ClosedRange<Int64>
  ) throws(BlockError) -> [SeriesID: [HistoryPoint]] {
    var columns: [SeriesID: [HistoryPoint]] = [:]
    for head in streams.values {
      try head.collect(wanted, range, into: &columns)
    }
    return columns
  }

  /// The hours, counted from the epoch, of which something is not yet durable: what is rolled up of them
  /// is not all.
  package var hours: [ServerID: Set<Int64>] {
    streams.reduce(into: [:]) { hours, entry in
      let held = entry.value.hours
      if !held.isEmpty { hours[entry.key.server, default: []].formUnion(held) }
    }
  }

  private mutating func open(_ stream: StreamKey) {
    guard streams[stream] == nil else { return }
    streams[stream] = StreamHead()
    var lives = opened[stream.server] ?? []
    lives.append(stream)
    var surplus = lives.count - 1 - limits.idleStreamsPerServer
    lives.removeAll { life in
      guard surplus > 0, life != stream, streams[life]?.bytes == 0 else { return false }
      surplus -= 1
      streams[life] = nil
      return true
    }
    opened[stream.server] = lives
  }
}

extension StreamKey {
  /// A fixed sequence of streams, so that equal inputs give equal outputs.
  static func isBefore(_ a: StreamKey, _ b: StreamKey) -> Bool {
    (a.server.text, a.boot.text, a.incarnation) < (b.server.text, b.boot.text, b.incarnation)
  }
}
