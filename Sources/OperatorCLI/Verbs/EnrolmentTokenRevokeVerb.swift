import ArgumentParser

/// `iml server token revoke ID`
struct EnrolmentTokenRevokeVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke", abstract: "Revoke an enrolment token.",
    discussion: "Servers that enrolled with it keep their certificates.")
  @Argument(help: "The token's id.", completion: .live(.enrolmentTokens)) var id: NameArgument
  @OptionGroup var consent: NeedlessConsent
  @OptionGroup var options: ConnectionOptions

  mutating func run() async throws {
    let answer = try await options.client().change(.delete, Route("enrolment-tokens", id.text))
    try options.show(Answer(change: answer, "Enrolment token \(id.text) is revoked."))
  }
}
