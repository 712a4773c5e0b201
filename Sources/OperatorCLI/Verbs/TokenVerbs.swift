import ArgumentParser

/// `iml token …`
package struct TokenVerbs: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "token", abstract: "Bearer tokens for the HTTPS API.",
    subcommands: [TokenCreateVerb.self, TokenListVerb.self, TokenRevokeVerb.self])
  package init() {}
}
