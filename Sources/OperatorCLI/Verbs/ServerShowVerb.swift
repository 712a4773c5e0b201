import ArgumentParser
import ManagerCore

/// `iml server show NAME`
struct ServerShowVerb: ReadingVerb {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show one server.",
    discussion: "Exit code 5 unless it is healthy.")
  @Argument(help: "Host name or id.") var name: NameArgument
  @OptionGroup var options: ConnectionOptions

  func ask(_ manager: ManagerClient) async throws -> Answer {
    let server = try await manager.get(ServerDetail.self, Route("servers", name.text))
    let now = Console.current.now()
    return Answer(server, isSound: Soundness.isSound(server.view)) {
      ServerPage.render($0, now: now, $1)
    }
  }
}
