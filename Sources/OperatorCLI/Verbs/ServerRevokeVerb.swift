import ArgumentParser

/// `iml server revoke NAME`
struct ServerRevokeVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke", abstract: "Revoke a server's certificate and cut its session.")
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
    try confirmation.demand(
      typing: change.names, for: "revoking \(change.isOne ? "its certificate" : "them")",
      warning: change.isOne
        ? "The session of \(change.names) ends now, and its certificate is never accepted again:"
          + " until it is enrolled anew, what happens there is not seen. Its targets go on serving."
        : "The sessions of these \(change.count) servers end now, and their certificates are never"
          + " accepted again: until they are enrolled anew, what happens there is not seen. Their"
          + " targets go on serving: \(change.names)")
    try await change.make(
      .post, { Route("servers", $0, "revoke") },
      hint: "To take \(change.isOne ? "the server" : "them") back: `iml server token create`, then"
        + " `iml-agent enroll` there."
    ) { "The certificate\($0.isOne ? "" : "s") of \($0.names) \($0.isOne ? "is" : "are") revoked." }
  }
}
