/// Parses files of one value.
package enum ScalarParser {
  /// A decimal number, alone in its file.
  package static func number(_ bytes: Span<UInt8>) -> Int64? {
    bytes.signed(bytes.wholeTrimmed)
  }

  /// The 64 bits of a number, for a counter.
  package static func bits(_ bytes: Span<UInt8>) -> UInt64? {
    bytes.unsigned(bytes.wholeTrimmed)
  }

  /// The first line; `nil` when it is empty or longer than any name here.
  package static func text(_ bytes: Span<UInt8>) -> String? {
    var index = 0
    guard let line = bytes.line(&index) else { return nil }
    let content = bytes.trimmed(line)
    return content.isEmpty || content.count > 1_024 ? nil : bytes.text(content)
  }
}

extension Span where Element == UInt8 {
  /// Everything without blanks and line ends around it.
  fileprivate var wholeTrimmed: Range<Int> {
    var end = count
    while end > 0, self[end - 1] == 0x0a || Self.isBlank(self[end - 1]) { end -= 1 }
    return trimmed(0..<end)
  }
}
