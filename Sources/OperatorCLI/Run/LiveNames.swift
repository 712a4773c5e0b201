import ArgumentParser
import ManagerCore
import Protocol

/// Names that the manager knows, for the shell's completion. Whatever goes wrong, the answer is no
/// name: a person who presses a key wants no complaint.
enum LiveNames: Sendable {
  case servers, targets, fileSystems, metrics, enrolmentTokens, apiTokens

  /// A pressed key waits no longer than this.
  static let patience = Duration.seconds(1)
  /// More than a shell can show.
  private static let shownMax = 5_000

  /// `words` are those of the line; the one to complete begins with `prefix`.
  func complete(
    _ words: [String], _ prefix: String, within patience: Duration = LiveNames.patience
  ) async -> [String] {
    // Of a list its last member is completed.
    let head = prefix.lastIndex { $0 == "," || $0 == "!" }.map { prefix[...$0] } ?? ""
    let names = await LiveNames.within(patience) { try await ask(words, patience) } ?? []
    let groups = prefix.dropFirst(head.count).hasPrefix("@") ? LiveNames.groups(words) : []
    var seen: Set<String> = []
    return (names + groups).filter(LiveNames.isPlain).filter { seen.insert($0).inserted }
      .prefix(LiveNames.shownMax).map { head + $0 }
  }

  private func ask(_ words: [String], _ patience: Duration) async throws -> [String] {
    let options = try LiveNames.options(words)
    let manager = try options.client(within: patience)
    switch self {
    case .servers:
      return try await manager.get([ServerSummary].self, Route("servers")).view.map(\.hostname)
    case .targets:
      return try await manager.get([TargetSummary].self, Route("targets")).view.map(\.label)
    case .fileSystems:
      return try await manager.get([FileSystemSummary].self, Route("filesystems")).view.map(\.name)
    case .metrics:
      return try await manager.get([MetricListing].self, Route("metrics")).view.map(\.name)
    case .enrolmentTokens:
      return try await manager.get([EnrolmentTokenView].self, Route("enrolment-tokens")).view
        .filter { !$0.isRevoked }.map(\.id)
    case .apiTokens:
      return try await manager.get([APITokenView].self, Route("tokens")).view
        .filter { !$0.isRevoked }.map(\.id)
    }
  }

  private static func groups(_ words: [String]) -> [String] {
    guard let options = try? options(words) else { return [] }
    let file = GroupsFile(paths: options.groupsPaths(Console.current.environment))
    return file.names.map { "@\($0)" }
  }

  /// Where the manager is, as far as the unfinished line tells.
  private static func options(_ words: [String]) throws -> ConnectionOptions {
    try ConnectionOptions.parse(CommandLineWords.connection(in: words))
  }

  /// What every shell takes as one word of plain text, unquoted. Names are made up by whoever has a server:
  /// one that a shell could read as more than text is not offered.
  private static func isPlain(_ name: String) -> Bool {
    !name.isEmpty && !name.hasPrefix("-")
      && name.unicodeScalars.allSatisfy { scalar in
        scalar.isASCII
          ? scalar.properties.isAlphabetic || scalar.properties.numericType == .decimal
            || "._-:@+/,%".unicodeScalars.contains(scalar)
          : scalar.properties.isAlphabetic
      }
  }

  /// What is late is left behind: the process ends with the answer.
  private static func within(
    _ limit: Duration, _ ask: @Sendable @escaping () async throws -> [String]
  ) async -> [String]? {
    let (answers, gate) = AsyncStream.makeStream(of: [String]?.self)
    Task { gate.yield(try? await ask()) }
    Task {
      try? await Task.sleep(for: limit)
      gate.yield(nil)
    }
    for await answer in answers { return answer }
    return nil
  }
}

extension CompletionKind {
  static func live(_ names: LiveNames) -> CompletionKind {
    .custom { words, _, prefix in await names.complete(words, prefix) }
  }

  /// Of what the line's verb is about.
  static let liveOfVerb = CompletionKind.custom { words, _, prefix in
    let names: LiveNames? =
      switch CommandLineWords.verb(in: words.dropFirst()) {
      case "server": .servers
      case "target": .targets
      case "fs": .fileSystems
      default: nil
      }
    return await names?.complete(words, prefix) ?? []
  }
}
