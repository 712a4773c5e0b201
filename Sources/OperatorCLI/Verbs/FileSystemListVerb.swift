import ArgumentParser
import ManagerCore

/// `iml fs list`
struct FileSystemListVerb: ReadingVerb {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the file systems.")
  @Argument(
    help: ArgumentHelp(
      "Only these: names or ids, or a list such as scratch,home.", valueName: "name"),
    completion: .live(.fileSystems))
  var names: [NameArgument] = []
  @OptionGroup var exclusion: ExclusionOptions
  @OptionGroup var watching: WatchOptions
  @OptionGroup var options: ConnectionOptions

  func ask(_ manager: ManagerClient) async throws -> Answer {
    let selection = try options.selection(names, without: exclusion.lists)
    let all = try await manager.get([FileSystemSummary].self, Route("filesystems"))
    return Answer(
      list: try selection.narrow(all.elements(), .fileSystem, names: \.names),
      hint: all.isEmpty
        ? "No file system is known: they appear when a server with a target or an MGS reports."
        : "No file system is left of the list.",
      table: FileSystemTable.render)
  }
}
