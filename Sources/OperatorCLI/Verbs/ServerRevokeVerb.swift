import ArgumentParser

/// `iml server revoke NAME`
struct ServerRevokeVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke", abstract: "Revoke a server's certificate and cut its session.")
  @Argument(help: "Host name or id.") var name: NameArgument
  @OptionGroup var confirmation: ConfirmationOptions
  @OptionGroup var options: ConnectionOptions

  mutating func run() async throws {
    try confirmation.demand(
      typing: name.text, for: "revoking its certificate",
      warning: "The session of \(name.text) ends now, and its certificate is never accepted again:"
        + " until it is enrolled anew, what happens there is not seen. Its targets go on serving.")
    let answer = try await options.client().change(.post, Route("servers", name.text, "revoke"))
    try options.show(
      Answer(
        change: answer,
        hint: "To take the server back: `iml server token create`, then `iml-agent enroll` there.",
        "The certificate of \(name.text) is revoked."))
  }
}
