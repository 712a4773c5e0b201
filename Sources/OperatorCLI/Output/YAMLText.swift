import FoundationEssentials
import Protocol

/// A JSON value as block YAML, for readers of YAML 1.1 and 1.2 alike: every string is quoted, so
/// that no word (`no`, `1e3`, `2026-01-01`) turns into something else.
enum YAMLText {
  static func document(_ value: JSONValue) -> String {
    var text = ""
    switch value {
    case .object(let members) where !members.isEmpty: object(members, 0, &text)
    case .array(let items) where !items.isEmpty: array(items, 0, &text)
    default: text = scalar(value) + "\n"
    }
    return text
  }

  private static let step = 2

  /// Members in JSON's canonical order. The first stands where the text is, behind a `- `.
  private static func object(_ members: [String: JSONValue], _ indent: Int, _ text: inout String) {
    for (index, (name, value)) in members.sorted(by: { $0.key < $1.key }).enumerated() {
      if index > 0 { text += String(repeating: " ", count: indent) }
      text += key(name) + ":"
      switch value {
      case .object(let inner) where !inner.isEmpty:
        text += "\n" + String(repeating: " ", count: indent + step)
        object(inner, indent + step, &text)
      case .array(let inner) where !inner.isEmpty:
        text += "\n" + String(repeating: " ", count: indent + step)
        array(inner, indent + step, &text)
      default: text += " " + scalar(value) + "\n"
      }
    }
  }

  private static func array(_ items: [JSONValue], _ indent: Int, _ text: inout String) {
    for (index, item) in items.enumerated() {
      if index > 0 { text += String(repeating: " ", count: indent) }
      text += "- "
      switch item {
      case .object(let inner) where !inner.isEmpty: object(inner, indent + step, &text)
      case .array(let inner) where !inner.isEmpty: array(inner, indent + step, &text)
      default: text += scalar(item) + "\n"
      }
    }
  }

  private static func scalar(_ value: JSONValue) -> String {
    switch value {
    case .null: "null"
    case .bool(let value): value ? "true" : "false"
    case .integer(let value): String(value)
    case .unsigned(let value): String(value)
    case .number(let value): number(value)
    case .string(let value): quoted(value)
    case .array: "[]"
    case .object: "{}"
    }
  }

  /// YAML 1.1 knows no `1e+20`: there a number with an exponent needs a point.
  private static func number(_ value: Double) -> String {
    guard value.isFinite else { return value.isNaN ? ".nan" : value < 0 ? "-.inf" : ".inf" }
    let text = "\(value)"
    guard let mark = text.firstIndex(of: "e"), !text.contains(".") else { return text }
    return text[..<mark] + ".0" + text[mark...]
  }

  /// Words that some reader takes for a truth value or nothing.
  private static let reserved: Set<String> = [
    "y", "n", "yes", "no", "on", "off", "true", "false", "null",
  ]

  private static func key(_ name: String) -> String {
    let isPlain =
      name.utf8.first.map { isLetter($0) } ?? false
      && name.utf8.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) || $0 == 0x5f }
    return isPlain && !reserved.contains(name.lowercased()) ? name : quoted(name)
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
  }

  private static func quoted(_ text: String) -> String {
    text.unicodeScalars.reduce(into: "\"") { result, scalar in
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      default:
        if isPrintable(scalar.value) && !isControl(scalar) {
          result.unicodeScalars.append(scalar)
        } else {
          let digits = String(scalar.value, radix: 16)
          result += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
        }
      }
    } + "\""
  }

  /// YAML 1.2 §5.1, less the line ends of YAML 1.1, the byte order mark and the marks that reorder
  /// what a terminal shows. All others are below U+10000.
  private static func isPrintable(_ value: UInt32) -> Bool {
    switch value {
    case 0x2028, 0x2029, 0xfeff, 0xfffe, 0xffff: false
    default: true
    }
  }
}
