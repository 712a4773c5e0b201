import ArgumentParser

/// The words of a command line, with the options that every verb takes moved behind the verb:
/// `iml --state-dir D status` is as good as `iml status --state-dir D`.
struct CommandLineWords {
  /// The arguments in the order that the parser takes.
  let ordered: [String]
  /// The subcommands that were named, for messages.
  let subcommands: [String]
  /// A word where only a subcommand can stand, and that is none.
  let unknownSubcommand: String?
  /// Nothing follows the name of a group but options that stand before a verb.
  let lacksVerb: Bool
  /// The shape of output that the line asks for, known even where the rest can not be parsed.
  let output: OutputFormat?

  private static let connectionOptions: Set<String> = [
    "--state-dir", "--socket", "--manager", "--token-file", "--ca", "--ca-pin",
  ]
  /// Those that may stand before the verb.
  static let optionsWithValue = connectionOptions.union(["-o", "--output", "--color"])

  init(root: any ParsableCommand.Type, arguments: [String]) {
    var rest = arguments[...]
    var level = root
    var names: [String] = []
    var moved: [String] = []
    while let word = rest.first {
      if CommandLineWords.optionsWithValue.contains(word) {
        moved += rest.prefix(2)
        rest = rest.dropFirst(2)
      } else if CommandLineWords.holdsItsValue(word) {
        moved.append(word)
        rest = rest.dropFirst()
      } else if let next = CommandLineWords.subcommand(word, of: level) {
        level = next
        names.append(word)
        rest = rest.dropFirst()
      } else {
        break
      }
    }
    subcommands = names
    let isGroup = !level.configuration.subcommands.isEmpty
    unknownSubcommand = rest.first.flatMap { word in
      isGroup && !word.hasPrefix("-") && word != "help" ? word : nil
    }
    lacksVerb = isGroup && rest.isEmpty
    ordered = CommandLineWords.bound(names + moved + rest)
    output = CommandLineWords.format(in: ordered)
  }

  /// The first word of an unfinished line, without the program, that is no option and no value of one.
  static func verb(in words: ArraySlice<String>) -> String? {
    var rest = words
    while let word = rest.popFirst() {
      if optionsWithValue.contains(word) {
        rest = rest.dropFirst()
      } else if !word.hasPrefix("-") {
        return word
      }
    }
    return nil
  }

  /// The words of an unfinished line that tell where the manager is, wherever they stand.
  static func connection(in words: [String]) -> [String] {
    let words = words.prefix { $0 != "--" }
    return zip(words, words.dropFirst()).flatMap { word, next in
      connectionOptions.contains(word) ? [word, next] : []
    }
      + words.filter { word in
        connectionOptions.contains { word.hasPrefix($0 + "=") }
      }
  }

  /// `--watch` takes the next word only when that is written as a span, were it one that is refused: else it
  /// may be a name.
  private static func bound(_ words: [String]) -> [String] {
    var bound: [String] = []
    var rest = words[...]
    while let word = rest.popFirst(), word != "--" {
      guard word == "--watch" else {
        bound.append(word)
        continue
      }
      let isSpan = rest.first.map { next in
        let digits = next.prefix { ("0"..."9").contains($0) }
        let unit = next.dropFirst(digits.count)
        return !digits.isEmpty && ["s", "m", "h", "d", "w", "ms", "us", "ns"].contains(unit)
      }
      bound.append(
        "--watch="
          + (isSpan == true ? rest.removeFirst() : WatchOptions.usual.defaultValueDescription))
    }
    return bound + words.suffix(words.count - words.prefix { $0 != "--" }.count)
  }

  /// The last one that was asked for, as the parser has it.
  private static func format(in words: [String]) -> OutputFormat? {
    let words = words.prefix { $0 != "--" }
    var found: OutputFormat?
    for (word, next) in zip(words, words.dropFirst() + [""]) {
      let value: Substring? =
        switch word {
        case "-o", "--output": next[...]
        case _ where word.hasPrefix("--output="): word.dropFirst("--output=".count)
        case _ where word.hasPrefix("-o"): word.dropFirst(2)
        default: nil
        }
      if let value { found = OutputFormat(rawValue: String(value)) ?? found }
    }
    return found
  }

  /// `--socket=PATH`, `-ojson`.
  private static func holdsItsValue(_ word: String) -> Bool {
    optionsWithValue.contains {
      $0.hasPrefix("--") ? word.hasPrefix($0 + "=") : word.hasPrefix($0) && word.count > $0.count
    }
  }

  private static func subcommand(_ word: String, of command: any ParsableCommand.Type)
    -> (any ParsableCommand.Type)?
  {
    command.configuration.subcommands.first {
      $0._commandName == word || $0.configuration.aliases.contains(word)
    }
  }
}
