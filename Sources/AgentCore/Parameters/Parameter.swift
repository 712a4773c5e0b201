/// Where the kernel shows Lustre's parameters; each release moves some of them.
package enum ParameterRoot: String, CaseIterable, Sendable {
  case proc = "/proc/fs/lustre"
  case sys = "/sys/fs/lustre"
  case debug = "/sys/kernel/debug/lustre"
  case lnetDebug = "/sys/kernel/debug/lnet"
  case lnetProc = "/proc/sys/lnet"

  /// The one below which the path lies.
  package init?(of path: String) {
    for root in ParameterRoot.allCases
    where path.utf8.count > root.rawValue.utf8.count && path.hasPrefix(root.rawValue)
      && path.utf8[path.utf8.index(path.startIndex, offsetBy: root.rawValue.utf8.count)]
        == UInt8(ascii: "/")
    {
      self = root
      return
    }
    return nil
  }
}

/// A parameter by its meaning: its `lctl` name, with `{holes}` for targets, backends and NIDs, and
/// the roots under which it was ever seen, in the order in which to try them.
package struct Parameter: Hashable, Sendable {
  package let pattern: String
  package let roots: [ParameterRoot]
  /// A file of each client: thousands of them.
  package let isOfClients: Bool
  private let pieces: [Piece]
  /// Components of the path below a root.
  package var parts: Int { pieces.count }

  /// A part of the name: as it is, or with a hole between what stands around it.
  private struct Piece: Hashable, Sendable {
    var before: String
    var after: String?

    init(_ part: Substring) {
      guard let open = part.firstIndex(of: "{"), let close = part.firstIndex(of: "}") else {
        before = String(part)
        return
      }
      before = String(part[..<open])
      after = String(part[part.index(after: close)...])
    }
  }

  package init(_ pattern: String, _ roots: ParameterRoot...) {
    self.pattern = pattern
    self.roots = roots
    isOfClients = pattern.contains("{nid}")
    pieces = pattern.split(separator: ".").map(Piece.init)
  }

  /// The parts of the name; a part is a file name of its own, so a NID with dots stays one part.
  /// `nil` when a value could lead elsewhere (`/`, `..`) or their number is wrong.
  private func filled(_ values: [String]) -> [String]? {
    var parts: [String] = []
    var next = values.startIndex
    for piece in pieces {
      guard let after = piece.after else {
        parts.append(piece.before)
        continue
      }
      guard next < values.endIndex else { return nil }
      let value = values[next]
      next += 1
      guard Parameter.isFileName(value) else { return nil }
      parts.append(piece.before + value + after)
    }
    return next == values.endIndex ? parts : nil
  }

  /// True for what can be one component of a path.
  package static func isFileName(_ text: String) -> Bool {
    !text.isEmpty && text != "." && text != ".." && text.utf8.count <= 255
      && !text.utf8.contains(UInt8(ascii: "/")) && !text.utf8.contains(0)
  }

  /// The name as `lctl get_param` takes it.
  package func name(_ values: [String]) -> String {
    filled(values)?.joined(separator: ".") ?? pattern
  }

  /// Absolute paths, most likely first.
  package func paths(_ values: [String]) -> [String] {
    guard let parts = filled(values) else { return [] }
    let rest = parts.joined(separator: "/")
    return roots.map { "\($0.rawValue)/\(rest)" }
  }
}
