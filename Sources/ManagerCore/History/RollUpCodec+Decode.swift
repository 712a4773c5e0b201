import Protocol

extension RollUpCodec {
  /// The roll-ups of a page, ascending by series. Those that are not wanted are stepped over, but the
  /// checksum covers it all.
  package static func decode(
    _ span: Span<UInt8>, where wanted: (SeriesID) -> Bool = { _ in true }
  ) throws(BlockError) -> [(SeriesID, RollUp)] {
    guard span.count >= 8 else { throw BlockError("\(span.count) bytes, shorter than any roll-up") }
    let end = span.count - 4
    var stored: UInt32 = 0
    for index in 0..<4 { stored |= UInt32(span[end + index]) << UInt32(8 * index) }
    guard stored == CRC32.sum(span, count: end) else {
      throw BlockError("the checksum of a roll-up does not hold")
    }
    guard versions.contains(span[0]) else {
      throw BlockError(
        "roll-up version \(span[0]), this program reads up to \(versions.upperBound)",
        isNewer: span[0] > versions.upperBound)
    }
    do throws(WireError) {
      var reader = PageReader()
      return try reader.read(span.extracting(..<end), wanted)
    } catch {
      throw BlockError(error.reason)
    }
  }
}

private struct PageReader {
  private var cursor = ByteCursor()
  private var sources: [UInt64] = []
  private var moments: [Int64] = []
  private var shapes: [(buckets: [Int64], counts: [UInt64])] = []
  private var begin: Int64 = 0
  private var version: UInt8 = 0

  mutating func read(
    _ span: Span<UInt8>, _ wanted: (SeriesID) -> Bool
  ) throws(WireError) -> [(SeriesID, RollUp)] {
    version = try cursor.byte(span)
    guard let tier = RollUpTier(rawValue: Int(try cursor.byte(span))) else {
      throw .malformed("a tier that nobody knows")
    }
    begin = try cursor.zigzag(span)
    try readTables(span, tier)
    var found: [(SeriesID, RollUp)] = []
    var next: UInt64 = 0
    for _ in 0..<(try cursor.count(span, of: "series", limit: RollUpCodec.seriesLimit)) {
      let gap = try cursor.varint(span)
      guard gap <= UInt64(SeriesID.max), next + gap <= UInt64(SeriesID.max) else {
        throw .malformed("a series number of more than 32 bits")
      }
      let series = SeriesID(next + gap)
      next += gap + 1
      let length = try cursor.count(span, of: "a series", limit: span.count - cursor.index)
      let after = cursor.index + length
      guard wanted(series) else {
        try cursor.skip(span, length)
        continue
      }
      found.append((series, try rollUp(span, tier)))
      guard cursor.index == after else {
        throw .malformed("series \(series) does not fill its length")
      }
    }
    guard cursor.index == span.count else { throw .malformed("bytes after the last series") }
    return found
  }

  private mutating func readTables(_ span: Span<UInt8>, _ tier: RollUpTier) throws(WireError) {
    for _ in 0..<(try cursor.count(span, of: "sources", limit: RollUpCodec.tableLimit)) {
      var source: UInt64 = 0
      for shift in 0..<8 { source |= UInt64(try cursor.byte(span)) << UInt64(8 * shift) }
      sources.append(source)
    }
    for _ in 0..<(try cursor.count(span, of: "moments", limit: RollUpCodec.tableLimit)) {
      moments.append(begin &* tier.nanoseconds &+ (try cursor.zigzag(span)))
    }
    for _ in 0..<(try cursor.count(span, of: "shapes", limit: RollUpCodec.seriesLimit)) {
      let count = try cursor.count(span, of: "buckets", limit: RollUpCodec.bucketLimit)
      guard count > 0 else { throw .malformed("a roll-up without a bucket") }
      let buckets = try column(span, count).map { begin &+ Int64(bitPattern: $0) }
      let counts = try column(span, count)
      guard zip(buckets, buckets.dropFirst()).allSatisfy({ $0 < $1 }),
        counts.allSatisfy({ $0 > 0 && $0 <= RollUpCodec.countLimit })
      else { throw .malformed("buckets without order, or without samples") }
      shapes.append((buckets, counts))
    }
  }

