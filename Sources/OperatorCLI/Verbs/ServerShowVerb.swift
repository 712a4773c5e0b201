import ArgumentParser
import ManagerCore

/// `iml server show NAME`
struct ServerShowVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show one server.",
    discussion: "Exit code 5 unless it is healthy.")
  @Argument(help: "Host name or id.") var name: NameArgument
  @OptionGroup var options: ConnectionOptions

  mutating func run() async throws {
    let server = try await options.client.get(ServerDetail.self, Route("servers", name.text))
    let now = Console.current.now()
    try options.show(server) { ServerPage.render($0, now: now, $1) }
    try Soundness.report(Soundness.isSound(server.view))
  }
}
