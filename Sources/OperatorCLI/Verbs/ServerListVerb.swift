import ArgumentParser
import ManagerCore

/// `iml server list`
struct ServerListVerb: ReadingVerb {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the servers.")
  @OptionGroup var options: ConnectionOptions

  func ask(_ manager: ManagerClient) async throws -> Answer {
    let servers = try await manager.get([ServerSummary].self, Route("servers"))
    return Answer(
      list: servers.elements(),
      hint: "No server is enrolled: make a token with `iml server token create`, then run"
        + " `iml-agent enroll` on each server."
    ) { ServerTable.render($0, $1) }
  }
}
