import Protocol

/// A target's label taken apart: `fs1-OST0003`, `MGS`. The separator is `:` or `=` on a target that
/// was never registered.
struct TargetLabel: Hashable, Sendable {
  static let mgs = "MGS"
  var kind: TargetKind
  var fileSystem: String?
  var index: Int?

  /// `nil` for a text that is no label.
  init?(_ text: String) {
    if text == TargetLabel.mgs {
      kind = .mgt
      return
    }
    let bytes = Array(text.utf8)
    guard bytes.count <= StateLimits.labelBytes,
      let at = bytes.lastIndex(where: { $0 == 0x2d || $0 == 0x3a || $0 == 0x3d }), at > 0,
      bytes.count == at + 8,
      let index = Int(String(decoding: bytes[(at + 4)...], as: UTF8.self), radix: 16), index >= 0
    else { return nil }
    switch String(decoding: bytes[(at + 1)..<(at + 4)], as: UTF8.self) {
    case "MDT": kind = .mdt
    case "OST": kind = .ost
    default: return nil
    }
    fileSystem = String(decoding: bytes[..<at], as: UTF8.self)
    self.index = index
  }
}

/// NIDs in one spelling.
enum NID {
  static let loopback = "0@lo"

  /// Lower case, and without the number of network 0: `10.0.0.1@tcp0` is `10.0.0.1@tcp`.
  static func normalised(_ text: String) -> String {
    let text = text.lowercased()
    guard let at = text.lastIndex(of: "@"), text.hasSuffix("0") else { return text }
    let network = text[text.index(after: at)...].dropLast()
    guard let last = network.last, !last.isNumber else { return text }
    return String(text.dropLast())
  }

  /// Each NID once, in the order given, without the loopback, which names whoever says it.
  static func reachable(_ nids: [String]) -> [String] {
    var seen: Set<String> = []
    return nids.map(normalised).filter { !$0.isEmpty && $0 != loopback && seen.insert($0).inserted }
  }

  static func areLocal(_ nids: [String]) -> Bool { nids.contains { normalised($0) == loopback } }
}

/// Ages in words.
enum AgeText {
  static func text(nanoseconds: Int64) -> String {
    let seconds = max(0, nanoseconds) / 1_000_000_000
    if seconds < 100 { return "\(seconds) s" }
    if seconds < 6_000 { return "\(seconds / 60) min" }
    if seconds < 172_800 { return "\(seconds / 3_600) h" }
    return "\(seconds / 86_400) d"
  }
}
