import ArgumentParser

/// `iml job …`
package struct JobVerbs: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "job", abstract: "What the users' jobs do.", subcommands: [JobTopVerb.self])
  package init() {}
}
