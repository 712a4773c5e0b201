import ArgumentParser

/// `iml target …`
package struct TargetVerbs: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "target", abstract: "The targets: MGT, MDTs and OSTs.",
    subcommands: [TargetListVerb.self, TargetShowVerb.self, TargetForgetVerb.self])
  package init() {}
}
