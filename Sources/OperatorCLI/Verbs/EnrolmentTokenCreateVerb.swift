import ArgumentParser
import ManagerCore

/// `iml server token create`
struct EnrolmentTokenCreateVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create", abstract: "Make a token for `iml-agent enroll`.",
    discussion: "The token alone goes to standard output; it is not shown again.")
  @Option(help: ArgumentHelp("How many servers may enrol with it.", valueName: "n"))
  var uses = 1
  @Option(help: ArgumentHelp("When it ends: 90s, 15m, 1h, 2d, 1w.", valueName: "span"))
  var expires = EnrolmentTokenCreateVerb.defaultSpan
  @Option(help: "What the manager may do on the servers.") var profile: Profile = .monitor
  @OptionGroup var options: ConnectionOptions

  /// A day: the servers of one working session, and nothing that lies around for weeks.
  private static let defaultSpan = SpanArgument(seconds: 86_400)
  /// As many servers as a site may have at most.
  private static let usesMax = 10_000

  mutating func validate() throws {
    guard (1...EnrolmentTokenCreateVerb.usesMax).contains(uses) else {
      throw ValidationError("--uses is 1 to \(EnrolmentTokenCreateVerb.usesMax).")
    }
  }

  mutating func run() async throws {
    let request = EnrolmentTokenRequest(
      uses: uses, lifetimeSeconds: expires.seconds, profile: profile)
    let token = try await options.client().post(
      EnrolmentTokenView.self, Route("enrolment-tokens"), request)
    let uses = plural(token.usesLeft, "server may", "servers may")
    let profile = token.word("profile", token.profile)
    let expiry = Quantities.expiry(token.expiresNanoseconds, now: Console.current.now())
    let hint =
      printable(
        "\(uses) enrol with it until \(expiry), profile \(profile). It is not shown again.")
      + "\nOn each server: iml-agent enroll --manager \(try address(token.port)) --token TOKEN"
    var answer = Answer(token, hint: hint) { token, _ in
      printable(token.secret ?? token.id) + "\n"
    }
    answer.ifUnwritten =
      "The token was made, and nobody has its secret: iml server token revoke \(printable(token.id))"
    try options.show(answer)
  }

  /// Where agents enrol: what this program was told, or the manager's own word on its port.
  private func address(_ port: Int?) throws -> String {
    if case .https(let address, _, _) = try options.door(Console.current.environment) {
      return printable(address.text)
    }
    return "HOST:\(port ?? ManagerAddress.defaultPort)"
  }
}
