import AgentCore
import ArgumentParser
import Glibc
import Protocol

/// `iml-agent inspect`
package struct InspectCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Read this server once and show all that was found.")

  package enum Output: String, ExpressibleByArgument, CaseIterable, Sendable { case text, json }

  @OptionGroup package var place: PlaceOptions

  @Option(name: [.customShort("o"), .long], help: "How to print: text or json.")
  package var output = Output.text

  @Option(
    parsing: .upToNextOption,
    help: "Only these collectors or sections, for example ost lnet.")
  package var only: [String] = []

  package init() {}

  package func validate() throws {
    do {
      _ = try collectors(named: only)
    } catch let error as DiagnosticError {
      let diagnostic = error.diagnostic
      throw ValidationError(
        "--only \(diagnostic.subject): \(diagnostic.reason). \(diagnostic.remedy)")
    }
  }

  package func run() throws {
    var inspection = try inspect(root: place.root, only: only)
    // The name that its manager knows it by, where an agent is enrolled.
    let enrolled = try? AgentFiles(directory: place.stateDir).settings()
    inspection.server.hostname =
      place.hostname ?? enrolled?.hostname ?? inspection.server.hostname
    switch output {
    case .json: try AgentMain.say(try inspection.json())
    case .text: try AgentMain.say(inspection.text())
    }
  }
}
