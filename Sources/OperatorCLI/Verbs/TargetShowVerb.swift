import ArgumentParser
import ManagerCore

/// `iml target show LABEL`
struct TargetShowVerb: ReadingVerb {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show one target, and which server says what of it.",
    discussion: "Exit code 5 unless it is mounted and nothing is wrong with it.")
  @Argument(
    help: ArgumentHelp(
      "Label or id, or a list such as fs1-OST[0000-0003].", valueName: "label"),
    completion: .live(.targets))
  var names: [NameArgument]
  @OptionGroup var exclusion: ExclusionOptions
  @OptionGroup var watching: WatchOptions
  @OptionGroup var options: ConnectionOptions

  func ask(_ manager: ManagerClient) async throws -> Answer {
    let selection = try options.selection(names, without: exclusion.lists)
    if let plain = selection.plain { return try await one(plain, manager) }
    let known = try await manager.get([TargetSummary].self, Route("targets"))
    try selection.check(.target, known: Set(known.view.flatMap(\.names)))
    var answers: [Answer] = []
    for name in selection.names ?? [] { answers.append(try await one(name, manager)) }
    return Answer(joining: answers)
  }

  private func one(_ name: String, _ manager: ManagerClient) async throws -> Answer {
    let target = try await manager.get(TargetDetail.self, Route("targets", name))
    return Answer(target, isSound: Soundness.isSound(target.view), table: TargetPage.render)
  }
}
