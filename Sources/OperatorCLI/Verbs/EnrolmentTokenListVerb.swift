import ArgumentParser
import ManagerCore

/// `iml server token list`
struct EnrolmentTokenListVerb: ReadingVerb {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the enrolment tokens, without their secrets.")
  @OptionGroup var watching: WatchOptions
  @OptionGroup var options: ConnectionOptions

  func ask(_ manager: ManagerClient) async throws -> Answer {
    let tokens = try await manager.get([EnrolmentTokenView].self, Route("enrolment-tokens"))
    let now = Console.current.now()
    return Answer(
      list: tokens.elements(), hint: "No enrolment token: make one with `iml server token create`."
    ) { EnrolmentTokenTable.render($0, now: now, $1) }
  }
}
