import Protocol

/// What the manager knows of one stream's batches.
struct StreamHead: Sendable {
  /// Durable or declared lost. Order 0 is never made, so 0 stands for "nothing yet".
  private(set) var settled = OrderSet([0...0])
  /// Settled, or in the frame log.
  private(set) var durable = OrderSet([0...0])
  /// Settled, in flight or held.
  private(set) var known = OrderSet([0...0])
  /// Held.
  private var rows = PackedRows()
  private(set) var inFlight: [HistoryBlock] = []
  private(set) var bytes = 0
  private var waitingSince: Int64?

  mutating func settle(_ range: ClosedRange<UInt64>) {
    settled.insert(range)
    durable.insert(range)
    known.insert(range)
  }

  /// The frame log has this batch, on disk.
  mutating func logged(_ order: UInt64) {
    if known.contains(order) { durable.insert(order...order) }
  }

  mutating func hold(_ row: SampleRow, scratch: inout [UInt8]) {
    known.insert(row.order...row.order)
    let before = rows.bytes
    rows.add(row, scratch: &scratch)
    bytes += rows.bytes - before
  }

  /// Whether a `cut` would give blocks: some may be full, or all have waited long enough.
  mutating func isRipe(now: Int64, limits: HistoryHead.Limits) -> (full: Bool, due: Bool) {
    guard !rows.isEmpty else { return (false, false) }
    let since = waitingSince ?? now
    waitingSince = since
    return (
      rows.count >= limits.batchesPerBlock || rows.samples >= limits.samplesPerBlock,
      now - since >= limits.flushNanoseconds
    )
  }

  /// How many samples wait.
  var heldSamples: Int { rows.samples }

  /// Makes blocks of what is held: of all, or of that which fills one.
  mutating func cut(
    _ stream: StreamKey, now: Int64, limits: HistoryHead.Limits, all: Bool,
    scratch: inout [UInt8]
  ) -> [HistoryBlock] {
    let pieces = pieces(limits).filter { all || $0.isFull }
    guard !pieces.isEmpty else { return [] }
    let held = rows.rows
    var blocks: [HistoryBlock] = []
    var kept = PackedRows()
    var next = 0
    for piece in pieces {
      for row in held[next..<piece.range.lowerBound] { kept.add(row, scratch: &scratch) }
      blocks.append(StreamHead.block(of: held[piece.range], in: stream))
      next = piece.range.upperBound
    }
    for row in held[next...] { kept.add(row, scratch: &scratch) }
    rows = kept
    waitingSince = kept.isEmpty ? nil : now
    inFlight += blocks
    bytes = kept.bytes + inFlight.reduce(0) { $0 + $1.bytes.count }
    return blocks
  }

  /// Cuts what is held where an order is missing and where a block is full.
  private func pieces(_ limits: HistoryHead.Limits) -> [(range: Range<Int>, isFull: Bool)] {
    var pieces: [(range: Range<Int>, isFull: Bool)] = []
    let held = rows.orders
    guard !held.isEmpty else { return [] }
    var start = 0
    var samples = 0
    for index in held.indices {
      let next = held[index].samples
      let isFull =
        index - start >= limits.batchesPerBlock || samples + next > limits.samplesPerBlock
      if index > start && (isFull || held[index].order != held[index - 1].order + 1) {
        pieces.append((start..<index, isFull))
        start = index
        samples = 0
      }
      samples += next
    }
    let isFull =
      held.count - start >= limits.batchesPerBlock || samples >= limits.samplesPerBlock
    pieces.append((start..<held.count, isFull))
    return pieces
  }

  private static func block(of slice: ArraySlice<SampleRow>, in stream: StreamKey)
    -> HistoryBlock
  {
    let times = slice.map(\.nanoseconds)
    return HistoryBlock(
      stream: stream, fromNanoseconds: times.min() ?? 0, throughNanoseconds: times.max() ?? 0,
      firstOrder: slice.first?.order ?? 0, lastOrder: slice.last?.order ?? 0,
      samples: slice.reduce(0) { $0 + $1.bits.count }, bytes: BlockCodec.encode(rows: slice))
  }

  mutating func stored(_ block: HistoryBlock) {
    guard
      let index = inFlight.firstIndex(where: {
        $0.firstOrder == block.firstOrder && $0.lastOrder == block.lastOrder
      })
    else { return }
    bytes -= inFlight[index].bytes.count
    inFlight.remove(at: index)
    settle(block.firstOrder...block.lastOrder)
  }

  /// The hours of what is held and in flight, counted from the epoch.
  var hours: Set<Int64> {
    inFlight.reduce(into: rows.hours) { hours, block in
      guard block.fromNanoseconds <= block.throughNanoseconds else { return }
      let first = RollUpTier.hour.bucket(of: block.fromNanoseconds)
      hours.formUnion(first...RollUpTier.hour.bucket(of: block.throughNanoseconds))
    }
  }

  func collect(
    _ wanted: Set<SeriesID>, _ range: ClosedRange<Int64>,
    into columns: inout [SeriesID: [HistoryPoint]]
  ) throws(BlockError) {
    for block in inFlight
    where block.fromNanoseconds <= range.upperBound && range.lowerBound <= block.throughNanoseconds
    {
      let found = try BlockCodec.columns(for: wanted, in: block.bytes.span, range: range)
      for (series, points) in found { columns[series, default: []] += points }
    }
    rows.collect(wanted, range, into: &columns)
  }
}
