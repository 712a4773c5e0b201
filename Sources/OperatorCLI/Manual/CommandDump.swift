import ArgumentParser
import FoundationEssentials

/// What a program says of its own commands: the part of ArgumentParser's description of itself
/// (`--experimental-dump-help`, version 0) that a manual needs.
struct CommandDump: Decodable, Sendable {
  var commandName: String
  var abstract: String?
  var discussion: String?
  var subcommands: [CommandDump]?
  var arguments: [Argument]?

  struct Argument: Decodable, Sendable {
    var kind: String
    var shouldDisplay: Bool
    var isOptional: Bool
    var isRepeating: Bool
    var names: [Name]?
    var valueName: String?
    var defaultValue: String?
    var allValues: [String]?
    var abstract: String?
    var discussion: String?
  }

  struct Name: Decodable, Sendable {
    var kind: String
    var name: String
    /// As it is typed.
    var typed: String { (kind == "long" ? "--" : "-") + name }
  }

  private struct File: Decodable {
    var serializationVersion: Int
    var command: CommandDump
  }

  static func of(_ root: any AsyncParsableCommand.Type) async throws -> CommandDump {
    do {
      _ = try await root.asyncParseAsRoot(["--experimental-dump-help"])
    } catch {
      let file = try JSONDecoder().decode(File.self, from: Data(root.fullMessage(for: error).utf8))
      guard file.serializationVersion == 0 else { throw Unknown() }
      return file.command
    }
    throw Unknown()
  }

  /// The library describes itself in another way than this reads.
  struct Unknown: Error {}

  /// Sections of help that the library adds are no commands of ours.
  var verbs: [CommandDump] { (subcommands ?? []).filter { $0.commandName != "help" } }
}
