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
      var nanoseconds: Int64
      var samples: [StoredSample]
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

    /// Appends one batch.
    package mutating func append(
      _ batch: StoredBatch, of key: StreamKey, into bytes: inout [UInt8]
    ) {
      let start = bytes.count
      bytes.append(contentsOf: repeatElement(0, count: recordHeaderBytes))
      bytes.append(batchKind)
      let before: Stream
      if let known = streams.removeValue(forKey: key) {
        before = known
        varint(known.number, &bytes)
      } else {
        before = Stream(number: UInt64(streams.count), nanoseconds: 0, samples: [])
        varint(before.number, &bytes)
        text(key.server.text, &bytes)
        text(key.boot.text, &bytes)
        text(key.incarnation, &bytes)
      }
      varint(batch.order, &bytes)
      zigzag(batch.nanoseconds &- before.nanoseconds, &bytes)
      varint(UInt64(batch.samples.count), &bytes)
      append(batch.samples, after: before.samples, &bytes)
      streams[key] = Stream(
        number: before.number, nanoseconds: batch.nanoseconds, samples: batch.samples)
      FrameLogCodec.seal(start, in: &bytes)
    }

    private mutating func append(
      _ samples: [StoredSample], after before: [StoredSample], _ bytes: inout [UInt8]
    ) {
      var index = 0
      var next = 0
      while index < samples.count {
        let start = index
        var match = next
        while index < samples.count, match < before.count,
          samples[index].series == before[match].series,
          samples[index].source == before[match].source
        {
          index += 1
          match += 1
        }
        if index > start {
          varint(UInt64(index - start) << 1, &bytes)
          for place in start..<index {
            let difference = samples[place].bits &- before[next + place - start].bits
            zigzag(Int64(bitPattern: difference), &bytes)
          }
          next = match
          continue
        }
        repeat {
          let series = samples[index].series
          while next < before.count, before[next].series <= series { next += 1 }
          index += 1
        } while index < samples.count
          && !(next < before.count && samples[index].series == before[next].series
            && samples[index].source == before[next].source)
        varint(UInt64(index - start) << 1 | 1, &bytes)
        for place in start..<index { writeOut(samples, place, &bytes) }
      }
    }

    private mutating func writeOut(
      _ samples: [StoredSample], _ place: Int, _ bytes: inout [UInt8]
    ) {
      let sample = samples[place]
      let last = place == 0 ? 0 : Int64(samples[place - 1].series)
      zigzag(Int64(sample.series) - last, &bytes)
      if let lastSource, lastSource.source == sample.source {
        varint(lastSource.number, &bytes)
      } else if let number = sources[sample.source] {
        varint(number, &bytes)
        lastSource = (sample.source, number)
      } else {
        let number = UInt64(sources.count)
        varint(number, &bytes)
        FrameLogCodec.little(sample.source, count: 8, to: &bytes)
        sources[sample.source] = number
        lastSource = (sample.source, number)
      }
      varint(sample.bits, &bytes)
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
