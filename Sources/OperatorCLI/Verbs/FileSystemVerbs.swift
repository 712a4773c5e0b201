import ArgumentParser

/// `iml fs …`
package struct FileSystemVerbs: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "fs", abstract: "The file systems.",
    subcommands: [FileSystemListVerb.self, FileSystemShowVerb.self])
  package init() {}
}
