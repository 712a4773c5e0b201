import ArgumentParser
import ManagerCore

/// `iml target list`
struct TargetListVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the targets.")
  @Option(
    name: .customLong("fs"),
    help: ArgumentHelp("Only those of this file system.", valueName: "name"))
  var fileSystem: NameArgument?
  @OptionGroup var options: ConnectionOptions

  mutating func run() async throws {
    let targets = try await options.client.get(
      [TargetSummary].self, Route("targets").with("fs", fileSystem?.text))
    try options.show(targets) { TargetTable.render($0.elements(), $1) }
    if targets.view.isEmpty {
      options.hint(
        fileSystem.map { "No target of \($0.text) is known; see `iml fs list`." }
          ?? "No target is known: they appear when a server that serves one reports.")
    }
  }
}
