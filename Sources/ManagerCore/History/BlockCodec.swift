import Protocol

/// The bytes of a history block. Varints are LEB128, signed ones zigzag; bit 0 of a
/// bitmap's first byte is the first batch.
///
/// ```
/// "IMLH"                                                     4 bytes
/// version    3 when a column is packed, else 2 when one is
///            shifted, else 1                                 1 byte
/// number of batches, series, sources, samples                4 varints
/// sources                                                    8 bytes each, little-endian
/// orders:       mode byte, IntegerColumn
/// nanoseconds:  mode byte, IntegerColumn
/// for each series, ascending, up to version 2:
///   number minus (the one before + 1; the first: its number)  varint
///   length of what follows for this series                    varint
///   flags      bits 0–1 presence, bit 2 several sources, bits 3–4 IntegerColumn mode
///   presence   0: a value in every batch: nothing
///              1: bitmap, (batches + 7) / 8 bytes
///              2: consecutive batches: index of the first, number of them
///   sources    one: its index in the table
///              several: number of segments, then for each index and number of values
///   values     IntegerColumn
/// for each series, ascending, in version 3:
///   flags      as above, but bits 3–5 are the mode; bit 6: its number is the one before + 1;
///              bit 7: its source is that of the last series before that has one (0 at first)
///   number     as above, unless bit 6
///   length     of presence, several sources and values; not of a constant in every batch
///   source     of a series that has one: as above, unless bit 7
///   presence, several sources, values: as above
/// CRC-32 (IEEE) of all before                                4 bytes, little-endian
/// ```
///
/// All series of a block share its times, and each says its length, so that a query for one series
/// reads the header and steps over the others.
package enum BlockCodec {
  static let magic: [UInt8] = Array("IMLH".utf8)
  static let versions: ClosedRange<UInt8> = 1...3
  /// A block never grows past what `HistoryHead` cuts: 120 batches, and 250,000 samples or one batch
  /// of 1,000,000 series. A constant takes two bytes however many batches have it, so it is these
  /// that bound what a few bytes are decoded to.
  static let batchLimit = 1_000
  static let sampleLimit = 1_000_000

  static let severalSources: UInt8 = 0x04
  static let nextNumber: UInt8 = 0x40
  static let sameSource: UInt8 = 0x80

  /// A constant in every batch, of one source, is one varint, which says itself where it ends.
  static func isWithoutLength(_ flags: UInt8) -> Bool { flags & 0x3f == 0 }

  enum Presence: UInt8 {
    case all = 0
    case bitmap = 1
    case run = 2
  }

  /// Encodes batches, ascending by order. A series that a batch holds twice keeps the last value.
  package static func encode(_ batches: [StoredBatch]) -> [UInt8] {
    encode(rows: batches.map(SampleRow.init)[...])
  }

  /// The same of batches in columns: 8 bytes a sample, where `StoredSample` has 24.
  static func encode(rows batches: ArraySlice<SampleRow>) -> [UInt8] {
    var columns = ColumnBuilder(batches)
    for (index, row) in batches.enumerated() { columns.add(row, at: index) }
    let sources = columns.sources
    let series = columns.columns.sorted { $0.series < $1.series }.map {
      ($0, IntegerColumn.Plan($0.bits))
    }
    let orders = IntegerColumn.Plan(batches.map(\.order))
    let times = IntegerColumn.Plan(batches.map { UInt64(bitPattern: $0.nanoseconds) })
    let modes = Set(series.map(\.1.mode) + [orders.mode, times.mode])
    let version: UInt8 = modes.contains(.packed) ? 3 : modes.contains(.shiftedDelta) ? 2 : 1
    var writer = ByteWriter()
    writer.raw(magic)
    writer.byte(version)
    writer.varint(UInt64(batches.count))
    writer.varint(UInt64(columns.columns.count))
    writer.varint(UInt64(sources.count))
    writer.varint(UInt64(columns.columns.reduce(0) { $0 + $1.bits.count }))
    for source in sources { append(source, bytes: 8, to: &writer) }
    orders.writeWithMode(into: &writer)
    times.writeWithMode(into: &writer)
    var heads = SeriesHeads(batches: batches.count)
    for (column, values) in series {
      if version < 3 {
        heads.write(column, values, into: &writer)
      } else {
        heads.writeShort(column, values, into: &writer)
      }
    }
    let content = writer.bytes
    append(UInt64(CRC32.sum(content.span, count: content.count)), bytes: 4, to: &writer)
    return writer.bytes
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
  /// How many values a series of the first row will have if all rows are like it.
  private var likely = 0

  init(_ rows: ArraySlice<SampleRow>) {
    let samples = rows.reduce(0) { $0 + $1.bits.count }
    if let first = rows.first { likely = min(rows.count, samples / max(1, first.bits.count)) }
  }

  mutating func add(_ row: SampleRow, at index: Int) {
    // Batches of one server mostly hold the same series, so the next column is tried first.
    var expected = 0
    for place in row.bits.indices {
      let position = position(of: row.layout.series[place], expected: expected)
      columns[position].add(
        row.bits[place], source: sourceIndex(row.layout.sources[place]), batch: index)
      expected = position + 1
    }
    likely = 0
  }

  private mutating func position(of series: SeriesID, expected: Int) -> Int {
    if expected < columns.count && columns[expected].series == series { return expected }
    if let position = positions[series] { return position }
    positions[series] = columns.count
    columns.append(Column(series: series, likely: likely))
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
  /// In two bytes each, since there are hardly a hundred (`BlockCodec.batchLimit`).
  private var batches: [UInt16] = []
  var bits: [UInt64] = []
  var segments: [(source: Int, count: Int)] = []

  /// - Parameter likely: how many values it will have, perhaps.
  init(series: SeriesID, likely: Int) {
    self.series = series
    batches.reserveCapacity(likely)
    bits.reserveCapacity(likely)
  }

  mutating func add(_ value: UInt64, source: Int, batch: Int) {
    let batch = UInt16(clamping: batch)
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

  func presence(of count: Int) -> BlockCodec.Presence {
    if batches.count == count { return .all }
    let span = Int(batches[batches.count - 1]) - Int(batches[0]) + 1
    return span == batches.count ? .run : .bitmap
  }

  func write(_ presence: BlockCodec.Presence, of count: Int, into writer: inout ByteWriter) {
    switch presence {
    case .all: break
    case .bitmap:
      var bitmap = [UInt8](repeating: 0, count: (count + 7) / 8)
      for batch in batches { bitmap[Int(batch / 8)] |= 1 << UInt8(batch % 8) }
      writer.raw(bitmap)
    case .run:
      writer.varint(UInt64(batches[0]))
      writer.varint(UInt64(batches.count))
    }
  }

  func writeSegments(into writer: inout ByteWriter) {
    writer.varint(UInt64(segments.count))
    for segment in segments {
      writer.varint(UInt64(segment.source))
      writer.varint(UInt64(segment.count))
    }
  }
}

/// Writes one series after the other.
private struct SeriesHeads {
  let batches: Int
  private var next: UInt64 = 0
  private var source = 0

  init(batches: Int) { self.batches = batches }

  /// As up to version 2.
  mutating func write(
    _ column: Column, _ values: IntegerColumn.Plan, into writer: inout ByteWriter
  ) {
    let presence = column.presence(of: batches)
    var body = ByteWriter()
    body.byte(
      presence.rawValue | (column.segments.count > 1 ? BlockCodec.severalSources : 0)
        | values.mode.rawValue << 3)
    column.write(presence, of: batches, into: &body)
    if column.segments.count > 1 {
      column.writeSegments(into: &body)
    } else {
      body.varint(UInt64(column.segments[0].source))
    }
    values.write(into: &body)
    writer.varint(UInt64(column.series) - next)
    writer.varint(UInt64(body.bytes.count))
    writer.raw(body.bytes)
    next = UInt64(column.series) + 1
  }

  /// As in version 3.
  mutating func writeShort(
    _ column: Column, _ values: IntegerColumn.Plan, into writer: inout ByteWriter
  ) {
    let presence = column.presence(of: batches)
    let gap = UInt64(column.series) - next
    let single = column.segments.count > 1 ? nil : column.segments[0].source
    var flags = presence.rawValue | values.mode.rawValue << 3
    if single == nil { flags |= BlockCodec.severalSources }
    if gap == 0 { flags |= BlockCodec.nextNumber }
    if single == source { flags |= BlockCodec.sameSource }
    writer.byte(flags)
    if gap > 0 { writer.varint(gap) }
    next = UInt64(column.series) + 1
    var body = ByteWriter()
    column.write(presence, of: batches, into: &body)
    if single == nil { column.writeSegments(into: &body) }
    values.write(into: &body)
    if !BlockCodec.isWithoutLength(flags) { writer.varint(UInt64(body.bytes.count)) }
    if let single, single != source {
      writer.varint(UInt64(single))
      source = single
    }
    writer.raw(body.bytes)
  }
}
