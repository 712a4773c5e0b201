/// What is wrong with bytes that came over the wire.
package enum WireError: Error, Hashable, Sendable {
  case truncated
  case tooLong(what: String, length: Int, limit: Int)
  case malformed(String)

  package var reason: String {
    switch self {
    case .truncated: "the message ends in the middle of a value"
    case .tooLong(let what, let length, let limit): "\(what) of \(length), the limit is \(limit)"
    case .malformed(let text): text
    }
  }
}

/// Appends LEB128 varints, zigzag numbers and length-prefixed text.
package struct ByteWriter {
  package private(set) var bytes: [UInt8] = []
  package init() {}

  package mutating func byte(_ value: UInt8) { bytes.append(value) }

  package mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  package mutating func zigzag(_ value: Int64) {
    varint(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
  }

  package mutating func text(_ value: String) {
    varint(UInt64(value.utf8.count))
    bytes.append(contentsOf: value.utf8)
  }

  package mutating func raw(_ value: some Sequence<UInt8>) { bytes.append(contentsOf: value) }
}

/// A position in bytes that belong to someone else. Never traps: every read is checked.
package struct ByteCursor {
  package private(set) var index = 0
  package init() {}

  package func isAtEnd(of span: Span<UInt8>) -> Bool { index >= span.count }

  package mutating func byte(_ span: Span<UInt8>) throws(WireError) -> UInt8 {
    guard index < span.count else { throw .truncated }
    defer { index += 1 }
    return span[index]
  }

  package mutating func varint(_ span: Span<UInt8>) throws(WireError) -> UInt64 {
    // Most are below 128.
    if index < span.count, span[index] < 0x80 {
      defer { index += 1 }
      return UInt64(span[index])
    }
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let next = try byte(span)
      if shift == 63 && next > 1 { throw .malformed("a varint of more than 64 bits") }
      value |= UInt64(next & 0x7f) << shift
      if next & 0x80 == 0 { return value }
      shift += 7
      if shift > 63 { throw .malformed("a varint of more than 64 bits") }
    }
  }

  package mutating func zigzag(_ span: Span<UInt8>) throws(WireError) -> Int64 {
    let raw = try varint(span)
    return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
  }

  /// Steps over bytes that are of no interest here.
  package mutating func skip(_ span: Span<UInt8>, _ count: Int) throws(WireError) {
    guard count >= 0, count <= span.count - index else { throw .truncated }
    index += count
  }

  /// A count or length, refused above `limit` before anything is allocated for it.
  package mutating func count(_ span: Span<UInt8>, of what: String, limit: Int)
    throws(WireError) -> Int
  {
    let raw = try varint(span)
    guard raw <= UInt64(limit) else {
      throw .tooLong(what: what, length: Int(clamping: raw), limit: limit)
    }
    return Int(raw)
  }

  package mutating func text(_ span: Span<UInt8>, of what: String, limit: Int)
    throws(WireError) -> String
  {
    let length = try count(span, of: what, limit: limit)
    guard index + length <= span.count else { throw .truncated }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(length)
    for position in index..<(index + length) { bytes.append(span[position]) }
    index += length
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .malformed("\(what) is not UTF-8")
    }
    return text
  }
}
