import ArgumentParser

/// `iml server token …`
struct EnrolmentTokenVerbs: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "token", abstract: "Tokens with which servers enrol.",
    subcommands: [
      EnrolmentTokenCreateVerb.self, EnrolmentTokenListVerb.self, EnrolmentTokenRevokeVerb.self,
    ])
}
