import Protocol

/// Parses `mgs.MGS.live.<fsname>`: which targets are registered. Stanzas are parted by their headings,
/// not by blank lines, of which there can be more.
package enum LiveFileSystemParser {
  /// A file system has at most 2^16 targets of each kind; none comes near this.
  private static let limit = 20_000

  private enum Stanza { case targets, security, recovery }

  package static func parse(_ bytes: Span<UInt8>) -> Parsed<MGSSection.LiveFileSystem?> {
    var name: String?
    var file = MGSSection.LiveFileSystem(
      name: "", generation: nil, targets: [], imperativeRecovery: nil)
    var leftovers = Leftovers()
    var stanza = Stanza.targets
    // Of a known file five; more than 32 are none that we know.
    var details: [String: String] = [:]
    var index = 0
    while let line = bytes.line(&index) {
      let content = bytes.trimmed(line)
      if content.isEmpty { continue }
      if bytes.hasPrefix("Secure RPC Config Rules", content) {
        stanza = .security
      } else if bytes.hasPrefix("imperative_recovery_state", content) {
        stanza = .recovery
      } else if bytes.hasPrefix("fsname:", content) {
        name = bytes.text(bytes.trimmed((content.lowerBound + 7)..<content.upperBound))
      } else if bytes.hasPrefix("flags:", content) {
        file.generation = generation(bytes, content)
        details["flags"] = flags(bytes, content)
      } else {
        switch stanza {
        // A rule per line; they are the site's security settings, no fact about targets.
        case .security: break
        case .recovery:
          if bytes.hasPrefix("state:", content) {
            file.imperativeRecovery = bytes.text(
              bytes.trimmed((content.lowerBound + 6)..<content.upperBound))
          } else if let colon = bytes.first(UInt8(ascii: ":"), in: content), details.count < 32 {
            details[bytes.text(content.lowerBound..<colon)] = bytes.text(
              bytes.trimmed((colon + 1)..<content.upperBound))
          } else {
            leftovers.keep(bytes, content)
          }
        case .targets:
          let label = bytes.text(content)
          guard TargetLabel(label) != nil, file.targets.count < limit else {
            leftovers.keep(bytes, content)
            continue
          }
          file.targets.append(label)
        }
      }
    }
    guard let name, !name.isEmpty else { return Parsed(nil, leftovers) }
    file.name = name
    file.details = details.isEmpty ? nil : details
    return Parsed(file, leftovers)
  }

  private static func flags(_ bytes: Span<UInt8>, _ line: Range<Int>) -> String {
    let end = bytes.find("gen:", in: line) ?? line.upperBound
    return bytes.text(bytes.trimmed(min(line.lowerBound + 6, end)..<end))
  }

  /// `flags: 0x20     gen: 28`
  private static func generation(_ bytes: Span<UInt8>, _ line: Range<Int>) -> Int64? {
    guard let start = bytes.find("gen:", in: line) else { return nil }
    return bytes.signed(bytes.trimmed((start + 4)..<line.upperBound))
  }
}
