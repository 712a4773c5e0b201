import AgentCore
import ArgumentParser
import Glibc
import Protocol

/// `iml-agent inspect`
package struct InspectCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Read this server once and show all that was found.")

  package enum Output: String, ExpressibleByArgument, CaseIterable, Sendable { case text, json }

  @Option(help: "Read this tree instead of the live server.")
  package var root = "/"

  @Option(name: [.customShort("o"), .long], help: "How to print: text or json.")
  package var output = Output.text

  @Option(
    parsing: .upToNextOption,
    help: "Only these collectors or sections, for example ost lnet.")
  package var only: [String] = []

  package init() {}

  package func run() throws {
    let inspection = try inspect(root: root, only: only)
    switch output {
    case .json: print(try inspection.json())
    case .text: print(inspection.text())
    }
  }
}
