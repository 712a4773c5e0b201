import ArgumentParser
import ManagerCore

/// `iml server list`
struct ServerListVerb: ReadingVerb {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the servers.")
  @Argument(
    help: ArgumentHelp(
      "Only these: host names or ids, or a list such as oss[01-16,20].", valueName: "name"),
    completion: .live(.servers))
  var names: [NameArgument] = []
  @OptionGroup var exclusion: ExclusionOptions
  @OptionGroup var watching: WatchOptions
  @OptionGroup var options: ConnectionOptions

  func ask(_ manager: ManagerClient) async throws -> Answer {
    let selection = try options.selection(names, without: exclusion.lists)
    let servers = try await manager.get([ServerSummary].self, Route("servers"))
    return Answer(
      list: try selection.narrow(servers.elements(), .server, names: \.names),
      hint: servers.isEmpty
        ? "No server is enrolled: make a token with `iml server token create`, then run"
          + " `iml-agent enroll` on each server." : "No server is left of the list."
    ) { ServerTable.render($0, $1) }
  }
}
