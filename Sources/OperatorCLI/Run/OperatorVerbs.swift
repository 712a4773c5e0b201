import ArgumentParser

/// The operators' verbs, for the program that lists them beside its own.
package enum OperatorVerbs {
  package static let subcommands: [any ParsableCommand.Type] = [
    StatusVerb.self, ServerVerbs.self, FileSystemVerbs.self, TargetVerbs.self, MetricsVerbs.self,
    JobVerbs.self,
    TokenVerbs.self,
  ]

  /// Verbs about the program itself; they ask no manager.
  package static let aboutTheProgram: [any ParsableCommand.Type] = [
    CompletionVerb.self, ManualVerb.self,
  ]
}
