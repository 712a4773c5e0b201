import ArgumentParser
import ManagerCore

/// `iml fs show NAME`
struct FileSystemShowVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show one file system, its targets and its clients.",
    discussion: "Exit code 5 unless it is available.")
  @Argument(help: "Name or id.") var name: NameArgument
  @OptionGroup var options: ConnectionOptions

  mutating func run() async throws {
    let fileSystem = try await options.client.get(
      FileSystemDetail.self, Route("filesystems", name.text))
    try options.show(fileSystem) { FileSystemPage.render($0, $1) }
    try Soundness.report(Soundness.isSound(fileSystem.view))
  }
}
