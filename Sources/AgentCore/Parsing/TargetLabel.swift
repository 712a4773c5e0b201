import Protocol

/// `fsname` + separator + `MDT` or `OST` + four hexadecimal digits, or `MGS`.
package struct TargetLabel: Hashable, Sendable {
  package var kind: TargetKind
  package var fileSystem: String?
  package var index: Int?

  /// Reads from the right, because the name of a file system may hold `-`. The separator tells how
  /// far the registration got (`:` never, `=` logs to be rewritten, `+` no local logs, `-` done).
  package init?(_ text: String) {
    if text == "MGS" {
      kind = .mgt
      return
    }
    let bytes = Array(text.utf8)
    // Eight characters of a name, the separator, three letters, four digits.
    guard bytes.count >= 9, bytes.count <= 16 else { return nil }
    let name = bytes.dropLast(8)
    guard
      [UInt8(ascii: "-"), UInt8(ascii: ":"), UInt8(ascii: "="), UInt8(ascii: "+")]
        .contains(bytes[name.count]),
      name.allSatisfy(TargetLabel.isNameByte)
    else { return nil }
    switch String(decoding: bytes[(name.count + 1)..<(name.count + 4)], as: UTF8.self) {
    case "MDT": kind = .mdt
    case "OST": kind = .ost
    default: return nil
    }
    let digits = bytes.suffix(4)
    guard digits.allSatisfy(TargetLabel.isHexadecimal) else { return nil }
    index = Int(String(decoding: digits, as: UTF8.self), radix: 16)
    fileSystem = String(decoding: name, as: UTF8.self)
  }

  /// The label with `-`, as the parameter directories have it whatever is on disk.
  package static func registered(_ name: String) -> String {
    guard let label = TargetLabel(name), label.kind != .mgt, let fileSystem = label.fileSystem
    else { return name }
    return fileSystem + "-" + name.suffix(7)
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
    default: false
    }
  }
}
