import ArgumentParser

/// `iml token revoke ID`
struct TokenRevokeVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke", abstract: "Revoke a bearer token.")
  @Argument(help: "The token's id.", completion: .live(.apiTokens)) var id: NameArgument
  @OptionGroup var consent: NeedlessConsent
  @OptionGroup var options: ConnectionOptions

  mutating func run() async throws {
    let answer = try await options.client().change(.delete, Route("tokens", id.text))
    try options.show(Answer(change: answer, "Token \(id.text) is revoked."))
  }
}
