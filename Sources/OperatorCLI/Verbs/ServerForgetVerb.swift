import ArgumentParser

/// `iml server forget NAME`
struct ServerForgetVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forget", abstract: "Forget a server that will not come back.")
  @Argument(
    help: ArgumentHelp("Host name or id, or a list such as oss[01-16,20].", valueName: "name"),
    completion: .live(.servers))
  var names: [NameArgument]
  @OptionGroup var exclusion: ExclusionOptions
  @OptionGroup var confirmation: ConfirmationOptions
  @OptionGroup var options: ConnectionOptions

  mutating func run() async throws {
    let change = try await NamedChange(
      options.selection(names, without: exclusion.lists), .server, options)
    let warning =
      change.isOne
      ? "The manager drops what it knows of \(change.names) and refuses its agent from now on: what"
        + " still runs there is not seen any more. Nothing is changed on the server itself."
      : "The manager drops what it knows of these \(change.count) servers and refuses their agents"
        + " from now on: what still runs there is not seen any more. Nothing is changed on the servers themselves: \(change.names)"
    try confirmation.demand(
      typing: change.names, for: "forgetting \(change.isOne ? "it" : "them")", warning: warning)
    try await change.make(.delete, { Route("servers", $0) }, hint: nil) {
      "\($0.names) \($0.isOne ? "is" : "are") forgotten."
    }
  }
}
