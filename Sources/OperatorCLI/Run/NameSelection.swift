import ArgumentParser
import Protocol

/// Names to leave out of those that were named.
struct ExclusionOptions: ParsableArguments {
  @Option(
    name: [.customShort("x"), .customLong("exclude")],
    help: ArgumentHelp("Leave these out; a list, may be repeated.", valueName: "list"),
    completion: .liveOfVerb)
  var lists: [NameArgument] = []
}

/// What the operator named: one thing, or a list.
struct NameSelection: Hashable, Sendable {
  /// `nil` where nothing was named: all of them.
  var names: [String]?
  /// Left out also where all are meant.
  var excluded: Set<String> = []
  /// One name without any mark of a list: it is asked for as it is.
  var plain: String?

  /// The names in few words.
  var folded: String { HostlistFold.text(names ?? []) }

  /// Throws with the names that are none of `known`.
  func check(_ kind: NamedKind, known: Set<String>) throws {
    let unknown = (names ?? []).filter { !known.contains($0) }
    guard let first = unknown.first else { return }
    throw Complaint(
      .failed, subject: HostlistFold.text(unknown),
      reason: unknown.count == 1
        ? "there is no \(kind.one) of this name or id"
        : "there are no \(kind.many) of these \(unknown.count) names",
      remedy: "`\(kind.list)` shows those that there are; \(printable(first)) is none of them.",
      code: DiagnosticCode.notFound.rawValue)
  }

  /// Those that were named, in the manager's order; `names` gives all that one goes by.
  func narrow<View>(
    _ all: [Reply<View>], _ kind: NamedKind, names: (View) -> [String]
  ) throws -> [Reply<View>] {
    try check(kind, known: Set(all.flatMap { names($0.view) }))
    let wanted = self.names.map(Set.init)
    return all.filter { item in
      let own = names(item.view)
      return (wanted.map { !$0.isDisjoint(with: own) } ?? true) && excluded.isDisjoint(with: own)
    }
  }
}

/// What messages call the things that have names.
enum NamedKind: Sendable {
  case server, target, fileSystem

  var one: String {
    switch self {
    case .server: "server"
    case .target: "target"
    case .fileSystem: "file system"
    }
  }
  var many: String { one + "s" }
  /// The verb that lists them.
  var list: String {
    switch self {
    case .server: "iml server list"
    case .target: "iml target list"
    case .fileSystem: "iml fs list"
    }
  }
}

extension ConnectionOptions {
  /// Reads what was named; without anything all are meant.
  func selection(_ arguments: [NameArgument], without exclusions: [NameArgument] = [])
    throws -> NameSelection
  {
    let excluded = try expand(exclusions)
    guard !arguments.isEmpty else {
      return NameSelection(names: nil, excluded: Set(excluded.names))
    }
    if arguments.count == 1, exclusions.isEmpty, Hostlist.isPlain(arguments[0].text) {
      return NameSelection(names: [arguments[0].text], plain: arguments[0].text)
    }
    var list = try expand(arguments)
    list.subtract(excluded)
    guard !list.names.isEmpty else {
      throw Complaint(
        .usage, subject: arguments.map(\.text).joined(separator: " "),
        reason: "no name is left of this list")
    }
    return NameSelection(names: list.names, excluded: Set(excluded.names))
  }

  private func expand(_ arguments: [NameArgument]) throws -> Hostlist {
    let file = GroupsFile(paths: groupsPaths(Console.current.environment))
    var all = Hostlist()
    for argument in arguments {
      do {
        all.add(try Hostlist(argument.text, groups: file.list))
      } catch let error as Hostlist.Malformed {
        throw Complaint(
          .usage, subject: argument.text,
          reason: "at character \(error.position): \(error.reason)")
      }
      guard all.names.count <= Hostlist.namesMax else {
        throw Complaint(
          .usage, subject: argument.text,
          reason: "with this they are more than \(Hostlist.namesMax) names")
      }
    }
    return all
  }

  /// Beside the state first, where one was named.
  func groupsPaths(_ environment: [String: String]) -> [String] {
    let directory = stateDirectory ?? environment["IML_STATE_DIR"].flatMap { $0.isEmpty ? nil : $0 }
    return [directory.map { "\($0)/groups" }, GroupsFile.defaultPath].compactMap { $0 }
  }
}
