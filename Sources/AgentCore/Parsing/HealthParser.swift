import Protocol

/// `health_check`: one word, or one word after lines that name devices, or `LBUG`.
package struct HealthFile: Hashable, Sendable {
  package var health: LustreHealth?
  /// Names of devices that were `reported unhealthy`.
  package var unhealthyDevices: [String] = []
  package init() {}
}

/// Parses `health_check` of 2.10 to master.
package enum HealthParser {
  package static func parse(_ bytes: Span<UInt8>) -> Parsed<HealthFile> {
    var file = HealthFile()
    var leftovers = Leftovers()
    var index = 0
    while let line = bytes.line(&index) {
      let content = bytes.trimmed(line)
      if content.isEmpty { continue }
      if bytes.isEqual("healthy", content) {
        file.health = file.health ?? .healthy
      } else if bytes.isEqual("NOT HEALTHY", content) {
        if file.health != .lbug { file.health = .unhealthy }
      } else if bytes.isEqual("LBUG", content) {
        file.health = .lbug
      } else if bytes.hasSuffix(" reported unhealthy", content) {
        if file.health != .lbug { file.health = .unhealthy }
        if let name = device(bytes, content.lowerBound..<(content.upperBound - 19)) {
          // A server has fewer devices than this; a file of garbage has no bound of its own.
          if file.unhealthyDevices.count < 1_000 { file.unhealthyDevices.append(name) }
        }
      } else {
        leftovers.keep(bytes, content)
      }
    }
    return Parsed(file, leftovers)
  }

  /// `device NAME` or `NAME: device`.
  private static func device(_ bytes: Span<UInt8>, _ range: Range<Int>) -> String? {
    let words = bytes.fields(range)
    guard words.count == 2 else { return nil }
    if bytes.isEqual("device", words[0]) { return bytes.text(words[1]) }
    guard bytes.isEqual("device", words[1]), bytes.hasSuffix(":", words[0]) else { return nil }
    return bytes.text(words[0].lowerBound..<(words[0].upperBound - 1))
  }
}
