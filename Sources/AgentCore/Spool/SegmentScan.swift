import Protocol

/// How many values each of consecutive batches holds, in runs, for nearly all are alike.
package struct ValueCounts: Hashable, Sendable {
  private struct Run: Hashable, Sendable {
    var values: Int
    var batches: Int
  }
  private var runs: [Run] = []
  package init() {}

  package mutating func append(_ values: Int) {
    if runs.last?.values == values {
      runs[runs.count - 1].batches += 1
    } else {
      runs.append(Run(values: values, batches: 1))
    }
  }

  /// The values of the batches in a range of places.
  package func sum(_ places: Range<Int>) -> UInt64 {
    var sum: UInt64 = 0
    var start = 0
    for run in runs {
      let end = start + run.batches
      let covered = min(end, places.upperBound) - max(start, places.lowerBound)
      if covered > 0 { sum += UInt64(covered) * UInt64(run.values) }
      start = end
    }
    return sum
  }
}

/// What is known of one segment without its values.
package struct SpoolSegment: Hashable, Sendable {
  package var number: UInt64
  package var life: Life
  /// The orders of its batches, without a hole.
  package var orders: ClosedRange<UInt64>
  package var firstStamp: Stamp
  package var lastStamp: Stamp
  /// Values of each batch, from the first order on.
  package var counts: ValueCounts
  /// Up to the end of the last whole record.
  package var bytes: Int
  /// With what a write that never ended left behind.
  package var fileBytes: Int

  package var stamps: LostStamps { LostStamps(first: firstStamp, last: lastStamp) }

  package func values(in part: ClosedRange<UInt64>) -> UInt64 {
    guard part.lowerBound >= orders.lowerBound else { return 0 }
    let start = Int(clamping: part.lowerBound - orders.lowerBound)
    return counts.sum(start..<start + part.count)
  }
}

/// Reads a segment once, after a start, to learn what it holds. Never traps, whatever the bytes are.
package struct SegmentScan: Sendable {
  package enum Outcome: Sendable {
    case segment(SpoolSegment, ending: Ending)
    /// No batch of it can be sent. `reason` is `nil` where the agent was killed while it began it.
    case unusable(number: UInt64, reason: String?, life: Life?, ending: Ending)
    /// Of a version that this agent does not know: it stays as it is.
    case newer(number: UInt64, bytes: Int)
    /// A folder or a device in its place, which no agent made.
    case noFile(number: UInt64)
  }

  package struct Ending: Sendable {
    /// Orders above the segment's last one that are there and can not be decoded any more, because a
    /// record between is damaged; 0 when none are.
    package var damagedThrough: UInt64 = 0
    package var lastStamp: Stamp?
    /// Bytes of a record whose writing never ended.
    package var tornBytes = 0
    package var losses: [HeldLife]?
  }

  /// So that there is always a next one; no agent samples as often.
  private static let lastOrder = UInt64.max / 2

  private let number: UInt64
  private var reader = RecordReader()
  private var fed = 0
  private var header: SegmentFormat.Header?
  private var orders: ClosedRange<UInt64>?
  private var firstStamp = Stamp(bootNanoseconds: 0, wallNanoseconds: 0)
  private var lastStamp = Stamp(bootNanoseconds: 0, wallNanoseconds: 0)
  private var counts = ValueCounts()
  private var ending = Ending()
  private var isDamaged = false
  private var wholeBytes = 0
  private var unusable: String?
  private var isNewer = false

  package init(number: UInt64) { self.number = number }

  /// The file's bytes, in their order, in pieces of any size.
  package mutating func feed(_ bytes: [UInt8]) {
    fed += bytes.count
    guard unusable == nil, !isNewer else { return }
    reader.feed(bytes)
    while true {
      switch reader.next() {
      case .needsMore: return
      case .damaged:
        isDamaged = true
        if !reader.skipDamage() { return }
      case .foreign(let version):
        if let version, version > SegmentFormat.version {
          isNewer = true
        } else {
          unusable = "it is no segment of a spool"
        }
        return
      case .record(let kind, let body): take(SegmentFormat.Kind(rawValue: kind), body)
      }
      if unusable != nil { return }
    }
  }

  private mutating func take(_ kind: SegmentFormat.Kind?, _ body: [UInt8]) {
    guard header != nil else {
      let found = try? CanonicalJSON.decode(SegmentFormat.Header.self, from: body)
      if kind == .header, let found, SegmentScan.isSound(found) {
        header = found
        wholeBytes = reader.offset
      } else {
        unusable = "its header is damaged"
      }
      return
    }
    switch kind {
    case .batch: batch(body)
    case .losses:
      if let lives = try? CanonicalJSON.decode([HeldLife].self, from: body),
        (try? WireLimits.check(lives: lives)) != nil
      {
        ending.losses = lives
      }
    case .header, .declarations, nil: break
    }
    if !isDamaged { wholeBytes = reader.offset }
  }

  private static func isSound(_ header: SegmentFormat.Header) -> Bool {
    header.life.boot.text.utf8.count <= WireLimits.bootBytes
      && header.life.incarnation.utf8.count <= WireLimits.incarnationBytes
  }

  private mutating func batch(_ body: [UInt8]) {
    guard let found = try? SampleDecoder.heading(body.span),
      (1...SegmentScan.lastOrder).contains(found.order)
    else {
      isDamaged = true
      return
    }
    if let orders, found.order != orders.upperBound + 1 { isDamaged = true }
    if isDamaged {
      if found.order > max(orders?.upperBound ?? 0, ending.damagedThrough) {
        ending.damagedThrough = found.order
        ending.lastStamp = found.stamp
      }
      return
    }
    if orders == nil { firstStamp = found.stamp }
    lastStamp = found.stamp
    orders = (orders?.lowerBound ?? found.order)...found.order
    counts.append(found.values)
  }

  /// The file has ended.
  package consuming func finished() -> Outcome {
    if isNewer { return .newer(number: number, bytes: fed) }
    // A damaged length looks like a record that goes on past the end.
    while unusable == nil, header != nil, reader.offset < fed, reader.skipDamage() {
      isDamaged = true
      feed([])
    }
    guard unusable == nil, let header else {
      return .unusable(
        number: number, reason: unusable ?? (isDamaged ? "its header is damaged" : nil), life: nil,
        ending: ending)
    }
    if ending.damagedThrough == 0 { ending.tornBytes = fed - wholeBytes }
    guard let orders else {
      return .unusable(
        number: number, reason: isDamaged ? "its first batch is damaged" : nil,
        life: header.life, ending: ending)
    }
    return .segment(
      SpoolSegment(
        number: number, life: header.life, orders: orders, firstStamp: firstStamp,
        lastStamp: lastStamp, counts: counts, bytes: wholeBytes, fileBytes: fed),
      ending: ending)
  }
}
