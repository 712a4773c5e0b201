/// How output looks, beside its words: those alone always carry the meaning.
package struct Style: Hashable, Sendable {
  package var hasColour: Bool
  /// The locale is UTF-8: block characters can be drawn.
  package var hasBlocks: Bool
  /// Columns to stay within where words can be wrapped.
  package var width: Int
  package init(hasColour: Bool = false, hasBlocks: Bool = false, width: Int = Style.plainWidth) {
    self.hasColour = hasColour
    self.hasBlocks = hasBlocks
    self.width = width
  }

  /// Of files and pipes, and of the narrowest terminal in common use: tables are designed for it.
  package static let plainWidth = 80

  /// Narrower than 60 nothing but one word a line would be left; wider than 200 nobody reads.
  static func bounded(_ columns: Int) -> Int { min(max(columns, 60), 200) }

  /// `text` as something past, where there is colour.
  func faint(_ text: String) -> String {
    hasColour && !text.isEmpty ? "\u{1b}[2m\(text)\u{1b}[0m" : text
  }

  /// `text` in the tone's colour, where there is colour.
  func paint(_ text: String, _ tone: Tone) -> String {
    guard hasColour, !text.isEmpty, let code = tone.code else { return text }
    return "\u{1b}[\(code)m\(text)\u{1b}[0m"
  }
}

/// What a word means for the reader.
package enum Tone: Hashable, Sendable {
  case plain, good, attention, bad, alarm, uncertain

  fileprivate var code: String? {
    switch self {
    case .plain: nil
    case .good: "32"
    case .attention: "33"
    case .bad: "31"
    case .alarm: "1;37;41"
    case .uncertain: "35"
    }
  }

  /// The tone of a state's word, of whichever enumeration; a word that nobody knows is uncertain.
  init(word: String) {
    self =
      switch word {
      case "healthy", "connected", "available", "mounted", "yes": .good
      case "degraded", "suspect", "recovering", "warning": .attention
      case "unhealthy", "lost", "unavailable", "error", "revoked", "expired": .bad
      case "twice", "emergency": .alarm
      case "info", "unmounted", "stopped", "active", "used up": .plain
      default: .uncertain
      }
  }
}
