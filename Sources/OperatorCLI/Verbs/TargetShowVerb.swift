import ArgumentParser
import ManagerCore

/// `iml target show LABEL`
struct TargetShowVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show one target, and which server says what of it.",
    discussion: "Exit code 5 unless it is mounted and nothing is wrong with it.")
  @Argument(help: "Label or id.") var label: NameArgument
  @OptionGroup var options: ConnectionOptions

  mutating func run() async throws {
    let target = try await options.client.get(TargetDetail.self, Route("targets", label.text))
    try options.show(target) { TargetPage.render($0, $1) }
    try Soundness.report(Soundness.isSound(target.view))
  }
}
