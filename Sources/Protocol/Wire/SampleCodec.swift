/// `samples`: order, boot clock and wall clock (zigzag), number of values, then the values in
/// ascending series id, in runs: id gap, length of the run, and for each series the zigzag of the
/// wrapping difference to its last value on this connection (0 at first). A difference of 0 is
/// followed by how many more of them follow, so that what stands still costs nearly nothing.
package struct SampleEncoder {
  /// The last value of each series, by id: ids count up from 0, and a slot is found without a hash.
  private var last: [SampleBits] = []
  package init() {}

  package mutating func encode(_ batch: SampleBatch) -> [UInt8] {
    var writer = ByteWriter()
    writer.varint(batch.order)
    writer.zigzag(batch.stamp.bootNanoseconds)
    writer.zigzag(batch.stamp.wallNanoseconds)
    writer.varint(UInt64(batch.ids.count))
    var position = 0
    var next: UInt32 = 0
    while position < batch.ids.count {
      var end = position + 1
      while end < batch.ids.count && batch.ids[end] == batch.ids[end - 1] + 1 { end += 1 }
      writer.varint(UInt64(batch.ids[position] - next))
      writer.varint(UInt64(end - position))
      encodeRun(batch, position..<end, into: &writer)
      next = batch.ids[end - 1] + 1
      position = end
    }
    return writer.bytes
  }

  private mutating func encodeRun(
    _ batch: SampleBatch, _ run: Range<Int>, into writer: inout ByteWriter
  ) {
    let most = Int(batch.ids[run.upperBound - 1])
    if most >= last.count { last += repeatElement(0, count: most + 1 - last.count) }
    var zeros: UInt64 = 0
    func flush(_ writer: inout ByteWriter) {
      guard zeros > 0 else { return }
      writer.byte(0)
      writer.varint(zeros - 1)
      zeros = 0
    }
    for position in run {
      let id = Int(batch.ids[position])
      let difference = Int64(bitPattern: batch.bits[position] &- last[id])
      if difference == 0 {
        zeros += 1
      } else {
        flush(&writer)
        writer.zigzag(difference)
        last[id] = batch.bits[position]
      }
    }
    flush(&writer)
  }
}

/// The other side of `SampleEncoder`. Nothing of a batch is kept unless all of it decodes.
package struct SampleDecoder {
  /// The last value of each series, by id: ids count up from 0, and a slot is found without a hash.
  private var last: [SampleBits] = []
  /// Ids at or above this are refused before anything is made of them. A session may set it to the
  /// number of declared series, so that a few bytes can not claim a million equal values.
  package var seriesLimit = WireLimits.seriesPerSession

  package init(seriesLimit: Int = WireLimits.seriesPerSession) { self.seriesLimit = seriesLimit }

  /// What stands before the values, which needs no batch that came before.
  package static func heading(_ span: Span<UInt8>) throws(WireError) -> (
    order: UInt64, stamp: Stamp, values: Int
  ) {
    var cursor = ByteCursor()
    let (order, stamp) = try heading(span, &cursor)
    let values = try cursor.count(span, of: "samples", limit: WireLimits.seriesPerSession)
    return (order, stamp, values)
  }

  private static func heading(_ span: Span<UInt8>, _ cursor: inout ByteCursor)
    throws(WireError) -> (order: UInt64, stamp: Stamp)
  {
    let order = try cursor.varint(span)
    guard order <= WireLimits.highestOrder else {
      throw .malformed("batch order \(order), the highest is \(WireLimits.highestOrder)")
    }
    let stamp = Stamp(
      bootNanoseconds: try cursor.zigzag(span), wallNanoseconds: try cursor.zigzag(span))
    try WireLimits.check(stamp)
    return (order, stamp)
  }

  package mutating func decode(_ span: Span<UInt8>) throws(WireError) -> SampleBatch {
    var cursor = ByteCursor()
    let (order, stamp) = try SampleDecoder.heading(span, &cursor)
    let limit = min(max(0, seriesLimit), WireLimits.seriesPerSession)
    let count = try cursor.count(span, of: "samples", limit: limit)
    var batch = SampleBatch(order: order, stamp: stamp, ids: [], bits: [])
    // Runs of equal values compress without bound, so nothing is reserved for a claimed count
    // beyond what a frame's worth of bytes usually holds.
    batch.ids.reserveCapacity(min(count, 4_096))
    batch.bits.reserveCapacity(min(count, 4_096))
    var next: UInt64 = 0
    while batch.ids.count < count {
      let gap = try cursor.varint(span)
      let length = try cursor.varint(span)
      guard length > 0, length <= UInt64(count - batch.ids.count) else {
        throw .malformed("a run of \(length) values in a batch of \(count)")
      }
      guard gap < UInt64(WireLimits.seriesPerSession), next + gap + length <= UInt64(limit)
      else { throw .malformed("a series id that is not below \(limit)") }
      try decodeRun(span, &cursor, from: next + gap, length: length, into: &batch)
      next += gap + length
    }
    guard cursor.isAtEnd(of: span) else { throw .malformed("bytes after the last sample") }
    remember(batch)
    return batch
  }

  private mutating func remember(_ batch: SampleBatch) {
    // `decodeRun` made room for all of them.
    let (ids, bits) = (batch.ids.span, batch.bits.span)
    for place in 0..<ids.count { last[Int(ids[place])] = bits[place] }
  }

  private mutating func decodeRun(
    _ span: Span<UInt8>, _ cursor: inout ByteCursor, from first: UInt64, length: UInt64,
    into batch: inout SampleBatch
  ) throws(WireError) {
    // The run as it would be if nothing had changed; then what did.
    let end = Int(first + length)
    if end > last.count { last.append(contentsOf: repeatElement(0, count: end - last.count)) }
    batch.ids.append(contentsOf: UInt32(first)..<UInt32(end))
    var place = batch.bits.count
    batch.bits.append(contentsOf: last[Int(first)..<end])
    while place < batch.bits.count {
      let difference = try cursor.zigzag(span)
      if difference != 0 {
        batch.bits[place] &+= UInt64(bitPattern: difference)
        place += 1
        continue
      }
      let more = try cursor.varint(span)
      guard more < UInt64(batch.bits.count - place) else {
        throw .malformed("more equal values than the run has")
      }
      place += Int(more) + 1
    }
  }
}
