import ArgumentParser

/// `--yes` of a verb that takes away what is easily made again and so asks nothing: scripts may
/// give it to all verbs that take something away.
package struct NeedlessConsent: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Taken like elsewhere; nothing is asked here.")
  package var yes = false
  package init() {}
}

/// The consent that a verb which takes something away asks for.
package struct ConfirmationOptions: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Do not ask for a confirmation.")
  package var yes = false
  package init() {}

  /// Returns when the operator agreed: by `--yes`, or by typing `name` on a terminal.
  func demand(typing name: String, for deed: String, warning: String) throws {
    if yes { return }
    let console = Console.current
    guard console.isInputTerminal else {
      throw Complaint(
        .refused, subject: name, reason: "\(deed) needs a confirmation",
        remedy: "Add --yes, or run it on a terminal and confirm there.")
    }
    let lines = wrap(printable(warning), to: console.style.width)
    console.complain(lines.joined(separator: "\n") + "\n" + printable("Type \(name) to confirm: "))
    let answer = console.readLine() ?? ""
    guard answer.drop(while: { $0 == " " }) == name[...] else {
      throw Complaint(
        .refused, subject: name, reason: "not confirmed, nothing was changed",
        remedy: "Type the name exactly, or add --yes.")
    }
  }
}
