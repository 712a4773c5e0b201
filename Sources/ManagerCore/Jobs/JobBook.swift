import Protocol

/// Job reports between their arrival and the store: each counted once, those of a minute put
/// together. What is in here is not acknowledged: the agents still have it.
package struct JobBook: Sendable {
  /// What is written in one go, for one life of one agent.
  package struct Write: Hashable, Sendable {
    package var stream: StreamKey
    /// Reports up to this sequence are in it or were stored before.
    package var sequence: UInt64
    package var spans: [JobSpan]
    package init(stream: StreamKey, sequence: UInt64, spans: [JobSpan]) {
      self.stream = stream
      self.sequence = sequence
      self.spans = spans
    }
  }

  private struct Pending: Sendable {
    var spans: [String: JobSpan] = [:]
    var sequence: UInt64
    var since: Int64
  }

  /// Reports wait this long for those that follow: a row a minute and target.
  package static let minute: Int64 = 60_000_000_000
  /// However often an agent's times jump: each write is rows on disk.
  private static let leastWait: Int64 = 1_000_000_000
  /// Agents whose last life is remembered. Older lives are looked up in the store again.
  private static let streamLimit = 100_000

  private var taken: [StreamKey: UInt64] = [:]
  private var pending: [StreamKey: Pending] = [:]
  private var unwritten: [Write] = []
  private var stored: [StreamKey: UInt64] = [:]

  package init() {}

  package func knows(_ stream: StreamKey) -> Bool { taken[stream] != nil }

  /// What the store has of a stream, before its first report is taken.
  package mutating func resume(_ stream: StreamKey, stored sequence: UInt64) {
    guard taken[stream] == nil else { return }
    if taken.count >= Self.streamLimit { forgetIdle() }
    taken[stream] = sequence
    stored[stream] = sequence
  }

  /// Takes a report; `false` when it was taken before.
  package mutating func take(
    _ report: JobReport, _ span: JobSpan, from stream: StreamKey, now: Moment
  ) -> Bool {
    guard report.sequence > taken[stream, default: 0] else { return false }
    taken[stream] = report.sequence
    if let waiting = pending[stream], let known = waiting.spans[span.target],
      !Self.follows(span, known),
      now.monotonicNanoseconds - waiting.since >= Self.leastWait
    {
      pending[stream] = nil
      unwritten.append(Self.write(waiting, stream))
    }
    var waiting =
      pending[stream] ?? Pending(sequence: 0, since: now.monotonicNanoseconds)
    waiting.sequence = report.sequence
    if waiting.spans[span.target] == nil {
      waiting.spans[span.target] = span
    } else {
      waiting.spans[span.target]?.merge(span)
    }
    pending[stream] = waiting
    return true
  }

  /// What is due, and what could not be written before. To be written, and then told by `wrote`.
  package mutating func cut(now: Moment, force: Bool = false) -> [Write] {
    for (stream, waiting) in pending.sorted(by: { StreamKey.isBefore($0.key, $1.key) })
    where force || now.monotonicNanoseconds - waiting.since >= Self.minute {
      pending[stream] = nil
      unwritten.append(Self.write(waiting, stream))
    }
    return unwritten
  }

  /// Not where the manager's clock was set between them: together they would have the time of the later one.
  private static func follows(_ span: JobSpan, _ before: JobSpan) -> Bool {
    let (end, overflow) = before.throughNanoseconds.addingReportingOverflow(minute)
    return span.throughNanoseconds >= before.throughNanoseconds
      && (overflow || span.throughNanoseconds <= end)
  }

  private static func write(_ waiting: Pending, _ stream: StreamKey) -> Write {
    Write(
      stream: stream, sequence: waiting.sequence,
      spans: waiting.spans.values.sorted { $0.target < $1.target })
  }

  package mutating func wrote(_ writes: [Write]) {
    for write in writes {
      stored[write.stream] = max(stored[write.stream, default: 0], write.sequence)
    }
    unwritten.removeAll { writes.contains($0) }
  }

  /// The sequence up to which a stream's reports are stored.
  package func storedSequence(_ stream: StreamKey) -> UInt64 { stored[stream, default: 0] }

  /// What is not yet stored and ended within the range.
  package func spans(ended range: ClosedRange<Int64>) -> [JobSpan] {
    (unwritten.flatMap(\.spans) + pending.values.flatMap { Array($0.spans.values) })
      .filter { range.contains($0.throughNanoseconds) }
  }

  private mutating func forgetIdle() {
    for stream in taken.keys
    where pending[stream] == nil && !unwritten.contains(where: { $0.stream == stream }) {
      taken[stream] = nil
      stored[stream] = nil
    }
  }
}
