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

  @OptionGroup package var remote: RemoteOptions

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
    if remote.isNamed, stateDirectory != nil || socket != nil {
      throw ValidationError("Give --manager, or --socket or --state-dir, not both.")
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

  /// The line wins over the environment, and there a manager that is named over paths.
  func door(_ environment: [String: String]) throws -> Door {
    let isLocal = socket != nil || stateDirectory != nil
    let inherited = isLocal ? nil : environment["IML_MANAGER"].flatMap { $0.isEmpty ? nil : $0 }
    if let name = remote.manager ?? inherited { return try remote.door(name, environment) }
    if let stray = remote.stray {
      throw Complaint(
        .usage, subject: stray, reason: "it is for a manager on another host",
        remedy: "Give --manager too, or leave it out.")
    }
    return .socket(socketPath(environment))
  }

  /// The manager that these options and the environment name.
  func client(within limit: Duration? = nil) throws -> ManagerClient {
    let console = Console.current
    let timeout = limit.map { min($0, console.timeout) } ?? console.timeout
    return ManagerClient(try door(console.environment), timeout: timeout)
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
    try console.checkOutput(remedy: answer.ifUnwritten)
    if output == .csv {
      for line in answer.lacking { console.complain("iml: \(line)\n") }
    }
    if output == .table, let hint = answer.hint { console.complain(hint + "\n") }
  }
}
