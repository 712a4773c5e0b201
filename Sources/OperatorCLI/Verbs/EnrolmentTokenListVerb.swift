import ArgumentParser
import ManagerCore

/// `iml server token list`
struct EnrolmentTokenListVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the enrolment tokens, without their secrets.")
  @OptionGroup var options: ConnectionOptions

  mutating func run() async throws {
    let tokens = try await options.client.get(
      [EnrolmentTokenView].self, Route("enrolment-tokens"))
    let now = Console.current.now()
    try options.show(tokens) { EnrolmentTokenTable.render($0.elements(), now: now, $1) }
    if tokens.view.isEmpty {
      options.hint("No enrolment token: make one with `iml server token create`.")
    }
  }
}
