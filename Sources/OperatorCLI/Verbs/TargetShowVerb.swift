import ArgumentParser
import ManagerCore

/// `iml target show LABEL`
struct TargetShowVerb: ReadingVerb {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show one target, and which server says what of it.",
    discussion: "Exit code 5 unless it is mounted and nothing is wrong with it.")
  @Argument(help: "Label or id.") var label: NameArgument
  @OptionGroup var options: ConnectionOptions

  func ask(_ manager: ManagerClient) async throws -> Answer {
    let target = try await manager.get(TargetDetail.self, Route("targets", label.text))
    return Answer(target, isSound: Soundness.isSound(target.view), table: TargetPage.render)
  }
}
