import Protocol

/// The bytes of a history block. Varints are LEB128, signed ones zigzag; bit 0 of a
/// bitmap's first byte is the first batch.
///
/// ```
/// "IMLH"                                                     4 bytes
/// version    2 when a column is shifted, else 1              1 byte
/// number of batches, series, sources, samples                4 varints
/// sources                                                    8 bytes each, little-endian
/// orders:       mode byte, IntegerColumn
/// nanoseconds:  mode byte, IntegerColumn
/// for each series, ascending:
///   number minus (the one before + 1; the first: its number)  varint
///   length of what follows for this series                    varint
///   flags      bits 0–1 presence, bit 2 several sources, bits 3–4 IntegerColumn mode
///   presence   0: a value in every batch: nothing
///              1: bitmap, (batches + 7) / 8 bytes
///              2: consecutive batches: index of the first, number of them
///   sources    one: its index in the table
///              several: number of segments, then for each index and number of values
///   values     IntegerColumn
/// CRC-32 (IEEE) of all before                                4 bytes, little-endian
/// ```
///
/// All series of a block share its times, and each says its length, so that a query for one series
/// reads the header and steps over the others.
package enum BlockCodec {
  static let magic: [UInt8] = Array("IMLH".utf8)
  static let versions: ClosedRange<UInt8> = 1...2
  /// A block never grows past what `HistoryHead` cuts: 120 batches, or one batch of 1,000,000
  /// series. The reader's limits are an order of magnitude above, for blocks yet to come.
  static let batchLimit = 10_000
  static let sampleLimit = 16_000_000

  enum Presence: UInt8 {
    case all = 0
    case bitmap = 1
    case run = 2
  }

  /// Encodes batches, ascending by order. A series that a batch holds twice keeps the last value.
  package static func encode(_ batches: [StoredBatch]) -> [UInt8] {
    var columns = ColumnBuilder()
    for (index, batch) in batches.enumerated() { columns.add(batch, at: index) }
    let sources = columns.sources
    let bodies = columns.columns.sorted { $0.series < $1.series }.map {
      ($0.series, $0.encoded(batches: batches.count))
    }
    let orders = batches.map(\.order)
    let times = batches.map { UInt64(bitPattern: $0.nanoseconds) }
    let isShifted =
      bodies.contains { $0.1[0] >> 3 & 3 == IntegerColumn.Mode.shiftedDelta.rawValue }
      || [orders, times].contains { IntegerColumn.mode(for: $0) == .shiftedDelta }
    var writer = ByteWriter()
    writer.raw(magic)
    writer.byte(isShifted ? 2 : 1)
    writer.varint(UInt64(batches.count))
    writer.varint(UInt64(columns.columns.count))
    writer.varint(UInt64(sources.count))
    writer.varint(UInt64(columns.columns.reduce(0) { $0 + $1.bits.count }))
    for source in sources { append(source, bytes: 8, to: &writer) }
    encode(orders, into: &writer)
    encode(times, into: &writer)
    var next: UInt64 = 0
    for (series, body) in bodies {
      writer.varint(UInt64(series) - next)
      writer.varint(UInt64(body.count))
      writer.raw(body)
      next = UInt64(series) + 1
    }
    let content = writer.bytes
    append(UInt64(CRC32.sum(content.span, count: content.count)), bytes: 4, to: &writer)
    return writer.bytes
  }

  private static func encode(_ values: [UInt64], into writer: inout ByteWriter) {
    let mode = IntegerColumn.mode(for: values)
    writer.byte(mode.rawValue)
    IntegerColumn.encode(values, mode, into: &writer)
  }

  private static func append(_ value: UInt64, bytes: Int, to writer: inout ByteWriter) {
    for index in 0..<bytes { writer.byte(UInt8(truncatingIfNeeded: value >> (8 * index))) }
  }
}

/// Turns batches into columns.
private struct ColumnBuilder {
  var columns: [Column] = []
  var sources: [UInt64] = []
  private var positions: [SeriesID: Int] = [:]
  private var sourceIndices: [UInt64: Int] = [:]

  mutating func add(_ batch: StoredBatch, at index: Int) {
    // Batches of one server mostly hold the same series, so the next column is tried first.
    var expected = 0
    for sample in batch.samples {
      let position = position(of: sample.series, expected: expected)
      columns[position].add(sample.bits, source: sourceIndex(sample.source), batch: index)
      expected = position + 1
    }
  }

  private mutating func position(of series: SeriesID, expected: Int) -> Int {
    if expected < columns.count && columns[expected].series == series { return expected }
    if let position = positions[series] { return position }
    positions[series] = columns.count
    columns.append(Column(series: series))
    return columns.count - 1
  }

  private mutating func sourceIndex(_ source: UInt64) -> Int {
    if let index = sourceIndices[source] { return index }
    sourceIndices[source] = sources.count
    sources.append(source)
    return sources.count - 1
  }
}

/// The values of one series in a block.
private struct Column {
  let series: SeriesID
  var batches: [Int] = []
  var bits: [UInt64] = []
  var segments: [(source: Int, count: Int)] = []

  init(series: SeriesID) { self.series = series }

  mutating func add(_ value: UInt64, source: Int, batch: Int) {
    if batches.last == batch { removeLast() }
    batches.append(batch)
    bits.append(value)
    if segments.last?.source == source {
      segments[segments.count - 1].count += 1
    } else {
      segments.append((source, 1))
    }
  }

  private mutating func removeLast() {
    batches.removeLast()
    bits.removeLast()
    segments[segments.count - 1].count -= 1
    if segments.last?.count == 0 { segments.removeLast() }
  }

  func encoded(batches count: Int) -> [UInt8] {
    var writer = ByteWriter()
    let presence = presence(of: count)
    let mode = IntegerColumn.mode(for: bits)
    writer.byte(
      presence.rawValue | (segments.count > 1 ? 4 : 0) | mode.rawValue << 3)
    switch presence {
    case .all: break
    case .bitmap:
      var bitmap = [UInt8](repeating: 0, count: (count + 7) / 8)
      for batch in batches { bitmap[batch / 8] |= 1 << UInt8(batch % 8) }
      writer.raw(bitmap)
    case .run:
      writer.varint(UInt64(batches[0]))
      writer.varint(UInt64(batches.count))
    }
    if segments.count > 1 { writer.varint(UInt64(segments.count)) }
    for segment in segments {
      writer.varint(UInt64(segment.source))
      if segments.count > 1 { writer.varint(UInt64(segment.count)) }
    }
    IntegerColumn.encode(bits, mode, into: &writer)
    return writer.bytes
  }

  private func presence(of count: Int) -> BlockCodec.Presence {
    if batches.count == count { return .all }
    let span = batches[batches.count - 1] - batches[0] + 1
    return span == batches.count ? .run : .bitmap
  }
}
