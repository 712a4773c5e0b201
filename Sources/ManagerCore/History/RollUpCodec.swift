import Protocol

/// The bytes of a page of roll-ups: some series of one server, one tier and one time. Version 1 is only
/// read.
///
/// ```
/// version: 1 or 2, tier                                   1 byte each
/// bucket number of the page's begin                       zigzag
/// sources:  number, 8 bytes each, little-endian
/// moments:  number, nanoseconds from the begin            zigzag each
/// shapes:   number; each: number of buckets (bucket number minus the begin's, samples: 2 columns)
/// number of series; each, ascending:
///   number minus (the one before + 1; the first: its number)   varint
///   length of what follows for this series                     varint
///   flags      bit 0: a counter; bit 1: the one life ends with the last bucket's last value;
///              version 2: bits 2–5: the first to fourth column is all 0 and left out;
///              bit 6: usual: shape 0 and one life, from moment 0 to moment 1, of a gauge of source 0
///   shape, number of lives                                     varints, unless usual
///   lives      source (unless a usual gauge), first and last moment (unless usual; places),
///              first bits (zigzag), last bits minus the first (zigzag), unless bit 1
///   counter    increases, (last - the one before - increase), peaks, resets     columns
///   gauge      last, last - minimum, maximum - last, excess                    columns
/// CRC-32 (IEEE) of all before                             4 bytes, little-endian
/// ```
///
/// A column is a mode byte and an `IntegerColumn`. Series of one server share sources, times and
/// shapes; of a counter that stands still nothing remains but its reading.
package enum RollUpCodec {
  static let versions: ClosedRange<UInt8> = 1...2
  static let counter: UInt8 = 0x01
  static let simple: UInt8 = 0x02
  static let usual: UInt8 = 0x40
  static func zeros(_ column: Int) -> UInt8 { 0x04 << UInt8(column) }
  /// A day of minutes has 1,440.
  static let bucketLimit = 1_440
  /// Pages hold 16 series.
  static let seriesLimit = 32
  static let tableLimit = 65_536
  /// Samples of a bucket: an hour of a thousand a second has a thousandth of it.
  static let countLimit: UInt64 = 1 << 32

  /// - Parameter begin: the number of the page's first bucket.
  package static func encode(_ page: [(SeriesID, RollUp)], tier: RollUpTier, begin: Int64)
    -> [UInt8]
  {
    var tables = Tables(begin: begin, tier: tier)
    var bodies: [(SeriesID, [UInt8])] = []
    for (id, rollUp) in page.sorted(by: { $0.0 < $1.0 }) {
      bodies.append((id, tables.body(of: rollUp)))
    }
    var writer = ByteWriter()
    writer.byte(versions.upperBound)
    writer.byte(UInt8(tier.rawValue))
    writer.zigzag(begin)
    writer.varint(UInt64(tables.sources.count))
    for source in tables.sources {
      for shift in 0..<8 { writer.byte(UInt8(truncatingIfNeeded: source >> UInt64(8 * shift))) }
    }
    writer.varint(UInt64(tables.moments.count))
    for moment in tables.moments { writer.zigzag(moment) }
    writer.varint(UInt64(tables.shapes.count))
    for shape in tables.shapes {
      writer.varint(UInt64(shape.buckets.count))
      IntegerColumn.Plan(shape.buckets).writeWithMode(into: &writer)
      IntegerColumn.Plan(shape.counts).writeWithMode(into: &writer)
    }
    writer.varint(UInt64(bodies.count))
    var next: UInt64 = 0
    for (id, body) in bodies {
      writer.varint(UInt64(id) - next)
      writer.varint(UInt64(body.count))
      writer.raw(body)
      next = UInt64(id) + 1
    }
    let content = writer.bytes
    let sum = CRC32.sum(content.span, count: content.count)
    for shift in 0..<4 { writer.byte(UInt8(truncatingIfNeeded: sum >> UInt32(8 * shift))) }
    return writer.bytes
  }
}

/// What the series of a page have in common.
private struct Tables {
  struct Shape: Hashable {
    var buckets: [UInt64]
    var counts: [UInt64]
  }

  let begin: Int64
  let tier: RollUpTier
  var sources: [UInt64] = []
  var moments: [Int64] = []
  var shapes: [Shape] = []

  /// A page has few of each, so a search is quicker than a table.
  private static func place<Value: Equatable>(_ value: Value, in list: inout [Value]) -> UInt64 {
    if let place = list.lastIndex(of: value) { return UInt64(place) }
    list.append(value)
    return UInt64(list.count - 1)
  }

  private mutating func moment(_ nanoseconds: Int64) -> UInt64 {
    Self.place(nanoseconds &- begin &* tier.nanoseconds, in: &moments)
  }

  mutating func body(of rollUp: RollUp) -> [UInt8] {
    let shape = Self.place(
      Shape(
        buckets: rollUp.buckets.map { UInt64(bitPattern: $0 &- begin) }, counts: rollUp.counts),
      in: &shapes)
    let lives = rollUp.lives.map { life in
      (first: moment(life.firstNanoseconds), last: moment(life.lastNanoseconds), life)
    }
    let columns = columns(rollUp)
    let isSimple = lives.count == 1 && rollUp.lives[0].lastBits == rollUp.last.last
    let isUsual =
      shape == 0 && lives.count == 1 && lives[0].first == 0 && lives[0].last == 1
      && (rollUp.isCounter || rollUp.lives[0].source == 0)
    var flags: UInt8 = rollUp.isCounter ? RollUpCodec.counter : 0
    if isSimple { flags |= RollUpCodec.simple }
    if isUsual { flags |= RollUpCodec.usual }
    for place in columns.indices where columns[place].allSatisfy({ $0 == 0 }) {
      flags |= RollUpCodec.zeros(place)
    }
    var writer = ByteWriter()
    writer.byte(flags)
    if !isUsual {
      writer.varint(shape)
      writer.varint(UInt64(lives.count))
    }
    for (first, last, life) in lives {
      if !isUsual || rollUp.isCounter { writer.varint(Self.place(life.source, in: &sources)) }
      if !isUsual {
        writer.varint(first)
        writer.varint(last)
      }
      writer.zigzag(Int64(bitPattern: life.firstBits))
      if !isSimple { writer.zigzag(Int64(bitPattern: life.lastBits &- life.firstBits)) }
    }
    for place in columns.indices where flags & RollUpCodec.zeros(place) == 0 {
      IntegerColumn.Plan(columns[place]).writeWithMode(into: &writer)
    }
    return writer.bytes
  }

  private func columns(_ rollUp: RollUp) -> [[UInt64]] {
    rollUp.isCounter
      ? [rollUp.increases, residues(rollUp), rollUp.peaks, rollUp.resets]
      : [
        rollUp.last, zip(rollUp.last, rollUp.minima).map { $0 &- $1 },
        zip(rollUp.maxima, rollUp.last).map { $0 &- $1 }, rollUp.excesses,
      ]
  }

  /// All 0 as long as the counter only grows.
  private func residues(_ rollUp: RollUp) -> [UInt64] {
    var before = rollUp.lives.first?.firstBits ?? 0
    return zip(rollUp.last, rollUp.increases).map { last, increase in
      defer { before = last }
      return last &- before &- increase
    }
  }
}
