import Protocol

/// One life of an agent's process.
package struct Life: Hashable, Codable, Sendable {
  package var boot: BootID
  package var incarnation: String
  package init(boot: BootID, incarnation: String) {
    self.boot = boot
    self.incarnation = incarnation
  }
}

/// A segment of the spool: `IMLSPOOL`, a version, then records. A record is its mark (2 bytes), the
/// length of what follows the sum (u32), the CRC-32 of that (u32), then a kind and the body; integers
/// big-endian. The first record is the header. Every segment can be read by itself: it declares the
/// series that it uses, and differences begin at 0.
package enum SegmentFormat {
  package static let magic = Array("IMLSPOOL".utf8)
  package static let version: UInt8 = 1
  static let mark: (UInt8, UInt8) = (0xa5, 0x5a)
  static let recordHeaderBytes = 10
  /// As long as the longest message: a record holds one batch, or one set of declarations.
  package static let recordBytes = WireLimits.bulkBytes

  package enum Kind: UInt8, Sendable {
    /// JSON of `Header`.
    case header = 0
    /// As `declare` on the wire.
    case declarations = 1
    /// As `samples` on the wire.
    case batch = 2
    /// JSON of `[HeldLife]`: what was given up of all lives, as of now. The newest one counts.
    case losses = 3
  }

  package struct Header: Hashable, Codable, Sendable {
    package var life: Life
    /// The clocks when the segment was begun.
    package var stamp: Stamp
    package init(life: Life, stamp: Stamp) {
      self.life = life
      self.stamp = stamp
    }
  }

  package static func beginning(_ header: Header) -> [UInt8] {
    magic + [version] + record(.header, (try? CanonicalJSON.encode(header)) ?? [])
  }

  package static func record(_ kind: Kind, _ body: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = [mark.0, mark.1]
    bytes.reserveCapacity(recordHeaderBytes + 1 + body.count)
    let content = [kind.rawValue] + body
    append(UInt32(content.count), to: &bytes)
    append(CRC32.sum(content.span, count: content.count), to: &bytes)
    bytes += content
    return bytes
  }

  private static func append(_ value: UInt32, to bytes: inout [UInt8]) {
    for shift in [24, 16, 8, 0] as [UInt32] {
      bytes.append(UInt8(truncatingIfNeeded: value >> shift))
    }
  }
}

/// Cuts a segment's bytes, as they come, into records. Holds what is not yet a whole record.
package struct RecordReader: Sendable {
  package enum Step: Hashable, Sendable {
    /// An unknown kind is a newer agent's: whoever reads lets it go.
    case record(kind: UInt8, body: [UInt8])
    /// The bytes so far end within a record (or at the end of one).
    case needsMore
    /// What follows is no record.
    case damaged
    /// The file is no segment, or one of a version that is not known here.
    case foreign(version: UInt8?)
  }

  private var bytes: [UInt8] = []
  private var position = 0
  private var isPastMagic = false
  /// Where the record that is read next begins in the file.
  package private(set) var offset = 0
  package init() {}

  package mutating func feed(_ more: [UInt8]) {
    if position > 0 {
      bytes.removeFirst(position)
      position = 0
    }
    bytes += more
  }

  package mutating func next() -> Step {
    if !isPastMagic {
      let length = SegmentFormat.magic.count + 1
      guard bytes.count >= length else { return .needsMore }
      guard bytes.starts(with: SegmentFormat.magic) else { return .foreign(version: nil) }
      guard bytes[length - 1] == SegmentFormat.version else {
        return .foreign(version: bytes[length - 1])
      }
      advance(length)
      isPastMagic = true
    }
    switch record(at: position) {
    case .whole(let content):
      defer { advance(content.upperBound - position) }
      return .record(
        kind: bytes[content.lowerBound], body: Array(bytes[content.dropFirst()]))
    case .partial: return .needsMore
    case .none: return .damaged
    }
  }

  /// After `damaged`: goes to the next place where a whole record stands. False when there is none
  /// in the bytes so far.
  package mutating func skipDamage() -> Bool {
    var place = position + 1
    while place < bytes.count {
      if case .whole = record(at: place) {
        advance(place - position)
        return true
      }
      place += 1
    }
    return false
  }

  private enum Look {
    case whole(Range<Int>)
    case partial
    case none
  }

  private func record(at place: Int) -> Look {
    let left = bytes.count - place
    if left < SegmentFormat.recordHeaderBytes { return .partial }
    guard bytes[place] == SegmentFormat.mark.0, bytes[place + 1] == SegmentFormat.mark.1 else {
      return .none
    }
    let length = Int(number(at: place + 2))
    guard length >= 1, length <= SegmentFormat.recordBytes else { return .none }
    guard left >= SegmentFormat.recordHeaderBytes + length else { return .partial }
    let start = place + SegmentFormat.recordHeaderBytes
    let content = bytes[start..<start + length]
    let sum = content.span
    guard CRC32.sum(sum, count: length) == number(at: place + 6) else { return .none }
    return .whole(start..<start + length)
  }

  private func number(at place: Int) -> UInt32 {
    bytes[place..<place + 4].reduce(0) { $0 << 8 | UInt32($1) }
  }

  private mutating func advance(_ count: Int) {
    position += count
    offset += count
  }
}
