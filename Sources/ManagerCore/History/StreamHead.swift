import Protocol

/// What the manager knows of one stream's batches.
struct StreamHead: Sendable {
  /// Durable or declared lost. Order 0 is never made, so 0 stands for "nothing yet".
  private(set) var settled = OrderSet([0...0])
  /// Settled, or in the frame log.
  private(set) var durable = OrderSet([0...0])
  /// Settled, in flight or held.
  private(set) var known = OrderSet([0...0])
  /// Held, ascending by order.
  private var batches: [StoredBatch] = []
  private(set) var inFlight: [HistoryBlock] = []
  private(set) var bytes = 0
  private var waitingSince: Int64?

  /// The memory that a held batch counts for.
  static func size(of batch: StoredBatch) -> Int {
    64 + batch.samples.count * MemoryLayout<StoredSample>.stride
  }

  mutating func settle(_ range: ClosedRange<UInt64>) {
    settled.insert(range)
    durable.insert(range)
    known.insert(range)
  }

  /// The frame log has this batch, on disk.
  mutating func logged(_ order: UInt64) {
    if known.contains(order) { durable.insert(order...order) }
  }

  mutating func hold(_ batch: StoredBatch) {
    known.insert(batch.order...batch.order)
    bytes += StreamHead.size(of: batch)
    // Nearly always the last place; a replay walks back over what came before it.
    var position = batches.count
    while position > 0 && batches[position - 1].order > batch.order { position -= 1 }
    batches.insert(batch, at: position)
  }

  mutating func cut(_ stream: StreamKey, now: Int64, limits: HistoryHead.Limits, all: Bool)
    -> [HistoryBlock]
  {
    guard !batches.isEmpty else { return [] }
    let since = waitingSince ?? now
    waitingSince = since
    let isDue = all || now - since >= limits.flushNanoseconds
    var kept: [StoredBatch] = []
    var blocks: [HistoryBlock] = []
    for piece in pieces(limits) {
      if isDue || piece.isFull {
        blocks.append(StreamHead.block(of: batches[piece.range], in: stream))
      } else {
        kept += batches[piece.range]
      }
    }
    guard !blocks.isEmpty else { return [] }
    batches = kept
    waitingSince = kept.isEmpty ? nil : now
    inFlight += blocks
    bytes =
      kept.reduce(0) { $0 + StreamHead.size(of: $1) } + inFlight.reduce(0) { $0 + $1.bytes.count }
    return blocks
  }

  /// Cuts what is held where an order is missing and where a block is full.
  private func pieces(_ limits: HistoryHead.Limits) -> [(range: Range<Int>, isFull: Bool)] {
    var pieces: [(range: Range<Int>, isFull: Bool)] = []
    var start = 0
    var samples = 0
    for index in batches.indices {
      let next = batches[index].samples.count
      let isFull =
        index - start >= limits.batchesPerBlock || samples + next > limits.samplesPerBlock
      if index > start && (isFull || batches[index].order != batches[index - 1].order + 1) {
        pieces.append((start..<index, isFull))
        start = index
        samples = 0
      }
      samples += next
    }
    let isFull =
      batches.count - start >= limits.batchesPerBlock || samples >= limits.samplesPerBlock
    pieces.append((start..<batches.count, isFull))
    return pieces
  }

  private static func block(of slice: ArraySlice<StoredBatch>, in stream: StreamKey)
    -> HistoryBlock
  {
    let batches = Array(slice)
    let times = batches.map(\.nanoseconds)
    return HistoryBlock(
      stream: stream, fromNanoseconds: times.min() ?? 0, throughNanoseconds: times.max() ?? 0,
      firstOrder: batches.first?.order ?? 0, lastOrder: batches.last?.order ?? 0,
      samples: batches.reduce(0) { $0 + $1.samples.count }, bytes: BlockCodec.encode(batches))
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
    for batch in batches where range.contains(batch.nanoseconds) {
      for sample in batch.samples where wanted.contains(sample.series) {
        columns[sample.series, default: []].append(
          HistoryPoint(
            nanoseconds: batch.nanoseconds, source: sample.source, bits: sample.bits))
      }
    }
  }
}
