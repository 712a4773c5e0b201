import ArgumentParser

/// `iml server …`
package struct ServerVerbs: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "server", abstract: "The servers and their enrolment.",
    subcommands: [
      ServerListVerb.self, ServerShowVerb.self, EnrolmentTokenVerbs.self, ServerRevokeVerb.self,
      ServerForgetVerb.self,
    ])
  package init() {}
}
