import ArgumentParser
import ManagerCore

/// `iml server show NAME`
struct ServerShowVerb: ReadingVerb {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show one server.",
    discussion: "Exit code 5 unless it is healthy.")
  @Argument(
    help: ArgumentHelp(
      "Host name or id, or a list such as oss[01-16,20].", valueName: "name"),
    completion: .live(.servers))
  var names: [NameArgument]
  @OptionGroup var exclusion: ExclusionOptions
  @OptionGroup var watching: WatchOptions
  @OptionGroup var options: ConnectionOptions

  func ask(_ manager: ManagerClient) async throws -> Answer {
    let selection = try options.selection(names, without: exclusion.lists)
    if let plain = selection.plain { return try await one(plain, manager) }
    let known = try await manager.get([ServerSummary].self, Route("servers"))
    try selection.check(.server, known: Set(known.view.flatMap(\.names)))
    var answers: [Answer] = []
    for name in selection.names ?? [] { answers.append(try await one(name, manager)) }
    return Answer(joining: answers)
  }

  private func one(_ name: String, _ manager: ManagerClient) async throws -> Answer {
    let server = try await manager.get(ServerDetail.self, Route("servers", name))
    let now = Console.current.now()
    return Answer(server, isSound: Soundness.isSound(server.view)) {
      ServerPage.render($0, now: now, $1)
    }
  }
}
