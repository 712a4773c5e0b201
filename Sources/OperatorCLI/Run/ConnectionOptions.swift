import ArgumentParser

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

  @Option(name: [.customShort("o", allowingJoined: true), .long], help: "How to print.")
  package var output: OutputFormat = .table

  @Option(help: "When to paint: auto does on a terminal, unless $NO_COLOR is set.")
  package var color: ColourChoice = .auto

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

  /// How a person's output looks.
  var style: Style {
    var style = Console.current.style
    switch color {
    case .auto: break
    case .always: style.hasColour = true
    case .never: style.hasColour = false
    }
    return style
  }

  /// Prints an answer in the shape that was asked for; scripts get no hint.
  func show(_ answer: Answer) throws {
    let console = Console.current
    console.write(
      try answer.text(output, style, isTerminal: console.isOutputTerminal))
    if output == .table, let hint = answer.hint { console.complain(hint + "\n") }
  }
}
