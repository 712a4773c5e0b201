import ArgumentParser
import ManagerCore

/// `iml target list`
struct TargetListVerb: ReadingVerb {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the targets.")
  @Argument(
    help: ArgumentHelp(
      "Only these: labels or ids, or a list such as fs1-OST[0000-0003].", valueName: "label"),
    completion: .live(.targets))
  var names: [NameArgument] = []
  @OptionGroup var exclusion: ExclusionOptions
  @Option(
    name: .customLong("fs"),
    help: ArgumentHelp("Only those of these file systems; a list.", valueName: "name"),
    completion: .live(.fileSystems))
  var fileSystem: NameArgument?
  @Option(
    help: ArgumentHelp(
      "Only those that are, or were last seen, active on these servers; a list.",
      valueName: "name"), completion: .live(.servers))
  var server: NameArgument?
  @OptionGroup var watching: WatchOptions
  @OptionGroup var options: ConnectionOptions

  func ask(_ manager: ManagerClient) async throws -> Answer {
    let selection = try options.selection(names, without: exclusion.lists)
    let hosts = try await hosts(manager)
    var all: [Reply<TargetSummary>] = []
    for name in try fileSystems() {
      let route = Route("targets").with("fs", name)
      all += try await manager.get([TargetSummary].self, route).elements()
    }
    let targets = try selection.narrow(all, .target, names: \.names).filter { target in
      guard let hosts else { return true }
      let active = target.activeNames
      return (active.isEmpty ? [target.lastActiveOn].compactMap { $0 } : active)
        .contains(where: hosts.contains)
    }
    return Answer(list: targets, hint: hint(all), table: TargetTable.render)
  }

  /// `nil` asks for those of all.
  private func fileSystems() throws -> [String?] {
    guard let fileSystem else { return [nil] }
    return try options.selection([fileSystem]).names ?? [nil]
  }

  /// Host names of `--server`.
  private func hosts(_ manager: ManagerClient) async throws -> Set<String>? {
    guard let server else { return nil }
    let known = try await manager.get([ServerSummary].self, Route("servers"))
    let named = try options.selection([server])
      .narrow(known.elements(), .server, names: \.names)
    return Set(named.map(\.view.hostname))
  }

  private func hint(_ all: [Reply<TargetSummary>]) -> String {
    if let fileSystem {
      return "No target of \(printable(fileSystem.text)) is known; see `iml fs list`."
    }
    return all.isEmpty
      ? "No target is known: they appear when a server that serves one reports."
      : "No target is left of the list."
  }
}
