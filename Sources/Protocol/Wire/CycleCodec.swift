/// `cycles`: the ends of all collectors' cycles that were not told yet, in one message.
///
/// Each collector has a slot within a session. What seldom changes (name, outcome, reason, period) is
/// told when it does, and stands until it is told anew; what each cycle changes is only when its reads
/// began. Number of changes, and for each: slot, collector, outcome, 1 and a reason or 0, period
/// (milliseconds, 0: none). Then boot clock and wall clock (zigzag) of the latest beginning, number of
/// ends, and these in ascending slot, in runs: slot gap, length of the run, and for each end by how many
/// milliseconds it began earlier, rounded up: evidence may look older than it is, never newer.
package struct CycleEncoder {
  private struct Definition: Hashable {
    var outcome: CollectorOutcome
    var reason: String?
    var periodMilliseconds: Int64
  }

  private var slots: [String: Int] = [:]
  private var told: [Int: Definition] = [:]
  private var free: [Int] = []
  package init() {}

  /// Takes at most `WireLimits.cycleSlots` ends, each of another collector.
  package mutating func encode(_ ends: [CycleEnd]) -> [UInt8] {
    var writer = ByteWriter()
    let placed = place(ends).sorted { $0.slot < $1.slot }
    let changed = placed.filter { told[$0.slot] != definition($0.end) }
    writer.varint(UInt64(changed.count))
    for (slot, end) in changed {
      let definition = definition(end)
      told[slot] = definition
      writer.varint(UInt64(slot))
      writer.text(end.collector)
      writer.text(definition.outcome.rawValue)
      writer.byte(definition.reason == nil ? 0 : 1)
      if let reason = definition.reason { writer.text(reason) }
      writer.varint(UInt64(definition.periodMilliseconds))
    }
    let latest = placed.map(\.end.began).max { $0.bootNanoseconds < $1.bootNanoseconds }
    let base = latest ?? Stamp(bootNanoseconds: 0, wallNanoseconds: 0)
    writer.zigzag(base.bootNanoseconds)
    writer.zigzag(base.wallNanoseconds)
    writer.varint(UInt64(placed.count))
    encodeTimes(placed, base, &writer)
    return writer.bytes
  }

  /// A subject that is gone gives its slot back.
  package mutating func forget(_ collector: String) {
    guard let slot = slots.removeValue(forKey: collector) else { return }
    told[slot] = nil
    free.append(slot)
  }

  private mutating func place(_ ends: [CycleEnd]) -> [(slot: Int, end: CycleEnd)] {
    ends.map { end in
      if let slot = slots[end.collector] { return (slot, end) }
      let slot = free.popLast() ?? slots.count
      slots[end.collector] = slot
      return (slot, end)
    }
  }

  private func definition(_ end: CycleEnd) -> Definition {
    Definition(
      outcome: end.outcome, reason: end.reason,
      periodMilliseconds: max(0, end.periodMilliseconds ?? 0))
  }

  private func encodeTimes(
    _ placed: [(slot: Int, end: CycleEnd)], _ base: Stamp, _ writer: inout ByteWriter
  ) {
    var position = 0
    var next = 0
    while position < placed.count {
      var end = position + 1
      while end < placed.count && placed[end].slot == placed[end - 1].slot + 1 { end += 1 }
      writer.varint(UInt64(placed[position].slot - next))
      writer.varint(UInt64(end - position))
      for (_, cycle) in placed[position..<end] {
        let earlier = UInt64(base.bootNanoseconds - cycle.began.bootNanoseconds)
        writer.varint((earlier + 999_999) / 1_000_000)
      }
      next = placed[end - 1].slot + 1
      position = end
    }
  }
}

/// The other side of `CycleEncoder`. Nothing of a message is kept unless all of it decodes.
package struct CycleDecoder {
  private struct Definition {
    var collector: String
    var outcome: CollectorOutcome
    var reason: String?
    var periodMilliseconds: Int64
  }

  private var told: [Int: Definition] = [:]
  package init() {}

  package mutating func decode(_ span: Span<UInt8>) throws(WireError) -> [CycleEnd] {
    var cursor = ByteCursor()
    var definitions = told
    let changes = try cursor.count(span, of: "collectors", limit: WireLimits.cycleSlots)
    for _ in 0..<changes {
      let slot = try cursor.varint(span)
      guard slot < UInt64(WireLimits.cycleSlots) else { throw .malformed("slot \(slot)") }
      definitions[Int(slot)] = try CycleDecoder.definition(span, &cursor)
    }
    let base = Stamp(
      bootNanoseconds: try cursor.zigzag(span), wallNanoseconds: try cursor.zigzag(span))
    try WireLimits.check(base)
    let count = try cursor.count(span, of: "cycle ends", limit: WireLimits.cycleSlots)
    var ends: [CycleEnd] = []
    var next: UInt64 = 0
    while ends.count < count {
      let gap = try cursor.varint(span)
      let length = try cursor.varint(span)
      guard length > 0, length <= UInt64(count - ends.count) else {
        throw .malformed("a run of \(length) cycle ends of \(count)")
      }
      guard gap < UInt64(WireLimits.cycleSlots) else { throw .malformed("a gap of \(gap) slots") }
      for slot in (next + gap)..<(next + gap + length) {
        guard let definition = definitions[Int(slot)] else {
          throw .malformed("the end of a cycle of slot \(slot), which nobody told")
        }
        ends.append(try CycleDecoder.end(definition, base, try cursor.varint(span)))
      }
      next += gap + length
    }
    guard cursor.isAtEnd(of: span) else { throw .malformed("bytes after the last cycle end") }
    told = definitions
    return ends
  }

  private static func definition(_ span: Span<UInt8>, _ cursor: inout ByteCursor)
    throws(WireError) -> Definition
  {
    let collector = try cursor.text(
      span, of: "a collector's name", limit: WireLimits.textBytes)
    let outcome = try cursor.text(span, of: "an outcome", limit: WireLimits.textBytes)
    let reason =
      try cursor.byte(span) == 0
      ? nil : try cursor.text(span, of: "a reason", limit: WireLimits.proseBytes)
    let period = try cursor.varint(span)
    guard period <= UInt64(Int64.max) else { throw .malformed("a period of \(period) ms") }
    return Definition(
      collector: collector, outcome: CollectorOutcome(rawValue: outcome) ?? .unrecognised,
      reason: reason, periodMilliseconds: Int64(period))
  }

  private static func end(_ definition: Definition, _ base: Stamp, _ milliseconds: UInt64)
    throws(WireError) -> CycleEnd
  {
    guard milliseconds < UInt64(WireLimits.stampNanoseconds) / 1_000_000 else {
      throw .malformed("a cycle that began \(milliseconds) ms before another")
    }
    let earlier = Int64(milliseconds) * 1_000_000
    let began = Stamp(
      bootNanoseconds: base.bootNanoseconds - earlier,
      wallNanoseconds: base.wallNanoseconds - earlier)
    try WireLimits.check(began)
    return CycleEnd(
      collector: definition.collector, outcome: definition.outcome, reason: definition.reason,
      began: began,
      periodMilliseconds: definition.periodMilliseconds == 0 ? nil : definition.periodMilliseconds)
  }
}
