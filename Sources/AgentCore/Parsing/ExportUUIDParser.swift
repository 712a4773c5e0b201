/// `exports/<nid>/uuid`: one UUID a line, of everyone who is connected from that NID.
package struct ExportUUIDs: Hashable, Sendable {
  package var clients: [String] = []
  /// Connections of servers: `fs-MDT0000-lwp-OST0005_UUID`, `fs-MDT0002-mdtlov_UUID` …
  package var serverConnections = 0
  package init() {}
}

/// Parses `exports/<nid>/uuid`. A directory stays behind when its client is gone: then the file is
/// empty.
package enum ExportUUIDParser {
  /// Clients behind one NID; many mounts, or containers, share one.
  private static let limit = 10_000

  package static func parse(_ bytes: Span<UInt8>) -> Parsed<ExportUUIDs> {
    var uuids = ExportUUIDs()
    var leftovers = Leftovers()
    var index = 0
    while let line = bytes.line(&index) {
      let content = bytes.trimmed(line)
      if content.isEmpty { continue }
      if bytes.find("-lwp-", in: content) != nil || bytes.hasSuffix("_UUID", content) {
        uuids.serverConnections += 1
      } else if content.count <= 64, isPlain(bytes, content), uuids.clients.count < limit {
        uuids.clients.append(bytes.text(content))
      } else {
        leftovers.keep(bytes, content)
      }
    }
    return Parsed(uuids, leftovers)
  }

  /// One word of visible ASCII, as Lustre makes them: noise is no client.
  private static func isPlain(_ bytes: Span<UInt8>, _ content: Range<Int>) -> Bool {
    content.allSatisfy { (0x21...0x7e).contains(bytes[$0]) }
  }
}
