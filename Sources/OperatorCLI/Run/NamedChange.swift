import ManagerCore
import Protocol

/// The same change to one server or target, or to each of a list.
struct NamedChange {
  private let all: [String]
  private let plain: String?
  private let options: ConnectionOptions
  private let manager: ManagerClient

  /// Of a list every name is known before anything is changed.
  init(
    _ selection: NameSelection, _ kind: NamedKind, _ options: ConnectionOptions
  ) async throws {
    manager = try options.client()
    self.options = options
    plain = selection.plain
    all = selection.names ?? []
    if plain == nil {
      try selection.check(kind, known: try await NamedChange.known(kind, manager))
    }
  }

  private static func known(
    _ kind: NamedKind, _ manager: ManagerClient
  ) async throws -> Set<String> {
    switch kind {
    case .server:
      Set(try await manager.get([ServerSummary].self, Route("servers")).view.flatMap(\.names))
    case .target:
      Set(try await manager.get([TargetSummary].self, Route("targets")).view.flatMap(\.names))
    case .fileSystem:
      Set(
        try await manager.get([FileSystemSummary].self, Route("filesystems")).view.map(\.name))
    }
  }

  private init(_ names: [String], of change: NamedChange) {
    all = names
    (plain, options, manager) = (change.plain, change.options, change.manager)
  }

  /// In few words, as the operator confirms them.
  var names: String { plain ?? HostlistFold.text(all) }
  var count: Int { all.count }
  var isOne: Bool { all.count == 1 }

  /// Changes one after the other and prints what came of it. The first refusal ends it, after what
  /// was done is told.
  func make(
    _ change: ManagerClient.Change, _ route: (String) -> Route, hint: String?,
    sentence: (NamedChange) -> String
  ) async throws {
    var answers: [Reply<JSONValue>] = []
    do {
      for name in all { answers.append(try await manager.change(change, route(name))) }
    } catch let complaint as Complaint where !answers.isEmpty {
      try show(answers, hint, sentence)
      var rest = complaint
      rest.reason +=
        "; nothing was done to \(HostlistFold.text(all.dropFirst(answers.count)))"
      throw rest
    }
    try show(answers, hint, sentence)
  }

  private func show(
    _ answers: [Reply<JSONValue>], _ hint: String?, _ sentence: (NamedChange) -> String
  ) throws {
    if plain != nil, let answer = answers.first {
      try options.show(Answer(change: answer, hint: hint, sentence(self)))
      return
    }
    let done = Array(all.prefix(answers.count))
    let named = zip(done, answers).map { name, answer -> JSONValue in
      guard case .object(var members) = answer.raw else { return answer.raw }
      members["name"] = .string(name)
      return .object(members)
    }
    let line = printable(sentence(NamedChange(done, of: self))) + "\n"
    var answer = Answer(joining: [])
    answer.items = named
    answer.document = .array(named)
    answer.csv = CSVTable(named, members: ["name"])
    answer.table = { _ in line }
    answer.hint = hint
    try options.show(answer)
  }
}
