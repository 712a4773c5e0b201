import ManagerCore
import Protocol

/// The same change to one server or to each of a list.
struct ServerChange {
  private let servers: [String]
  private let plain: String?
  private let options: ConnectionOptions
  private let manager: ManagerClient

  /// Of a list every name is known before anything is changed.
  init(_ selection: NameSelection, _ options: ConnectionOptions) async throws {
    manager = try options.client()
    self.options = options
    plain = selection.plain
    servers = selection.names ?? []
    if plain == nil {
      let known = try await manager.get([ServerSummary].self, Route("servers"))
      try selection.check(.server, known: Set(known.view.flatMap(\.names)))
    }
  }

  private init(_ servers: [String], of change: ServerChange) {
    self.servers = servers
    (plain, options, manager) = (change.plain, change.options, change.manager)
  }

  /// In few words, as the operator confirms them.
  var names: String { plain ?? HostlistFold.text(servers) }
  var count: Int { servers.count }
  var isOne: Bool { servers.count == 1 }

  /// Changes one after the other and prints what came of it. The first refusal ends it, after what
  /// was done is told.
  func make(
    _ change: ManagerClient.Change, _ route: (String) -> Route, hint: String?,
    sentence: (ServerChange) -> String
  ) async throws {
    var answers: [Reply<JSONValue>] = []
    do {
      for server in servers { answers.append(try await manager.change(change, route(server))) }
    } catch let complaint as Complaint where !answers.isEmpty {
      try show(answers, hint, sentence)
      var rest = complaint
      rest.reason +=
        "; nothing was done to \(HostlistFold.text(servers.dropFirst(answers.count)))"
      throw rest
    }
    try show(answers, hint, sentence)
  }

  private func show(
    _ answers: [Reply<JSONValue>], _ hint: String?, _ sentence: (ServerChange) -> String
  ) throws {
    if plain != nil, let answer = answers.first {
      try options.show(Answer(change: answer, hint: hint, sentence(self)))
      return
    }
    let done = Array(servers.prefix(answers.count))
    let named = zip(done, answers).map { name, answer -> JSONValue in
      guard case .object(var members) = answer.raw else { return answer.raw }
      members["name"] = .string(name)
      return .object(members)
    }
    let line = printable(sentence(ServerChange(done, of: self))) + "\n"
    var answer = Answer(joining: [])
    answer.items = named
    answer.document = .array(named)
    answer.csv = CSVTable(named, members: ["name"])
    answer.table = { _ in line }
    answer.hint = hint
    try options.show(answer)
  }
}
