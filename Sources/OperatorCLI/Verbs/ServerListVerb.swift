import ArgumentParser
import ManagerCore

/// `iml server list`
struct ServerListVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the servers.")
  @OptionGroup var options: ConnectionOptions

  mutating func run() async throws {
    let servers = try await options.client.get([ServerSummary].self, Route("servers"))
    try options.show(servers) { ServerTable.render($0.elements(), $1) }
    if servers.view.isEmpty {
      options.hint(
        "No server is enrolled: make a token with `iml server token create`, then run"
          + " `iml-agent enroll` on each server.")
    }
  }
}
