/// What a parser understood, and the lines that it did not.
package struct Parsed<Value: Sendable>: Sendable {
  package var value: Value
  package var leftovers: Leftovers

  package init(_ value: Value, _ leftovers: Leftovers = Leftovers()) {
    self.value = value
    self.leftovers = leftovers
  }
}

/// Lines that nobody understood, a bounded number of them.
package struct Leftovers: Hashable, Sendable {
  /// As many as one collector may report; a file of garbage must not fill the memory.
  package static let limit = 100
  /// A line longer than this is cut: enough to recognise it.
  package static let textBytes = 200

  package private(set) var texts: [String] = []
  /// Lines beyond the limit.
  package private(set) var dropped = 0

  package init() {}

  package mutating func keep(_ bytes: Span<UInt8>, _ range: Range<Int>) {
    guard texts.count < Leftovers.limit else {
      dropped += 1
      return
    }
    let end = min(range.upperBound, range.lowerBound + Leftovers.textBytes)
    texts.append(Leftovers.cut(bytes.text(range.lowerBound..<end)))
  }

  /// At most `textBytes` bytes of UTF-8, whole characters.
  package static func cut(_ text: String) -> String {
    guard text.utf8.count > textBytes else { return text }
    var cut = ""
    for character in text.unicodeScalars {
      if cut.utf8.count + String(character).utf8.count > textBytes { break }
      cut.unicodeScalars.append(character)
    }
    return cut
  }
}
