import ArgumentParser
import ManagerCore

/// `iml fs show NAME`
struct FileSystemShowVerb: ReadingVerb {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show one file system, its targets and its clients.",
    discussion: "Exit code 5 unless it is available.")
  @Argument(
    help: ArgumentHelp(
      "Name or id, or a list such as scratch,home.", valueName: "name"),
    completion: .live(.fileSystems))
  var names: [NameArgument]
  @OptionGroup var exclusion: ExclusionOptions
  @OptionGroup var watching: WatchOptions
  @OptionGroup var options: ConnectionOptions

  func ask(_ manager: ManagerClient) async throws -> Answer {
    let selection = try options.selection(names, without: exclusion.lists)
    if let plain = selection.plain { return try await one(plain, manager) }
    let known = try await manager.get([FileSystemSummary].self, Route("filesystems"))
    try selection.check(.fileSystem, known: Set(known.view.flatMap(\.names)))
    var answers: [Answer] = []
    for name in selection.names ?? [] { answers.append(try await one(name, manager)) }
    return Answer(joining: answers)
  }

  private func one(_ name: String, _ manager: ManagerClient) async throws -> Answer {
    let fileSystem = try await manager.get(FileSystemDetail.self, Route("filesystems", name))
    return Answer(
      fileSystem, isSound: Soundness.isSound(fileSystem.view), table: FileSystemPage.render)
  }
}
