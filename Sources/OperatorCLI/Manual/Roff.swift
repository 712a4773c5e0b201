/// Text for man(7), as groff and mandoc read it.
enum Roff {
  /// Running text: what stands between backquotes is bold, each line of it stands alone, and an
  /// empty line begins a paragraph.
  static func text(_ text: String) -> String {
    let paragraphs = text.split(separator: "\n\n").map { paragraph in
      paragraph.split(separator: "\n").map { lines(marked(String($0))) }.joined(
        separator: "\n.br\n")
    }
    return paragraphs.joined(separator: "\n.PP\n") + "\n"
  }

  static func bold(_ text: String) -> String { "\\fB\(escaped(text))\\fR" }
  static func italic(_ text: String) -> String { "\\fI\(escaped(text))\\fR" }

  /// No character of it means anything to roff; hyphens can be copied into a shell.
  static func escaped(_ text: String) -> String {
    text.unicodeScalars.reduce(into: "") { result, scalar in
      switch scalar {
      case "\\": result += "\\e"
      case "-": result += "\\-"
      case "'": result += "\\(aq"
      case "\"": result += "\\(dq"
      case "^": result += "\\(ha"
      case "~": result += "\\(ti"
      case "`": result += "\\(ga"
      default: result.unicodeScalars.append(scalar)
      }
    }
  }

  private static func marked(_ text: String) -> String {
    text.split(separator: "`", omittingEmptySubsequences: false).enumerated().map { index, part in
      index % 2 == 0 ? escaped(String(part)) : bold(String(part))
    }.joined()
  }

  /// As long as sources of pages are meant to be at most.
  private static let columnsMax = 78

  /// A point at the beginning of a line would be a request.
  private static func lines(_ text: String) -> String {
    wrap(text, to: columnsMax).map { $0.hasPrefix(".") ? "\\&" + $0 : $0 }.joined(separator: "\n")
  }

  static func section(_ title: String) -> String { ".SH \(title)\n" }

  /// A word with its explanation below.
  static func item(_ head: String, _ body: String) -> String { ".TP\n\(head)\n\(text(body))" }
}
