import ArgumentParser
import Demo
import Glibc
import Manager
import OperatorCLI

@main
struct Entry: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "iml", abstract: "The Integrated Manager for Lustre.",
    version: ManagerService.version,
    subcommands: OperatorVerbs.subcommands + [ServeCommand.self, DemoCommand.self]
      + OperatorVerbs.aboutTheProgram)

  static func main() async {
    Glibc.exit(await runMain(Entry.self, arguments: Array(CommandLine.arguments.dropFirst())))
  }
}
