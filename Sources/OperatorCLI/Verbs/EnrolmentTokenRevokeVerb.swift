import ArgumentParser

/// `iml server token revoke ID`
struct EnrolmentTokenRevokeVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke", abstract: "Revoke an enrolment token.",
    discussion: "Servers that enrolled with it keep their certificates.")
  @Argument(help: "The token's id.") var id: NameArgument
  @OptionGroup var options: ConnectionOptions

  mutating func run() async throws {
    let answer = try await options.client.change(.delete, Route("enrolment-tokens", id.text))
    let sentence = "Enrolment token \(printable(id.text)) is revoked.\n"
    try options.show(answer) { _, _ in sentence }
  }
}
