import Protocol

/// A Lustre line of the mount table.
package struct MountEntry: Hashable, Sendable {
  package var source: String
  package var mountPoint: String
  package var type: String
  package var options: [String]
  /// `ro` of the file system itself where the table tells the two apart (mountinfo).
  package var isReadOnly: Bool

  /// A client's source is `NIDs:/fsname`, a target's a device or `pool/dataset`.
  package var role: MountsSection.Role { source.contains(":/") ? .client : .target }

  /// Every value of `key=` in order.
  package func values(_ key: String) -> [String] {
    options.compactMap { option in
      option.hasPrefix(key + "=") ? String(option.dropFirst(key.utf8.count + 1)) : nil
    }
  }

  /// `svname=` of a target, the file system's name of a client.
  package var name: String? {
    guard role == .client else { return values("svname").first }
    guard let start = lastColonSlash(source) else { return nil }
    let name = source[start...].prefix { $0 != "/" }
    return name.isEmpty ? nil : String(name)
  }

  /// NIDs of all `mgsnode=`, each once.
  package var mgsNIDs: [String] {
    var nids: [String] = []
    for value in values("mgsnode") {
      for nid in NIDList.parse(value) where !nids.contains(nid) && nids.count < NIDList.limit {
        nids.append(nid)
      }
    }
    return nids
  }

  private func lastColonSlash(_ text: String) -> String.Index? {
    var found: String.Index?
    var index = text.startIndex
    while let colon = text[index...].firstIndex(of: ":") {
      index = text.index(after: colon)
      if index < text.endIndex, text[index] == "/" { found = text.index(after: index) }
    }
    return found
  }
}

/// Parses `/proc/self/mountinfo` and `/proc/self/mounts`; keeps the Lustre lines only.
package enum MountParser {
  /// Targets and client mounts of one server.
  private static let limit = 2_000

  /// `36 35 98:0 /root /mount/point rw,noatime shared:1 - type source rw,super`
  package static func mountinfo(_ bytes: Span<UInt8>) -> Parsed<[MountEntry]> {
    parse(bytes) { bytes, words in
      // Optional fields stand between the sixth word and a lone `-`.
      guard words.count >= 10,
        let dash = words[6...].firstIndex(where: { bytes.isEqual("-", $0) }),
        words.count >= dash + 4
      else { return nil }
      guard isLustre(bytes, words[dash + 1]) else { return .other }
      let own = options(bytes, words[5])
      let shared = options(bytes, words[dash + 3])
      let readOnly = shared.contains("ro")
      var all = readOnly || own.contains("ro") ? ["ro"] : ["rw"]
      for option in own + shared where option != "ro" && option != "rw" {
        if !all.contains(option) { all.append(option) }
      }
      return .lustre(
        MountEntry(
          source: text(bytes, words[dash + 2]), mountPoint: text(bytes, words[4]),
          type: bytes.text(words[dash + 1]), options: all, isReadOnly: readOnly))
    }
  }

  /// `source /mount/point type rw,options 0 0`
  package static func mounts(_ bytes: Span<UInt8>) -> Parsed<[MountEntry]> {
    parse(bytes) { bytes, words in
      guard words.count >= 4 else { return nil }
      guard isLustre(bytes, words[2]) else { return .other }
      let all = options(bytes, words[3])
      return .lustre(
        MountEntry(
          source: text(bytes, words[0]), mountPoint: text(bytes, words[1]),
          type: bytes.text(words[2]), options: all, isReadOnly: all.contains("ro")))
    }
  }

  private enum Line { case lustre(MountEntry), other }

  private static func parse(
    _ bytes: Span<UInt8>, _ read: (Span<UInt8>, [Range<Int>]) -> Line?
  ) -> Parsed<[MountEntry]> {
    var entries: [MountEntry] = []
    var leftovers = Leftovers()
    var index = 0
    while let line = bytes.line(&index) {
      let content = bytes.trimmed(line)
      if content.isEmpty { continue }
      switch read(bytes, bytes.fields(content)) {
      case .lustre(let entry) where entries.count < limit: entries.append(entry)
      case .other: break
      default: leftovers.keep(bytes, content)
      }
    }
    return Parsed(entries, leftovers)
  }

  private static func isLustre(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
    bytes.isEqual("lustre", range) || bytes.isEqual("lustre_tgt", range)
  }

  /// `mgsnode=` may list NIDs with commas and they are not escaped: a piece with `@` and no `=`
  /// behind it belongs to it.
  private static func options(_ bytes: Span<UInt8>, _ range: Range<Int>) -> [String] {
    var options: [String] = []
    for piece in text(bytes, range).split(separator: ",") {
      if let last = options.last, last.hasPrefix("mgsnode="), piece.contains("@"),
        !piece.contains("=")
      {
        options[options.count - 1] = last + "," + piece
      } else if options.count < 256 {
        options.append(String(piece))
      }
    }
    return options
  }

  /// The kernel writes blank, tab, newline and backslash as `\` and three octal digits.
  private static func text(_ bytes: Span<UInt8>, _ range: Range<Int>) -> String {
    var plain: [UInt8] = []
    plain.reserveCapacity(range.count)
    var index = range.lowerBound
    while index < range.upperBound {
      if bytes[index] == UInt8(ascii: "\\"), let byte = octal(bytes, index + 1, range.upperBound) {
        plain.append(byte)
        index += 4
      } else {
        plain.append(bytes[index])
        index += 1
      }
    }
    return String(decoding: plain, as: UTF8.self)
  }

  private static func octal(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> UInt8? {
    guard start + 3 <= end else { return nil }
    var value = 0
    for index in start..<(start + 3) {
      let digit = bytes[index] &- 0x30
      guard digit < 8 else { return nil }
      value = value * 8 + Int(digit)
    }
    return UInt8(exactly: value)
  }
}
