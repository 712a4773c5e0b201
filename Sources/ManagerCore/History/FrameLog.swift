import Protocol

/// What the frame log's files hold and what is to be written to them: accepted batches, until
/// blocks have them.
///
/// One write is under way at a time. What is appended meanwhile makes the next one. A write that
/// failed is repeated with the same bytes at the same place, so that pages whose sync failed are
/// written again; what was synced before is never touched.
package struct FrameLog: Sendable {
  /// The limits of a log, each with its reason.
  package struct Limits: Hashable, Sendable {
    /// A segment is read whole at start, and a damage costs what comes after it in its segment.
    package var segmentBytes = 16 << 20
    /// After this a new segment is begun, so that a quiet site's segments are removed too.
    package var segmentNanoseconds: Int64 = 600_000_000_000
    /// More than this does not wait for the next second.
    package var urgentBytes = 1 << 20
    /// While nothing can be written, no more than this waits; batches that come after it are
    /// acknowledged when their block is stored. 32 MiB are some twenty million samples.
    package var pendingBytes = 32 << 20
    package init() {}
  }

  /// One write: these bytes at this place of this segment, synced, and with the place 0 the folder.
  package struct Write: Hashable, Sendable {
    package var segment: UInt64
    package var offset: Int
    package var bytes: [UInt8]
  }

  private struct Segment: Sendable {
    var orders: [StreamKey: OrderSet] = [:]
  }

  private let limits: Limits
  private var encoder = FrameLogCodec.Encoder()
  private var segments: [UInt64: Segment] = [:]
  private var current: UInt64
  /// Where the next write to the current segment begins.
  private var offset = 0
  private var began: Int64?
  private var pending: [UInt8] = []
  private var pendingOrders: [(stream: StreamKey, order: UInt64)] = []
  private var underWay: (write: Write, orders: [(stream: StreamKey, order: UInt64)])?

  /// - Parameter first: a number above that of every segment there is.
  package init(limits: Limits = Limits(), first: UInt64 = 1) {
    self.limits = limits
    current = first
  }

  /// Bytes that wait to be written or are being written.
  package var waitingBytes: Int { pending.count + (underWay?.write.bytes.count ?? 0) }

  /// So much waits that it should not wait for the next second.
  package var isUrgent: Bool { pending.count >= limits.urgentBytes }

  /// A batch was found in a segment of an earlier life of the manager.
  package mutating func found(_ order: UInt64, of stream: StreamKey, in segment: UInt64) {
    segments[segment, default: Segment()].orders[stream, default: OrderSet()]
      .insert(order...order)
  }

  /// A segment of an earlier life that holds no batch goes with the next removal.
  package mutating func found(segment: UInt64) {
    if segments[segment] == nil { segments[segment] = Segment() }
  }

  /// Takes an accepted batch; `false` when too much waits, and only a block can hold it.
  package mutating func append(_ row: SampleRow, of stream: StreamKey) -> Bool {
    guard waitingBytes < limits.pendingBytes else { return false }
    if pending.isEmpty { FrameLogCodec.Encoder.begin(at: offset, into: &pending) }
    encoder.append(row, of: stream, into: &pending)
    pendingOrders.append((stream, row.order))
    return true
  }

  /// The same for a batch that is not yet in columns.
  package mutating func append(_ batch: StoredBatch, of stream: StreamKey) -> Bool {
    append(SampleRow(batch), of: stream)
  }

  /// The next write, or once more the one that failed; `nil` when nothing waits.
  package mutating func nextWrite(now: Moment) -> Write? {
    if let underWay { return underWay.write }
    guard !pendingOrders.isEmpty else { return nil }
    let write = Write(segment: current, offset: offset, bytes: pending)
    underWay = (write, pendingOrders)
    // From now on it must not be removed, though its batches be stored before they are synced.
    for item in pendingOrders { found(item.order, of: item.stream, in: current) }
    offset += pending.count
    pending.removeAll(keepingCapacity: pending.count < 2 * limits.urgentBytes)
    pendingOrders = []
    let since = began ?? now.monotonicNanoseconds
    began = since
    if offset >= limits.segmentBytes
      || now.monotonicNanoseconds - since >= limits.segmentNanoseconds
    {
      beginSegment()
    }
    return write
  }

  /// The write is on disk: these batches are durable.
  package mutating func wrote() -> [(stream: StreamKey, order: UInt64)] {
    defer { underWay = nil }
    return underWay?.orders ?? []
  }

  /// The segments that are not written to any more and whose every batch is settled elsewhere.
  package func removable(
    isSettled: (StreamKey, ClosedRange<UInt64>) -> Bool
  ) -> [UInt64] {
    segments.keys.sorted().filter { number in
      number != current && number != underWay?.write.segment
        && segments[number]?.orders.allSatisfy { stream, orders in
          orders.ranges.allSatisfy { isSettled(stream, $0) }
        } ?? false
    }
  }

  /// These segments' files are gone.
  package mutating func removed(_ numbers: [UInt64]) {
    for number in numbers { segments[number] = nil }
  }

  /// Ends the current segment, when it holds anything: it can then be removed.
  package mutating func endSegment() {
    if offset > 0 && pending.isEmpty { beginSegment() }
  }

  private mutating func beginSegment() {
    current += 1
    offset = 0
    began = nil
    encoder = FrameLogCodec.Encoder()
  }
}
