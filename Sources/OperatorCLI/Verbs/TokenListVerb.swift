import ArgumentParser
import ManagerCore

/// `iml token list`
struct TokenListVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the bearer tokens, without their secrets.")
  @OptionGroup var options: ConnectionOptions

  mutating func run() async throws {
    let tokens = try await options.client.get([APITokenView].self, Route("tokens"))
    let now = Console.current.now()
    try options.show(tokens) { APITokenTable.render($0.elements(), now: now, $1) }
    if tokens.view.isEmpty {
      options.hint("No token: make one with `iml token create --role viewer`.")
    }
  }
}
