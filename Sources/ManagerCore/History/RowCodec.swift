import Protocol

/// The values of a row as wrapping differences to those of a row before: zigzag varints; a 0 is
/// followed by how many more of them follow, as on the wire. What stands still costs nearly nothing.
enum RowCodec {
  /// Appends the differences; both have the same count.
  static func encode(_ bits: [UInt64], after before: [UInt64], into bytes: inout [UInt8]) {
    let (new, old) = (bits.span, before.span)
    let count = min(new.count, old.count)
    var place = 0
    while place < count {
      let difference = new[place] &- old[place]
      place += 1
      if difference != 0 {
        let signed = Int64(bitPattern: difference)
        varint(UInt64(bitPattern: (signed << 1) ^ (signed >> 63)), &bytes)
        continue
      }
      let start = place
      while place < count && new[place] == old[place] { place += 1 }
      bytes.append(0)
      varint(UInt64(place - start), &bytes)
    }
  }

  /// Turns the row before into this one. The bytes are this program's own, from its memory; were
  /// they too few, the rest stands still.
  static func advance(_ bits: inout [UInt64], by bytes: [UInt8]) {
    let span = bytes.span
    var index = 0
    var place = 0
    let count = bits.count
    while index < span.count && place < count {
      let raw = varint(span, &index)
      if raw == 0 {
        place += 1 + Int(truncatingIfNeeded: varint(span, &index))
        continue
      }
      bits[place] = bits[place] &+ ((raw >> 1) ^ (0 &- (raw & 1)))
      place += 1
    }
  }

  /// The same for some places only, ascending: `values` are theirs.
  static func advance(_ values: inout [UInt64], at places: [Int], by bytes: [UInt8]) {
    let span = bytes.span
    var index = 0
    var place = 0
    var next = 0
    while index < span.count && next < places.count {
      let raw = varint(span, &index)
      if raw == 0 {
        place += 1 + Int(truncatingIfNeeded: varint(span, &index))
        while next < places.count && places[next] < place { next += 1 }
        continue
      }
      if places[next] == place {
        values[next] = values[next] &+ ((raw >> 1) ^ (0 &- (raw & 1)))
        next += 1
      }
      place += 1
    }
  }

  private static func varint(_ value: UInt64, _ bytes: inout [UInt8]) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  private static func varint(_ span: Span<UInt8>, _ index: inout Int) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while index < span.count {
      let next = span[index]
      index += 1
      value |= UInt64(next & 0x7f) << shift
      if next & 0x80 == 0 { break }
      shift += 7
    }
    return value
  }
}
