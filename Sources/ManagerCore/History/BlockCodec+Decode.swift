import Protocol

extension BlockCodec {
  /// All batches of a block, samples ascending by series.
  package static func decode(_ span: Span<UInt8>) throws(BlockError) -> [StoredBatch] {
    let reader = try BlockReader(span)
    var batches = zip(reader.orders, reader.times).map {
      StoredBatch(order: $0, nanoseconds: Int64(bitPattern: $1), samples: [])
    }
    try reader.forEachColumn(span, where: { _ in true }) { series, column in
      for index in column.batches.indices {
        batches[column.batches[index]].samples.append(
          StoredSample(series: series, source: column.sources[index], bits: column.bits[index]))
      }
    }
    return batches
  }

  /// The series of a block, ascending.
  package static func series(in span: Span<UInt8>) throws(BlockError) -> [SeriesID] {
    var found: [SeriesID] = []
    let reader = try BlockReader(span)
    try reader.forEachColumn(
      span,
      where: { series in
        found.append(series)
        return false
      }
    ) { _, _ in }
    return found
  }

  /// The values of some series only, in the order of the batches. Series that the block does not
  /// hold are left out. Everything else is stepped over, but the checksum covers it all.
  package static func columns(
    for wanted: Set<SeriesID>, in span: Span<UInt8>,
    range: ClosedRange<Int64> = Int64.min...Int64.max
  ) throws(BlockError) -> [SeriesID: [HistoryPoint]] {
    try columns(in: span, range: range, where: wanted.contains)
  }

  /// The same of the series that fulfil a condition.
  package static func columns(
    in span: Span<UInt8>, range: ClosedRange<Int64>, where isWanted: (SeriesID) -> Bool
  ) throws(BlockError) -> [SeriesID: [HistoryPoint]] {
    let reader = try BlockReader(span)
    var columns: [SeriesID: [HistoryPoint]] = [:]
    try reader.forEachColumn(span, where: isWanted) { series, column in
      var points: [HistoryPoint] = []
      points.reserveCapacity(column.batches.count)
      for index in column.batches.indices {
        let time = Int64(bitPattern: reader.times[column.batches[index]])
        guard range.contains(time) else { continue }
        points.append(
          HistoryPoint(nanoseconds: time, source: column.sources[index], bits: column.bits[index]))
      }
      if !points.isEmpty { columns[series] = points }
    }
    return columns
  }
}

/// The header of a block whose checksum holds.
private struct BlockReader {
  struct Column {
    var batches: [Int]
    var sources: [UInt64]
    var bits: [UInt64]
  }
  private(set) var orders: [UInt64] = []
  private(set) var times: [UInt64] = []
  private var sources: [UInt64] = []
  private var seriesCount = 0
  private var sampleCount = 0
  private var cursor = ByteCursor()
  private let end: Int
  private let version: UInt8

  init(_ span: Span<UInt8>) throws(BlockError) {
    let magic = BlockCodec.magic
    guard span.count >= magic.count + 1 + 4 else {
      throw BlockError("\(span.count) bytes, shorter than any block")
    }
    for index in magic.indices where span[index] != magic[index] {
      throw BlockError("does not begin like one")
    }
    version = span[magic.count]
    end = span.count - 4
    var stored: UInt32 = 0
    for index in 0..<4 { stored |= UInt32(span[end + index]) << UInt32(8 * index) }
    let sum = CRC32.sum(span, count: end)
    let isKnown = BlockCodec.versions.contains(version)
    guard stored == sum || !isKnown else {
      throw BlockError(
        "checksum \(String(sum, radix: 16)) instead of \(String(stored, radix: 16))")
    }
    guard isKnown else {
      throw BlockError(
        "version \(version), this program reads up to \(BlockCodec.versions.upperBound)",
        isNewer: stored == sum && version > BlockCodec.versions.upperBound)
    }
    do {
      try readHeader(span.extracting(..<end))
    } catch {
      throw BlockError(error.reason)
    }
  }

  private mutating func readHeader(_ span: Span<UInt8>) throws(WireError) {
    try cursor.skip(span, BlockCodec.magic.count + 1)
    let batches = try cursor.count(span, of: "batches", limit: BlockCodec.batchLimit)
    // A series takes at least two bytes and a source eight: no count can be claimed beyond.
    seriesCount = try cursor.count(span, of: "series", limit: span.count / 2)
    let sourceCount = try cursor.count(span, of: "sources", limit: span.count / 8)
    sampleCount = try cursor.count(span, of: "samples", limit: BlockCodec.sampleLimit)
    sources.reserveCapacity(sourceCount)
    for _ in 0..<sourceCount {
      var source: UInt64 = 0
      for shift in 0..<8 { source |= UInt64(try cursor.byte(span)) << UInt64(8 * shift) }
      sources.append(source)
    }
    orders = try column(span, count: batches)
    times = try column(span, count: batches)
  }

  private mutating func column(_ span: Span<UInt8>, count: Int) throws(WireError) -> [UInt64] {
    guard let mode = IntegerColumn.Mode(rawValue: try cursor.byte(span)) else {
      throw .malformed("a column of unknown mode")
    }
    return try IntegerColumn.decode(span, &cursor, mode, count: count)
  }

