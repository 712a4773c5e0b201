import ArgumentParser
import ManagerCore

/// `iml fs show NAME`
struct FileSystemShowVerb: ReadingVerb {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show one file system, its targets and its clients.",
    discussion: "Exit code 5 unless it is available.")
  @Argument(help: "Name or id.") var name: NameArgument
  @OptionGroup var options: ConnectionOptions

  func ask(_ manager: ManagerClient) async throws -> Answer {
    let fileSystem = try await manager.get(FileSystemDetail.self, Route("filesystems", name.text))
    return Answer(
      fileSystem, isSound: Soundness.isSound(fileSystem.view), table: FileSystemPage.render)
  }
}
