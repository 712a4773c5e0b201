import Logging
import Protocol
import Synchronization

/// Lines of the log about servers, with a budget for each message, code and server: one that comes again without
/// end fills no disk, and hides no other.
final class ServerLog: Sendable {
  /// Of budgets that are in use at once: some kinds for each server of the largest site known.
  private static let limit = 16_384
  /// A minute. One that is tried out by a person, or by a network that comes and goes, stays below.
  static let lines = 60

  private struct Key: Hashable {
    var server: String
    var message: String
    /// Of the diagnostic that it tells, so that one reason hides no other.
    var code: String
  }
  private let budgets = Mutex<[Key: Refusals]>([:])
  private let logger: Logger

  init(_ logger: Logger) { self.logger = logger }

  /// - Parameters:
  ///   - server: whose line it is; whoever has not proven to be a server shares one.
  ///   - message: a constant.
  func log(
    _ level: Logger.Level, _ message: Logger.Message, about server: String?,
    _ metadata: Logger.Metadata
  ) {
    let key = Key(
      server: server ?? "", message: message.description,
      code: metadata["code"].map { "\($0)" } ?? "")
    budget(key, message).log(level, metadata)
  }

  private func budget(_ key: Key, _ message: Logger.Message) -> Refusals {
    budgets.withLock { budgets in
      if let known = budgets[key] { return known }
      if budgets.count >= Self.limit {
        let now = ContinuousClock.now
        budgets = budgets.filter { !$0.value.isQuiet(at: now) }
      }
      let place = budgets.count < Self.limit ? key : Key(server: "", message: key.message, code: "")
      if let known = budgets[place] { return known }
      let new = Refusals(logger: logger, message: message, lines: Self.lines)
      budgets[place] = new
      return new
    }
  }
}
