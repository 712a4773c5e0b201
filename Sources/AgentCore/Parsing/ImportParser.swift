/// `import` of an `osp`, `lwp` or `mgc`: what this server knows of a connection to a target.
package struct ImportFile: Hashable, Sendable {
  package var name: String?
  /// Without `_UUID`.
  package var target: String?
  package var state: String?
  package var currentConnection: String?
  package var failoverNIDs: [String] = []
  package init() {}
}

/// Parses `import`, which looks like YAML but is not quite: only its lines `key: value` and
/// `- item` are relied on. Every such line is understood; most say nothing that is needed.
package enum ImportParser {
  /// All NIDs of all servers that may serve one target.
  private static let nidLimit = 256

  package static func parse(_ bytes: Span<UInt8>) -> Parsed<ImportFile> {
    var file = ImportFile()
    var leftovers = Leftovers()
    var inNIDs = false
    var index = 0
    while let line = bytes.line(&index) {
      let content = bytes.trimmed(line)
      if content.isEmpty { continue }
      if let first = content.first, bytes[first] == UInt8(ascii: "-") {
        if inNIDs { append(bytes, (first + 1)..<content.upperBound, &file) }
        continue
      }
      guard let colon = bytes.first(UInt8(ascii: ":"), in: content) else {
        leftovers.keep(bytes, content)
        continue
      }
      let value = bytes.trimmed((colon + 1)..<content.upperBound)
      inNIDs = false
      switch bytes.text(content.lowerBound..<colon) {
      case "name": file.name = scalar(bytes, value)
      case "target":
        file.target = scalar(bytes, value).map { text in
          text.hasSuffix("_UUID") ? String(text.dropLast(5)) : text
        }
      case "state": file.state = scalar(bytes, value)
      case "current_connection": file.currentConnection = scalar(bytes, value)
      case "failover_nids":
        inNIDs = true
        items(bytes, value, &file)
      default: break
      }
    }
    return Parsed(file, leftovers)
  }

  /// Quotes are taken off; nothing, and `<none>`, are no value.
  private static func scalar(_ bytes: Span<UInt8>, _ range: Range<Int>) -> String? {
    var value = bytes.trimmed(range)
    if value.count >= 2, bytes[value.lowerBound] == UInt8(ascii: "\""),
      bytes[value.upperBound - 1] == UInt8(ascii: "\"")
    {
      value = (value.lowerBound + 1)..<(value.upperBound - 1)
    }
    guard !value.isEmpty, value.count <= 1_024, !bytes.isEqual("<none>", value) else { return nil }
    return bytes.text(value)
  }

  /// `[ a, b ]`
  private static func items(_ bytes: Span<UInt8>, _ range: Range<Int>, _ file: inout ImportFile) {
    guard let open = bytes.first(UInt8(ascii: "["), in: range) else { return }
    let close = bytes.first(UInt8(ascii: "]"), in: range) ?? range.upperBound
    guard open < close else { return }
    var start = open + 1
    for position in (open + 1)..<close where bytes[position] == UInt8(ascii: ",") {
      append(bytes, start..<position, &file)
      start = position + 1
    }
    append(bytes, start..<close, &file)
  }

  private static func append(_ bytes: Span<UInt8>, _ range: Range<Int>, _ file: inout ImportFile) {
    guard file.failoverNIDs.count < nidLimit, let nid = scalar(bytes, range),
      !file.failoverNIDs.contains(nid)
    else { return }
    file.failoverNIDs.append(nid)
  }
}
