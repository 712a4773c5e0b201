/// One command's page of section 1, made from what the command says of itself.
struct ManualPage {
  let command: CommandDump
  /// The words before it: `iml server`.
  let parents: [String]
  let version: String
  /// `2026-08-01`
  let date: String

  private var words: [String] { parents + [command.commandName] }
  private var typed: String { words.joined(separator: " ") }
  /// `iml-server-show`
  var name: String { words.joined(separator: "-") }

  var text: String {
    [
      ".TH \(Roff.escaped(name.uppercased())) 1 \"\(date)\" \"\(words[0]) \(version)\"\n",
      Roff.section("NAME"), "\(Roff.escaped(name)) \\- \(Roff.text(abstract))",
      Roff.section("SYNOPSIS"), synopsis,
      command.discussion.map { Roff.section("DESCRIPTION") + Roff.text($0) } ?? "",
      commands, arguments(["positional"], "ARGUMENTS"), arguments(["option", "flag"], "OPTIONS"),
      parents.isEmpty ? ProgramSections.text : "", Roff.section("SEE ALSO"), seeAlso,
    ].joined()
  }

  /// The sentence without its point, as indexes want it.
  private var abstract: String {
    let text = command.abstract ?? typed
    return text.hasSuffix(".") ? String(text.dropLast()) : text
  }

  private var synopsis: String {
    guard command.verbs.isEmpty else {
      return "\(Roff.bold(typed)) \(Roff.italic("command")) [\(Roff.italic("option"))...]\n"
    }
    let shown = (command.arguments ?? []).filter(\.shouldDisplay)
    var parts = [Roff.bold(typed)]
    if shown.contains(where: { $0.kind != "positional" && $0.isOptional }) {
      parts.append("[\(Roff.italic("option"))...]")
    }
    for option in shown where option.kind == "option" && !option.isOptional {
      parts.append(ManualPage.head(option))
    }
    for argument in shown where argument.kind == "positional" {
      let value = Roff.italic(argument.valueName ?? "value") + (argument.isRepeating ? "..." : "")
      parts.append(argument.isOptional ? "[\(value)]" : value)
    }
    return parts.joined(separator: " ") + "\n"
  }

  private var commands: String {
    guard !command.verbs.isEmpty else { return "" }
    return Roff.section("COMMANDS")
      + command.verbs.map { verb in
        Roff.item(Roff.bold("\(typed) \(verb.commandName)"), verb.abstract ?? "")
      }.joined()
  }

  private func arguments(_ kinds: [String], _ title: String) -> String {
    let shown = (command.arguments ?? []).filter { $0.shouldDisplay && kinds.contains($0.kind) }
    guard !shown.isEmpty else { return "" }
    return Roff.section(title)
      + shown.map { Roff.item(ManualPage.head($0), ManualPage.body($0)) }.joined()
  }

  private static func head(_ argument: CommandDump.Argument) -> String {
    let value = argument.valueName ?? "value"
    guard let names = argument.names, argument.kind != "positional" else {
      return Roff.italic(value)
    }
    // The short name first, as everyone lists them.
    let sorted = names.sorted { $0.typed.utf8.count < $1.typed.utf8.count }
    let typed = sorted.map { Roff.bold($0.typed) }.joined(separator: ", ")
    return argument.kind == "option" ? "\(typed) \(Roff.italic(value))" : typed
  }

  private static func body(_ argument: CommandDump.Argument) -> String {
    let values = argument.allValues.map { "One of \($0.joined(separator: ", "))." }
    let usual = argument.defaultValue.flatMap { $0.isEmpty ? nil : "Default: \($0)." }
    let words = [argument.abstract, argument.discussion, values, usual]
    return words.compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: " ")
  }

  private var seeAlso: String {
    let below = command.verbs.map { (words + [$0.commandName]).joined(separator: "-") }
    let above = parents.indices.map { parents[...$0].joined(separator: "-") }
    let pages = (above + below).map { "\(Roff.bold($0))(1)" }
    return pages.joined(separator: ",\n") + "\n"
  }

  /// The pages of a command and of all below it.
  static func all(
    _ command: CommandDump, below parents: [String] = [], version: String, date: String
  ) -> [ManualPage] {
    [ManualPage(command: command, parents: parents, version: version, date: date)]
      + command.verbs.flatMap {
        all($0, below: parents + [command.commandName], version: version, date: date)
      }
  }
}
