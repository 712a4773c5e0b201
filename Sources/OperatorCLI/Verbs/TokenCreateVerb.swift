import ArgumentParser
import ManagerCore

/// `iml token create --role ROLE`
struct TokenCreateVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create", abstract: "Make a bearer token.",
    discussion: "The token alone goes to standard output; it is not shown again.")
  @Option(help: "What its bearer may do.") var role: Role
  @Option(help: "What it is for; the role when not given.") var name: NameArgument?
  @Option(help: ArgumentHelp("When it ends: 90s, 15m, 1h, 2d, 1w; else never.", valueName: "span"))
  var expires: SpanArgument?
  @OptionGroup var options: ConnectionOptions

  mutating func run() async throws {
    let request = APITokenRequest(
      name: name?.text ?? role.rawValue, role: role, lifetimeSeconds: expires?.seconds)
    let token = try await options.client().post(APITokenView.self, Route("tokens"), request)
    let expiry = Quantities.expiry(token.expiresNanoseconds, now: Console.current.now())
    let hint =
      printable(
        "Token \(token.id) for the role \(token.word("role", token.role)), expires \(expiry)."
          + " It is not shown again.")
    var answer = Answer(token, hint: hint) { token, _ in
      printable(token.secret ?? token.id) + "\n"
    }
    answer.ifUnwritten =
      "The token was made, and nobody has its secret: iml token revoke \(printable(token.id))"
    try options.show(answer)
  }
}
