import Protocol

/// Reads the spool back in one session: earlier lives, oldest first, and what this life could not
/// keep in memory. A piece of one segment is in memory at a time.
struct Replay: Sendable {
  /// Values sent and not acknowledged at most: what they cost the manager's memory until they are
  /// stored (24 bytes each), from each of many agents that come back at once.
  static let window = 200_000
  /// A read that fails is tried again with the next cycle, so many times: whatever passes, passes in
  /// minutes, and what does not must not hold up the rest for ever.
  private static let readTries = 20

  private struct Course: Sendable {
    var life: Life
    var index: Int
    var next: UInt64
    var through: UInt64
  }

  private struct Source: Sendable {
    var number: UInt64
    var records = RecordReader()
    var samples = SampleDecoder()
    var offset = 0
    var isAwaiting = false
    var failures = 0
  }

  private enum Step {
    case message(Message)
    case again
    case wait
  }

  private var waiting: [Course] = []
  private var current: Course?
  private var source: Source?
  private var codedLife: Int?
  private var encoder = SampleEncoder()
  private var declared: Set<UInt32> = []
  private var unacknowledged: [(life: Int, order: UInt64, values: Int)] = []
  private var unacknowledgedValues = 0
  /// After a read that failed, until the next cycle.
  private var isPaused = false
  /// The newest batch that `next` gave.
  private(set) var lastSent: (life: Int, order: UInt64)?

  /// Lives are taken in the order of their index, and their batches in order.
  mutating func add(_ life: Life, index: Int, orders: ClosedRange<UInt64>) {
    if var course = current, course.index == index {
      course.through = max(course.through, orders.upperBound)
      current = course
    } else if let place = waiting.firstIndex(where: { $0.index == index }) {
      waiting[place].through = max(waiting[place].through, orders.upperBound)
    } else {
      waiting.append(
        Course(life: life, index: index, next: orders.lowerBound, through: orders.upperBound))
    }
  }

  mutating func acknowledged(_ index: Int, through order: UInt64) {
    unacknowledged.removeAll { sent in
      guard sent.life == index, sent.order <= order else { return false }
      unacknowledgedValues -= sent.values
      return true
    }
  }

  /// The next message; `nil` when it waits for the disk or an acknowledgement, or is done.
  mutating func next(_ spool: inout Spool) -> Message? {
    while unacknowledgedValues < Replay.window, !isPaused {
      switch step(&spool) {
      case .message(let message): return message
      case .again: continue
      case .wait: return nil
      }
    }
    return nil
  }

  private mutating func step(_ spool: inout Spool) -> Step {
    guard var course = current ?? waiting.first else { return .wait }
    if current == nil {
      waiting.removeFirst()
      current = course
      if codedLife != course.index {
        codedLife = course.index
        encoder = SampleEncoder()
        declared = []
      }
    }
    guard var source, let segment = spool.segment(source.number) else {
      guard let segment = spool.segment(of: course.life, from: course.next),
        segment.orders.lowerBound <= course.through, course.next <= course.through
      else {
        current = nil
        self.source = nil
        return .again
      }
      course.next = max(course.next, segment.orders.lowerBound)
      current = course
      self.source = Source(number: segment.number)
      return .again
    }
    guard !source.isAwaiting else { return .wait }
    let last = min(segment.orders.upperBound, course.through)
    guard course.next <= last else {
      self.source = nil
      return .again
    }
    let step = source.records.next()
    self.source = source
    switch step {
    case .needsMore where source.offset < segment.bytes:
      let length = min(spool.limits?.readBytes ?? 0, segment.bytes - source.offset)
      spool.wantedRead = (source.number, source.offset, length)
      self.source?.isAwaiting = true
      return .wait
    case .needsMore, .damaged, .foreign:
      giveUp(segment, &spool, "a record in it is damaged; what follows is given up")
      return .again
    case .record(let kind, let body):
      return record(SegmentFormat.Kind(rawValue: kind), body, segment, &spool)
    }
  }

  private mutating func record(
    _ kind: SegmentFormat.Kind?, _ body: [UInt8], _ segment: SpoolSegment, _ spool: inout Spool
  ) -> Step {
    guard let course = current else { return .again }
    switch kind {
    case .declarations:
      guard let found = try? DeclarationCodec.decode(body.span) else { break }
      let new = found.filter { declared.insert($0.key).inserted }
      return new.isEmpty ? .again : .message(.lifeDeclare(life: course.index, new))
    case .batch:
      guard let batch = try? source?.samples.decode(body.span),
        batch.order <= course.next, batch.ids.allSatisfy(declared.contains)
      else { break }
      guard batch.order == course.next else { return .again }
      current?.next = batch.order + 1
      unacknowledged.append((course.index, batch.order, batch.ids.count))
      lastSent = (course.index, batch.order)
      unacknowledgedValues += batch.ids.count
      return .message(.lifeSamples(life: course.index, encoded: encoder.encode(batch)))
    case .header, .losses, nil: return .again
    }
    giveUp(segment, &spool, "a record in it can not be understood; what follows is given up")
    return .again
  }

  private mutating func giveUp(_ segment: SpoolSegment, _ spool: inout Spool, _ reason: String) {
    source = nil
    guard let course = current, course.next <= segment.orders.upperBound else { return }
    spool.noteDamage(segment.number, reason)
    spool.lose(
      course.next...segment.orders.upperBound, of: course.life, samples: nil,
      stamps: segment.stamps)
    current?.next = segment.orders.upperBound + 1
  }

  // MARK: The disk's answers

  mutating func read(_ number: UInt64, _ offset: Int, _ answer: SpoolAnswer, _ spool: inout Spool) {
    guard let waiting = source, waiting.isAwaiting, waiting.number == number,
      waiting.offset == offset
    else { return }
    source?.isAwaiting = false
    if case .read(let bytes) = answer, !bytes.isEmpty {
      source?.offset += bytes.count
      source?.records.feed(bytes)
      return
    }
    source?.failures += 1
    let reason = if case .failed(let text) = answer { text } else { "it is shorter than it was" }
    guard waiting.failures + 1 >= Replay.readTries, let segment = spool.segment(number) else {
      isPaused = true
      return
    }
    giveUp(segment, &spool, reason)
  }

  /// Another cycle has ended.
  mutating func retry() { isPaused = false }
}
