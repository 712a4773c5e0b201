import Protocol

/// A segment of the manager's frame log, version 1: batches as they were accepted, to be read once,
/// after the manager was killed. Varints are LEB128, signed ones zigzag, other integers
/// little-endian. Each segment can be read without any other.
///
/// ```
/// "IMLF" version = 1 0 0 0                                   8 bytes
/// records:
///   length of the body                                       4 bytes
///   CRC-32 (IEEE) of the body                                4 bytes
///   body
///
/// body 0, the mark that begins each write; it tells that all before it was synced
///   0                                                        1 byte
///   where this record begins in the file                     8 bytes
///
/// body 1, a batch
///   1                                                        1 byte
///   stream: its number in this segment, in order of appearance   varint
///     a number that is new is followed by server, boot and incarnation: length and UTF-8 each
///   order                                                    varint
///   nanoseconds minus those of the stream's batch before, or 0   signed varint
///   number of samples                                        varint
///   groups until that many samples are told; a group begins with a varint, the number n of its
///   samples times two, plus the group's kind:
///     0  the next n samples of the stream's batch before, series and source the same:
///        n times the bits minus the bits there, wrapping      signed varint
///     1  n samples that are written out:
///        series minus the series of the sample before, or 0   signed varint
///        source: its number in this segment                  varint
///          a number that is new is followed by the source    8 bytes
///        bits                                                varint
/// ```
///
/// "Next" in the batch before is the sample after the last one that was matched; after one that is
/// written out it is the first whose series is greater. Stream, order and number of samples can be
/// read without the batch before, so that after a damage it can be told what is lost.
package enum FrameLogCodec {
  static let magic: [UInt8] = Array("IMLF".utf8) + [1, 0, 0, 0]
  static let recordHeaderBytes = 8
  static let markBytes = 9
  static let markKind: UInt8 = 0
  static let batchKind: UInt8 = 1
  /// A batch of 1,000,000 samples that are all written out has 24 MB; the reader's limit is above.
  static let recordLimit = 64 << 20
  static let sampleLimit = 16_000_000
  /// Of the texts of a stream's key; agents' are a uuid or two.
  static let textLimit = 4_096

  /// Writes one segment.
  package struct Encoder: Sendable {
    private struct Stream {
      var number: UInt64
      /// The batch before. Its layout is its session's, and its values are the head's newest.
      var row: SampleRow?
    }
    private var streams: [StreamKey: Stream] = [:]
    private var sources: [UInt64: UInt64] = [:]
    private var lastSource: (source: UInt64, number: UInt64)?

    package init() {}

    /// Appends the segment's beginning, or the mark of a write that begins at `offset`.
    package static func begin(at offset: Int, into bytes: inout [UInt8]) {
      if offset == 0 { bytes += magic }
      let start = bytes.count
      bytes.append(contentsOf: repeatElement(0, count: recordHeaderBytes))
      bytes.append(markKind)
      FrameLogCodec.little(UInt64(offset + (offset == 0 ? magic.count : 0)), count: 8, to: &bytes)
      FrameLogCodec.seal(start, in: &bytes)
    }

    /// Appends one batch that is not yet in columns.
    package mutating func append(
      _ batch: StoredBatch, of key: StreamKey, into bytes: inout [UInt8]
    ) {
      append(SampleRow(batch), of: key, into: &bytes)
    }

    /// Appends one batch.
    package mutating func append(
      _ row: SampleRow, of key: StreamKey, into bytes: inout [UInt8]
    ) {
      let start = bytes.count
      bytes.append(contentsOf: repeatElement(0, count: recordHeaderBytes))
      bytes.append(batchKind)
      var stream: Stream
      if let known = streams.removeValue(forKey: key) {
        stream = known
        varint(known.number, &bytes)
      } else {
        stream = Stream(number: UInt64(streams.count), row: nil)
        varint(stream.number, &bytes)
        text(key.server.text, &bytes)
        text(key.boot.text, &bytes)
        text(key.incarnation, &bytes)
      }
      varint(row.order, &bytes)
      zigzag(row.nanoseconds &- (stream.row?.nanoseconds ?? 0), &bytes)
      varint(UInt64(row.bits.count), &bytes)
      if let before = stream.row {
        append(row, after: before, &bytes)
      } else {
        writeOut(row, 0..<row.bits.count, &bytes)
      }
      stream.row = row
      streams[key] = stream
      FrameLogCodec.seal(start, in: &bytes)
    }

    private mutating func append(
      _ row: SampleRow, after before: SampleRow, _ bytes: inout [UInt8]
    ) {
      let (new, old) = (row.layout, before.layout)
      // Mostly the series are those of the batch before, and share their storage with them.
      if new == old {
        differences(row, 0..<new.count, before, from: 0, &bytes)
        return
      }
      var index = 0
      var next = 0
      func isMatch(_ match: Int) -> Bool {
        index < new.count && match < old.count && new.series[index] == old.series[match]
          && new.sources[index] == old.sources[match]
      }
      while index < new.count {
        let start = index
        var match = next
        while isMatch(match) {
          index += 1
          match += 1
        }
        if index > start {
          differences(row, start..<index, before, from: next, &bytes)
          next = match
          continue
        }
        repeat {
          while next < old.count, old.series[next] <= new.series[index] { next += 1 }
          index += 1
        } while index < new.count && !isMatch(next)
        writeOut(row, start..<index, &bytes)
      }
    }

    private func differences(
      _ row: SampleRow, _ places: Range<Int>, _ before: SampleRow, from first: Int,
      _ bytes: inout [UInt8]
    ) {
      guard !places.isEmpty else { return }
      varint(UInt64(places.count) << 1, &bytes)
      let (new, old) = (row.bits.span, before.bits.span)
      let shift = first - places.lowerBound
      for place in places {
        let difference = new[place] &- old[place + shift]
        if difference == 0 {
          bytes.append(0)
        } else {
          zigzag(Int64(bitPattern: difference), &bytes)
        }
      }
    }

    private mutating func writeOut(
      _ row: SampleRow, _ places: Range<Int>, _ bytes: inout [UInt8]
    ) {
      guard !places.isEmpty else { return }
      varint(UInt64(places.count) << 1 | 1, &bytes)
      for place in places {
        let last = place == 0 ? 0 : Int64(row.layout.series[place - 1])
        zigzag(Int64(row.layout.series[place]) - last, &bytes)
        number(of: row.layout.sources[place], &bytes)
        varint(row.bits[place], &bytes)
      }
    }

    private mutating func number(of source: UInt64, _ bytes: inout [UInt8]) {
      if let lastSource, lastSource.source == source {
        varint(lastSource.number, &bytes)
        return
      }
      let number: UInt64
      if let known = sources[source] {
        number = known
        varint(number, &bytes)
      } else {
        number = UInt64(sources.count)
        varint(number, &bytes)
        FrameLogCodec.little(source, count: 8, to: &bytes)
        sources[source] = number
      }
      lastSource = (source, number)
    }

    private func varint(_ value: UInt64, _ bytes: inout [UInt8]) {
      var rest = value
      while rest >= 0x80 {
        bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
        rest >>= 7
      }
      bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    private func zigzag(_ value: Int64, _ bytes: inout [UInt8]) {
      varint(UInt64(bitPattern: (value << 1) ^ (value >> 63)), &bytes)
    }

    private func text(_ value: String, _ bytes: inout [UInt8]) {
      varint(UInt64(value.utf8.count), &bytes)
      bytes.append(contentsOf: value.utf8)
    }
  }

  private static func little(_ value: UInt64, count: Int, to bytes: inout [UInt8]) {
    for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * index))) }
  }

  /// Fills in the header of the record that began at `start` and ends where the bytes end.
  private static func seal(_ start: Int, in bytes: inout [UInt8]) {
    let body = start + recordHeaderBytes
    let count = bytes.count - body
    let sum = CRC32.sum(bytes.span.extracting(body..<bytes.count), count: count)
    for index in 0..<4 {
      bytes[start + index] = UInt8(truncatingIfNeeded: count >> (8 * index))
      bytes[start + 4 + index] = UInt8(truncatingIfNeeded: sum >> UInt32(8 * index))
    }
  }
}