  /// Decodes the columns of the wanted series, one after the other, and steps over the others.
  func forEachColumn(
    _ whole: Span<UInt8>, where wanted: (SeriesID) -> Bool, body: (SeriesID, Column) -> Void
  ) throws(BlockError) {
    let span = whole.extracting(..<end)
    do {
      var cursor = cursor
      var next: UInt64 = 0
      var source: UInt64 = 0
      var budget = sampleCount
      for _ in 0..<seriesCount {
        let head =
          version < 3
          ? try longHead(span, &cursor, next) : try shortHead(span, &cursor, next, &source)
        next = UInt64(head.series) + 1
        guard wanted(head.series) else {
          if let after = head.end {
            try cursor.skip(span, after - cursor.index)
          } else {
            _ = try cursor.varint(span)
          }
          continue
        }
        body(head.series, try column(span, &cursor, head, budget: &budget))
        guard head.end.map({ cursor.index == $0 }) ?? true else {
          throw WireError.malformed("series \(head.series) does not fill its length")
        }
      }
      guard cursor.index == end else { throw WireError.malformed("bytes after the last series") }
    } catch let error as WireError {
      throw BlockError(error.reason)
    } catch {
      throw BlockError("\(error)")
    }
  }

  private struct Head {
    var series: SeriesID
    var flags: UInt8
    /// Where the series ends; `nil` when its value says so.
    var end: Int?
    /// Of version 3, when there is one.
    var source: UInt64?
  }

  private func longHead(
    _ span: Span<UInt8>, _ cursor: inout ByteCursor, _ next: UInt64
  ) throws(WireError) -> Head {
    let series = try number(span, &cursor, next)
    let length = try cursor.count(span, of: "a series", limit: end - cursor.index)
    let after = cursor.index + length
    guard length > 0 else { throw .malformed("a series of no bytes") }
    let flags = try cursor.byte(span)
    guard flags >> 5 == 0 else { throw .malformed("flags \(flags) of a series") }
    return Head(series: series, flags: flags, end: after, source: nil)
  }

  private func shortHead(
    _ span: Span<UInt8>, _ cursor: inout ByteCursor, _ next: UInt64, _ source: inout UInt64
  ) throws(WireError) -> Head {
    let flags = try cursor.byte(span)
    let isNext = flags & BlockCodec.nextNumber != 0
    guard !isNext || next <= UInt64(SeriesID.max) else {
      throw .malformed("a series number of more than 32 bits")
    }
    let series = isNext ? SeriesID(next) : try number(span, &cursor, next)
    let length =
      BlockCodec.isWithoutLength(flags)
      ? nil : try cursor.count(span, of: "a series", limit: end - cursor.index)
    let isSingle = flags & BlockCodec.severalSources == 0
    if isSingle && flags & BlockCodec.sameSource == 0 { source = try cursor.varint(span) }
    return Head(
      series: series, flags: flags & 0x3f, end: length.map { cursor.index + $0 },
      source: isSingle ? source : nil)
  }

  private func number(
    _ span: Span<UInt8>, _ cursor: inout ByteCursor, _ next: UInt64
  ) throws(WireError) -> SeriesID {
    let gap = try cursor.varint(span)
    guard gap <= UInt64(SeriesID.max), next + gap <= UInt64(SeriesID.max) else {
      throw .malformed("a series number of more than 32 bits")
    }
    return SeriesID(next + gap)
  }

  private func column(
    _ span: Span<UInt8>, _ cursor: inout ByteCursor, _ head: Head, budget: inout Int
  ) throws(WireError) -> Column {
    guard let presence = BlockCodec.Presence(rawValue: head.flags & 3),
      let mode = IntegerColumn.Mode(rawValue: head.flags >> 3)
    else { throw .malformed("flags \(head.flags) of a series") }
    let batches = try batches(span, &cursor, presence)
    guard !batches.isEmpty else { throw .malformed("a series without values") }
    guard batches.count <= budget else {
      throw .malformed("more values than the \(sampleCount) of the header")
    }
    budget -= batches.count
    let sources: [UInt64]
    if head.flags & BlockCodec.severalSources != 0 {
      sources = try segments(span, &cursor, count: batches.count)
    } else {
      let index = if let told = head.source { told } else { try cursor.varint(span) }
      sources = Array(repeating: try source(index), count: batches.count)
    }
    let bits = try IntegerColumn.decode(span, &cursor, mode, count: batches.count)
    return Column(batches: batches, sources: sources, bits: bits)
  }

  private func batches(
    _ span: Span<UInt8>, _ cursor: inout ByteCursor, _ presence: BlockCodec.Presence
  ) throws(WireError) -> [Int] {
    switch presence {
    case .all: return Array(times.indices)
    case .run:
      let first = try cursor.count(span, of: "a batch's index", limit: times.count)
      let count = try cursor.count(span, of: "a run of batches", limit: times.count - first)
      return Array(first..<(first + count))
    case .bitmap:
      var batches: [Int] = []
      for byte in 0..<((times.count + 7) / 8) {
        let bits = try cursor.byte(span)
        for bit in 0..<8 where bits & (1 << UInt8(bit)) != 0 { batches.append(byte * 8 + bit) }
      }
      guard batches.last ?? 0 < times.count else {
        throw .malformed("a value in a batch that is not there")
      }
      return batches
    }
  }

  private func segments(
    _ span: Span<UInt8>, _ cursor: inout ByteCursor, count: Int
  ) throws(WireError) -> [UInt64] {
    var result: [UInt64] = []
    result.reserveCapacity(count)
    for _ in 0..<(try cursor.count(span, of: "segments", limit: count)) {
      let source = try source(try cursor.varint(span))
      let length = try cursor.count(span, of: "a segment", limit: count - result.count)
      result.append(contentsOf: repeatElement(source, count: length))
    }
    guard result.count == count else { throw .malformed("segments that do not add up") }
    return result
  }

  private func source(_ index: UInt64) throws(WireError) -> UInt64 {
    guard index < UInt64(sources.count) else { throw .malformed("source \(index) is not listed") }
    return sources[Int(index)]
  }
}
