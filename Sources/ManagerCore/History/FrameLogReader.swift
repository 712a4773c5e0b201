import Protocol

/// Reads a segment of the frame log, batch by batch, up to its end or its first damage.
///
/// After a damage nothing can be told of the values that follow, for they are differences. Which
/// batches these were is told as far as their records are whole.
package struct FrameLogReader {
  /// A batch that is known to have been there.
  package struct Lost: Hashable, Sendable {
    package var stream: StreamKey
    package var order: UInt64
    package var samples: Int
    package init(stream: StreamKey, order: UInt64, samples: Int) {
      self.stream = stream
      self.order = order
      self.samples = samples
    }
  }

  /// How a segment ends.
  package enum Ending: Hashable, Sendable {
    /// After its last record.
    case whole
    /// Within its last write, which was never synced: nothing of it was acknowledged. `length` is
    /// what counts of the file.
    case torn(length: Int)
    /// What was synced can not be read any more.
    case damaged(Damage)
  }

  /// What is lost of a segment.
  package struct Damage: Hashable, Sendable {
    /// Where the first record that can not be read begins.
    package var offset: Int
    /// Batches whose records are whole and whose values can not be read.
    package var lost: [Lost]
    /// What is neither a batch above nor readable: at least one batch is among it.
    package var unreadableBytes: Int
  }

  private var cursor = 0
  private var streams: [(key: StreamKey, row: SampleRow)] = []
  private var sources: [UInt64] = []

  package init() {}

  /// The next batch, spelt out.
  package mutating func next(_ span: Span<UInt8>) -> (stream: StreamKey, batch: StoredBatch)? {
    nextRow(span).map { ($0.stream, $0.row.batch) }
  }

  /// The next batch; `nil` at the end and at a damage, which `ending` then tells apart.
  package mutating func nextRow(_ span: Span<UInt8>) -> (stream: StreamKey, row: SampleRow)? {
    if cursor == 0 {
      guard FrameLogReader.beginsRight(span) else { return nil }
      cursor = FrameLogCodec.magic.count
    }
    while let body = FrameLogReader.record(span, at: cursor) {
      if FrameLogReader.isMark(span, at: cursor) {
        cursor = body.upperBound
        continue
      }
      guard let found = try? row(span.extracting(body)) else { return nil }
      cursor = body.upperBound
      return found
    }
    return nil
  }

  /// Where reading stopped, after `next` gave `nil`.
  /// - Parameter isNewest: no later segment exists. An earlier one was synced whole.
  package func ending(_ span: Span<UInt8>, isNewest: Bool) -> Ending {
    if cursor == span.count && cursor > 0 { return .whole }
    if isNewest && FrameLogReader.mark(span, after: cursor) == nil {
      return .torn(length: cursor)
    }
    return .damaged(damage(span))
  }

  private func damage(_ span: Span<UInt8>) -> Damage {
    var damage = Damage(offset: cursor, lost: [], unreadableBytes: 0)
    var known: [UInt64: StreamKey] = [:]
    for (number, stream) in streams.enumerated() { known[UInt64(number)] = stream.key }
    var place = cursor
    while place < span.count {
      guard let body = FrameLogReader.record(span, at: place) else {
        // The next write is found by its mark; what lies between belongs to no record.
        let next = FrameLogReader.mark(span, after: place) ?? span.count
        damage.unreadableBytes += next - place
        place = next
        continue
      }
      if !FrameLogReader.isMark(span, at: place) {
        if let lost = FrameLogReader.lost(span.extracting(body), &known) {
          damage.lost.append(lost)
        } else {
          damage.unreadableBytes += body.count
        }
      }
      place = body.upperBound
    }
    return damage
  }

  // MARK: Records

  private static func beginsRight(_ span: Span<UInt8>) -> Bool {
    guard span.count >= FrameLogCodec.magic.count else { return false }
    return FrameLogCodec.magic.indices.allSatisfy { span[$0] == FrameLogCodec.magic[$0] }
  }

  /// The body of the record at a place, when all of it is there and its sum is right.
  private static func record(_ span: Span<UInt8>, at place: Int) -> Range<Int>? {
    let body = place + FrameLogCodec.recordHeaderBytes
    guard body < span.count else { return nil }
    let length = Int(number(span, place, 4))
    guard length > 0, length <= FrameLogCodec.recordLimit, length <= span.count - body else {
      return nil
    }
    let content = span.extracting(body..<(body + length))
    guard UInt64(CRC32.sum(content, count: length)) == number(span, place + 4, 4) else {
      return nil
    }
    return body..<(body + length)
  }

  private static func number(_ span: Span<UInt8>, _ place: Int, _ count: Int) -> UInt64 {
    var value: UInt64 = 0
    for index in 0..<count { value |= UInt64(span[place + index]) << UInt64(8 * index) }
    return value
  }

  /// Whether a record at this place would be a mark: it names the place.
  private static func isMark(_ span: Span<UInt8>, at place: Int) -> Bool {
    let body = place + FrameLogCodec.recordHeaderBytes
    return body + FrameLogCodec.markBytes <= span.count
      && span[body] == FrameLogCodec.markKind
      && number(span, place, 4) == UInt64(FrameLogCodec.markBytes)
      && number(span, body + 1, 8) == UInt64(place)
  }

  /// The first mark that begins after a place.
  private static func mark(_ span: Span<UInt8>, after place: Int) -> Int? {
    var next = place + 1
    while next + FrameLogCodec.recordHeaderBytes + FrameLogCodec.markBytes <= span.count {
      if isMark(span, at: next), record(span, at: next) != nil { return next }
      next += 1
    }
    return nil
  }

  // MARK: Batches

  private static func isBatch(_ kind: UInt8) throws(WireError) {
    guard kind == FrameLogCodec.batchKind else { throw .malformed("a record of kind \(kind)") }
  }

  private static func key(_ span: Span<UInt8>, _ cursor: inout ByteCursor)
    throws(WireError) -> StreamKey
  {
    let limit = FrameLogCodec.textLimit
    let text = try cursor.text(span, of: "a server", limit: limit)
    guard let server = ServerID(text) else { throw .malformed("\(text) is no server id") }
    let boot = try cursor.text(span, of: "a boot", limit: limit)
    return StreamKey(
      server: server, boot: BootID(boot),
      incarnation: try cursor.text(span, of: "an incarnation", limit: limit))
  }

  /// What a batch was that can not be read.
  private static func lost(_ span: Span<UInt8>, _ known: inout [UInt64: StreamKey]) -> Lost? {
    do throws(WireError) {
      var cursor = ByteCursor()
      try isBatch(try cursor.byte(span))
      let number = try cursor.varint(span)
      // A stream that was named in what is damaged has no name here, and that shows.
      let stream: StreamKey
      if let told = known[number] { stream = told } else { stream = try key(span, &cursor) }
      known[number] = stream
      let order = try cursor.varint(span)
      _ = try cursor.zigzag(span)
      return Lost(
        stream: stream, order: order,
        samples: try cursor.count(span, of: "samples", limit: FrameLogCodec.sampleLimit))
    } catch {
      return nil
    }
  }

  private mutating func row(_ span: Span<UInt8>) throws(WireError) -> (StreamKey, SampleRow) {
    var cursor = ByteCursor()
    try FrameLogReader.isBatch(try cursor.byte(span))
    let raw = try cursor.varint(span)
    let isNew = raw == UInt64(streams.count)
    guard isNew || raw < UInt64(streams.count) else { throw .malformed("stream \(raw)") }
    let number = Int(raw)
    let key = isNew ? try FrameLogReader.key(span, &cursor) : streams[number].key
    let order = try cursor.varint(span)
    let nanoseconds =
      (isNew ? 0 : streams[number].row.nanoseconds) &+ (try cursor.zigzag(span))
    let count = try cursor.count(span, of: "samples", limit: FrameLogCodec.sampleLimit)
    var row = SampleRow(
      order: order, nanoseconds: nanoseconds, layout: SampleLayout(series: [], sources: []),
      bits: [])
    try values(
      span, &cursor, count: count, after: isNew ? row : streams[number].row, into: &row)
    guard cursor.isAtEnd(of: span) else { throw .malformed("bytes after the last sample") }
    if isNew { streams.append((key, row)) } else { streams[number].row = row }
    return (key, row)
  }

  private mutating func values(
    _ span: Span<UInt8>, _ cursor: inout ByteCursor, count: Int, after before: SampleRow,
    into row: inout SampleRow
  ) throws(WireError) {
    let old = before.layout
    var series: [SeriesID] = []
    var sources: [UInt64] = []
    var isSame = false
    // Each sample takes a byte at least.
    row.bits.reserveCapacity(min(count, span.count))
    var next = 0
    while row.bits.count < count {
      let group = try cursor.varint(span)
      guard group >> 1 > 0, group >> 1 <= UInt64(count - row.bits.count) else {
        throw .malformed("a group of \(group >> 1) samples")
      }
      let length = Int(group >> 1)
      if group & 1 == 0 {
        guard length <= old.count - next else { throw .malformed("no such batch before") }
        isSame = length == count && length == old.count
        for place in next..<(next + length) {
          row.bits.append(before.bits[place] &+ UInt64(bitPattern: try cursor.zigzag(span)))
        }
        if !isSame {
          series += old.series[next..<(next + length)]
          sources += old.sources[next..<(next + length)]
        }
        next += length
      } else {
        for _ in 0..<length {
          let (raw, overflow) = Int64(series.last ?? 0)
            .addingReportingOverflow(try cursor.zigzag(span))
          guard !overflow, let number = SeriesID(exactly: raw) else {
            throw .malformed("series \(raw)")
          }
          series.append(number)
          sources.append(try source(span, &cursor))
          row.bits.append(try cursor.varint(span))
          while next < old.count, old.series[next] <= number { next += 1 }
        }
      }
    }
    row.layout = isSame ? old : SampleLayout(series: series, sources: sources)
  }

  private mutating func source(_ span: Span<UInt8>, _ cursor: inout ByteCursor)
    throws(WireError) -> UInt64
  {
    let number = try cursor.varint(span)
    if number < UInt64(sources.count) { return sources[Int(number)] }
    guard number == UInt64(sources.count) else { throw .malformed("source \(number)") }
    var source: UInt64 = 0
    for index in 0..<8 { source |= UInt64(try cursor.byte(span)) << UInt64(8 * index) }
    sources.append(source)
    return source
  }
}
