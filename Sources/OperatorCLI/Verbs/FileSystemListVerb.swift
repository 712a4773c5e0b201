import ArgumentParser
import ManagerCore

/// `iml fs list`
struct FileSystemListVerb: ReadingVerb {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the file systems.")
  @OptionGroup var options: ConnectionOptions

  func ask(_ manager: ManagerClient) async throws -> Answer {
    let all = try await manager.get([FileSystemSummary].self, Route("filesystems"))
    return Answer(
      list: all.elements(),
      hint: "No file system is known: they appear when a server with a target or an MGS reports.",
      table: FileSystemTable.render)
  }
}
