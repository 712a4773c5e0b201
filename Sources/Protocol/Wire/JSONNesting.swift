/// How deep JSON goes. What is deeper than any report is refused before it is decoded: decoders and encoders have limits
/// of their own that are not the same, and what was taken in must be able to go out again.
enum JSONNesting {
  static func check(_ bytes: [UInt8]) throws(WireError) {
    var depth = 0
    var isText = false
    var isEscaped = false
    for byte in bytes {
      // RFC 8259, §8.1: UTF-8 alone. Decoders guess at other encodings, all of which have such bytes.
      guard byte != 0 else { throw .malformed("JSON that is not UTF-8") }
      if isText {
        if isEscaped {
          isEscaped = false
        } else if byte == 0x5c {
          isEscaped = true
        } else if byte == 0x22 {
          isText = false
        }
        continue
      }
      switch byte {
      case 0x22: isText = true
      case 0x5b, 0x7b:
        depth += 1
        guard depth <= WireLimits.nesting else {
          throw .malformed("JSON that is nested deeper than \(WireLimits.nesting)")
        }
      case 0x5d, 0x7d: depth -= 1
      default: break
      }
    }
  }
}
