import ArgumentParser
import ManagerCore
import Protocol

/// Shapes of output.
package enum OutputFormat: String, CaseIterable, ExpressibleByArgument, Sendable {
  case table, json
}

/// What every verb takes: where the manager is, and how to print.
package struct ConnectionOptions: ParsableArguments {
  @Option(
    name: .customLong("state-dir"),
    help: ArgumentHelp(
      "The manager's state directory, with its socket; else $IML_STATE_DIR.", valueName: "dir"))
  package var stateDirectory: String?

  @Option(
    help: ArgumentHelp(
      "The manager's socket; else $IML_SOCKET, else \(ConnectionOptions.defaultSocket).",
      valueName: "path"))
  package var socket: String?

  @Option(name: .shortAndLong, help: "How to print.")
  package var output: OutputFormat = .table

  package init() {}

  package mutating func validate() throws {
    if stateDirectory != nil, socket != nil {
      throw ValidationError("Give --state-dir or --socket, not both.")
    }
    if stateDirectory == "" || socket == "" {
      throw ValidationError("--state-dir and --socket need a path.")
    }
  }

  static let defaultSocket = "/run/iml/manager.sock"

  /// An option wins over the environment, and there the socket over the directory.
  func socketPath(_ environment: [String: String]) -> String {
    func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    func inside(_ directory: String) -> String {
      directory.hasSuffix("/") ? "\(directory)manager.sock" : "\(directory)/manager.sock"
    }
    return socket ?? stateDirectory.map(inside) ?? value("IML_SOCKET")
      ?? value("IML_STATE_DIR").map(inside) ?? ConnectionOptions.defaultSocket
  }

  var client: ManagerClient {
    let console = Console.current
    return ManagerClient(
      socket: socketPath(console.environment), timeout: console.timeout)
  }

  /// Prints a reply: complete as JSON, or as `table` draws it.
  func show<View: Sendable>(_ reply: Reply<View>, table: (Reply<View>, Style) -> String) throws {
    let console = Console.current
    switch output {
    case .json:
      console.write(String(decoding: try CanonicalJSON.encode(reply.raw), as: UTF8.self) + "\n")
    case .table: console.write(table(reply, console.style))
    }
  }

  /// A word to the person at a table, beside what is printed; scripts that read JSON get none.
  func hint(_ text: String) {
    if output == .table { Console.current.complain(text + "\n") }
  }
}
