import ArgumentParser
import ManagerCore

/// `iml token list`
struct TokenListVerb: ReadingVerb {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the bearer tokens, without their secrets.")
  @OptionGroup var watching: WatchOptions
  @OptionGroup var options: ConnectionOptions

  func ask(_ manager: ManagerClient) async throws -> Answer {
    let tokens = try await manager.get([APITokenView].self, Route("tokens"))
    let now = Console.current.now()
    return Answer(
      list: tokens.elements(), hint: "No token: make one with `iml token create --role viewer`."
    ) { APITokenTable.render($0, now: now, $1) }
  }
}
