import ArgumentParser

/// `iml server forget NAME`
struct ServerForgetVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forget", abstract: "Forget a server that will not come back.")
  @Argument(help: "Host name or id.") var name: NameArgument
  @OptionGroup var confirmation: ConfirmationOptions
  @OptionGroup var options: ConnectionOptions

  mutating func run() async throws {
    try confirmation.demand(
      typing: name.text, for: "forgetting it",
      warning: "The manager drops what it knows of \(name.text) and refuses its agent from now on."
        + " Nothing is changed on the server itself.")
    let answer = try await options.client().change(.delete, Route("servers", name.text))
    try options.show(Answer(change: answer, "\(name.text) is forgotten."))
  }
}