  private mutating func column(_ span: Span<UInt8>, _ count: Int) throws(WireError) -> [UInt64] {
    guard let mode = IntegerColumn.Mode(rawValue: try cursor.byte(span)) else {
      throw .malformed("a column of unknown mode")
    }
    return try IntegerColumn.decode(span, &cursor, mode, count: count)
  }

  private mutating func place<Value>(
    _ span: Span<UInt8>, in list: [Value]
  ) throws(WireError) -> Value {
    try listed(try cursor.varint(span), in: list)
  }

  private func listed<Value>(_ place: UInt64, in list: [Value]) throws(WireError) -> Value {
    guard place < UInt64(list.count) else { throw .malformed("place \(place) is not listed") }
    return list[Int(place)]
  }

  private mutating func rollUp(_ span: Span<UInt8>, _ tier: RollUpTier) throws(WireError)
    -> RollUp
  {
    let flags = try cursor.byte(span)
    guard flags < (version == 1 ? 0x04 : 0x80) else {
      throw .malformed("flags \(flags) of a roll-up")
    }
    var rollUp = RollUp(tier: tier, isCounter: flags & RollUpCodec.counter != 0)
    let isUsual = flags & RollUpCodec.usual != 0
    let shape = try isUsual ? listed(0, in: shapes) : place(span, in: shapes)
    rollUp.buckets = shape.buckets
    rollUp.counts = shape.counts
    let lives =
      try isUsual ? 1 : cursor.count(span, of: "lives", limit: RollUpCodec.tableLimit)
    for _ in 0..<lives {
      let source = try isUsual && !rollUp.isCounter ? 0 : place(span, in: sources)
      let first = try isUsual ? listed(0, in: moments) : place(span, in: moments)
      let last = try isUsual ? listed(1, in: moments) : place(span, in: moments)
      let bits = UInt64(bitPattern: try cursor.zigzag(span))
      let isSimple = flags & RollUpCodec.simple != 0
      let grown = isSimple ? 0 : UInt64(bitPattern: try cursor.zigzag(span))
      rollUp.lives.append(
        RollUp.Life(
          source: source, firstNanoseconds: first, firstBits: bits, lastNanoseconds: last,
          lastBits: bits &+ grown))
    }
    guard let firstLife = rollUp.lives.first else { throw .malformed("a roll-up without a life") }
    try columns(span, &rollUp, firstLife.firstBits, flags)
    if flags & RollUpCodec.simple != 0, let last = rollUp.last.last {
      rollUp.lives[0].lastBits = last
    }
    return rollUp
  }

  private mutating func columns(
    _ span: Span<UInt8>, _ rollUp: inout RollUp, _ first: SampleBits, _ flags: UInt8
  ) throws(WireError) {
    let count = rollUp.buckets.count
    var columns: [[UInt64]] = []
    for place in 0..<4 {
      let isThere = flags & RollUpCodec.zeros(place) == 0
      columns.append(try isThere ? column(span, count) : Array(repeating: 0, count: count))
    }
    if rollUp.isCounter {
      rollUp.increases = columns[0]
      var before = first
      rollUp.last = zip(columns[0], columns[1]).map { increase, residue in
        before = before &+ increase &+ residue
        return before
      }
      rollUp.peaks = columns[2]
      rollUp.resets = columns[3]
    } else {
      rollUp.last = columns[0]
      rollUp.minima = zip(rollUp.last, columns[1]).map { $0 &- $1 }
      rollUp.maxima = zip(columns[2], rollUp.last).map { $0 &+ $1 }
      rollUp.excesses = columns[3]
    }
  }
}
