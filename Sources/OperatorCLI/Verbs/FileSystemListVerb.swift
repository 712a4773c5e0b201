import ArgumentParser
import ManagerCore

/// `iml fs list`
struct FileSystemListVerb: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the file systems.")
  @OptionGroup var options: ConnectionOptions

  mutating func run() async throws {
    let all = try await options.client.get([FileSystemSummary].self, Route("filesystems"))
    try options.show(all) { FileSystemTable.render($0.elements(), $1) }
    if all.view.isEmpty {
      options.hint(
        "No file system is known: they appear when a server with a target or an MGS reports.")
    }
  }
}
