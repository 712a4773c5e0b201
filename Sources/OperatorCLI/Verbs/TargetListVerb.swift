import ArgumentParser
import ManagerCore

/// `iml target list`
struct TargetListVerb: ReadingVerb {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the targets.")
  @Option(
    name: .customLong("fs"),
    help: ArgumentHelp("Only those of this file system.", valueName: "name"))
  var fileSystem: NameArgument?
  @OptionGroup var options: ConnectionOptions

  func ask(_ manager: ManagerClient) async throws -> Answer {
    let targets = try await manager.get(
      [TargetSummary].self, Route("targets").with("fs", fileSystem?.text))
    return Answer(
      list: targets.elements(),
      hint: fileSystem.map { "No target of \(printable($0.text)) is known; see `iml fs list`." }
        ?? "No target is known: they appear when a server that serves one reports.",
      table: TargetTable.render)
  }
}
