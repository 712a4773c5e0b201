import ArgumentParser
import ManagerCore

/// `iml target forget LABEL`
struct TargetForgetVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forget", abstract: "Forget a target that is no more.",
    discussion: "Refused as long as a server tells of it. Its history is kept.")
  @Argument(
    help: ArgumentHelp(
      "Label or id, or a list such as fs1-OST[0000-0003].", valueName: "label"),
    completion: .live(.targets))
  var names: [NameArgument]
  @OptionGroup var exclusion: ExclusionOptions
  @OptionGroup var confirmation: ConfirmationOptions
  @OptionGroup var options: ConnectionOptions

  mutating func run() async throws {
    let change = try await NamedChange(
      options.selection(names, without: exclusion.lists), .target, options)
    let warning =
      change.isOne
      ? "The manager drops \(change.names) from its lists until a server tells of it again."
        + " Nothing is changed on any server."
      : "The manager drops these \(change.count) targets from its lists until a server tells of them"
        + " again. Nothing is changed on any server: \(change.names)"
    try confirmation.demand(
      typing: change.names, for: "forgetting \(change.isOne ? "it" : "them")", warning: warning)
    try await change.make(.delete, { Route("targets", $0) }, hint: nil) {
      "\($0.names) \($0.isOne ? "is" : "are") forgotten."
    }
  }
}
