import ArgumentParser
import Glibc
import NodeAgent

@main
struct Entry: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "iml-agent",
    abstract: "The Integrated Manager for Lustre's agent on a Lustre server.",
    version: AgentService.version, subcommands: AgentMain.commands)

  static func main() async {
    Glibc.exit(await AgentMain.run(Entry.self, Array(CommandLine.arguments.dropFirst())))
  }
}
