/// A release of Lustre, for example `2.15.4_1.llnl` or, up to 2.8, a file of several lines.
package struct LustreVersion: Hashable, Sendable, Comparable {
  /// As printed, without the key of the old form.
  package var text: String
  package var major: Int
  package var minor: Int

  package init?(_ bytes: Span<UInt8>) {
    var index = 0
    var found: Range<Int>?
    while let line = bytes.line(&index) {
      let content = bytes.trimmed(line)
      if bytes.hasPrefix("lustre:", content) {
        found = bytes.trimmed((content.lowerBound + 7)..<content.upperBound)
        break
      }
      if found == nil, !content.isEmpty { found = content }
    }
    guard let found, found.count <= 128 else { return nil }
    text = bytes.text(found)
    var end = found.lowerBound
    var parts: [Int] = []
    while parts.count < 2 {
      let start = end
      while end < found.upperBound, bytes[end] &- 0x30 < 10 { end += 1 }
      guard let part = bytes.unsigned(start..<end).flatMap({ Int(exactly: $0) }) else {
        return nil
      }
      parts.append(part)
      if end < found.upperBound, bytes[end] == UInt8(ascii: ".") { end += 1 }
    }
    (major, minor) = (parts[0], parts[1])
  }

  package static func < (a: LustreVersion, b: LustreVersion) -> Bool {
    (a.major, a.minor) < (b.major, b.minor)
  }

  package func isAtLeast(_ major: Int, _ minor: Int) -> Bool {
    (self.major, self.minor) >= (major, minor)
  }
}
