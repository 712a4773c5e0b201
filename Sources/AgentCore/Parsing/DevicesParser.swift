import Protocol

/// Parses `devices`: `INDEX STATUS TYPE NAME UUID REFCOUNT` a line.
package enum DevicesParser {
  /// An MDS of a big site has an `osp` for each OST; far more than any has.
  private static let limit = 20_000

  package static func parse(_ bytes: Span<UInt8>) -> Parsed<[LustreSection.Device]> {
    var devices: [LustreSection.Device] = []
    var leftovers = Leftovers()
    var index = 0
    while let line = bytes.line(&index) {
      let content = bytes.trimmed(line)
      if content.isEmpty { continue }
      let words = bytes.fields(content)
      guard words.count >= 6, bytes.unsigned(words[0]) != nil,
        bytes.signed(words[5]) != nil, devices.count < limit
      else {
        leftovers.keep(bytes, content)
        continue
      }
      devices.append(
        LustreSection.Device(
          status: bytes.text(words[1]), type: bytes.text(words[2]), name: bytes.text(words[3])))
    }
    return Parsed(devices, leftovers)
  }
}
