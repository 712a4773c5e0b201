/// A path of literal segments and `{parameter}` segments.
package struct PathPattern: Hashable, Sendable, CustomStringConvertible {
  package enum Segment: Hashable, Sendable {
    case literal(String)
    case parameter(String)
  }
  package let segments: [Segment]
  package let description: String

  package init(_ text: String) {
    description = text
    segments = text.split(separator: "/").map { part in
      part.hasPrefix("{") && part.hasSuffix("}")
        ? .parameter(String(part.dropFirst().dropLast())) : .literal(String(part))
    }
  }

  /// The decoded parameters when `path` (as it came, percent-encoded) has this form. Each segment is
  /// decoded by itself, so that an encoded `/` belongs to a name.
  package func match(_ path: [DecodedSegment]) -> [String: String]? {
    guard path.count == segments.count else { return nil }
    var parameters: [String: String] = [:]
    for (segment, part) in zip(segments, path) {
      switch segment {
      case .literal(let text):
        guard part.text == text else { return nil }
      case .parameter(let name):
        parameters[name] = part.text
      }
    }
    return parameters
  }
}

/// One segment of a request's path, decoded.
package struct DecodedSegment: Hashable, Sendable {
  package let text: String

  /// A segment that is decoded already.
  package static func of(_ text: String) -> DecodedSegment { DecodedSegment(text: text) }

  /// The segments of a path, or `nil` when it is none that could ever be served: not rooted, an
  /// empty segment, a bad escape, not UTF-8, a control character, or a segment above `limit` bytes.
  package static func split(_ path: String, limit: Int) -> [DecodedSegment]? {
    guard path.utf8.first == UInt8(ascii: "/") else { return nil }
    guard path.utf8.count > 1 else { return [] }
    var decoded: [DecodedSegment] = []
    for part in path.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
      guard let text = DecodedSegment.percentDecoded(part.utf8), !text.isEmpty,
        text.utf8.count <= limit
      else {
        return nil
      }
      decoded.append(DecodedSegment(text: text))
    }
    return decoded
  }
}

extension DecodedSegment {
  /// Percent-decoded text, or `nil` for a broken escape, bytes that are no UTF-8, or a control
  /// character: nothing that this product names has one. `+` stays `+` (RFC 3986, not form encoding):
  /// names may hold it.
  package static func percentDecoded(_ bytes: some Sequence<UInt8>) -> String? {
    var decoded: [UInt8] = []
    var iterator = bytes.makeIterator()
    while let byte = iterator.next() {
      var value = byte
      if byte == UInt8(ascii: "%") {
        guard let high = iterator.next().flatMap(hexDigit),
          let low = iterator.next().flatMap(hexDigit)
        else { return nil }
        value = high << 4 | low
      }
      guard value >= 0x20, value != 0x7f else { return nil }
      decoded.append(value)
    }
    return String(validating: decoded, as: UTF8.self)
  }
}

private func hexDigit(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
  default: nil
  }
}
