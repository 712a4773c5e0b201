/// The world outside a verb: where its words go and come from, the clock, the environment.
package struct Console: Sendable {
  package var write: @Sendable (String) -> Void
  package var complain: @Sendable (String) -> Void
  /// A line of the operator's, without its end; `nil` at the end of input.
  package var readLine: @Sendable () -> String?
  package var isInputTerminal: Bool
  package var isOutputTerminal: Bool
  /// Columns of the terminal, when it tells.
  package var columns: Int?
  package var environment: [String: String]
  /// Wall clock, nanoseconds since the epoch: for how far off an expiry is, nothing else.
  package var now: @Sendable () -> Int64
  /// How long one request may take in all.
  package var timeout: Duration
  /// Columns and rows of the terminal as they are now.
  package var size: @Sendable () -> (columns: Int, rows: Int)? = { nil }
  /// Waits; throws when it is time to end.
  package var pause: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
  /// Takes the whole terminal, or gives it back.
  package var fullScreen: @Sendable (Bool) -> Void = { _ in }
  /// False when whoever read the output went away, or it can not be written.
  package var hasReader: @Sendable () -> Bool = { true }
  /// Why some of the output is with nobody who wanted it.
  package var outputTrouble: @Sendable () -> String? = { nil }

  package init(
    write: @escaping @Sendable (String) -> Void, complain: @escaping @Sendable (String) -> Void,
    readLine: @escaping @Sendable () -> String?, isInputTerminal: Bool, isOutputTerminal: Bool,
    columns: Int?, environment: [String: String], now: @escaping @Sendable () -> Int64,
    timeout: Duration
  ) {
    self.write = write
    self.complain = complain
    self.readLine = readLine
    self.isInputTerminal = isInputTerminal
    self.isOutputTerminal = isOutputTerminal
    self.columns = columns
    self.environment = environment
    self.now = now
    self.timeout = timeout
  }

  /// The console that verbs use; bound to another one where they run inside a program.
  @TaskLocal package static var current = Console.process

  /// - Throws: when some of the output could not be written.
  /// - Parameter remedy: what is to be done when it is lost.
  func checkOutput(remedy: String = "") throws {
    guard let reason = outputTrouble() else { return }
    throw Complaint(.failed, subject: "standard output", reason: reason, remedy: remedy)
  }

  /// `NO_COLOR` (set and not empty) and `TERM=dumb` are honoured; blocks need a UTF-8 locale.
  package var style: Style {
    func value(_ name: String) -> String { environment[name] ?? "" }
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].map(value).first { !$0.isEmpty } ?? ""
    let isUTF8 = ["utf-8", "utf8"].contains { locale.lowercased().contains($0) }
    return Style(
      hasColour: isOutputTerminal && value("NO_COLOR").isEmpty && value("TERM") != "dumb",
      hasBlocks: isUTF8,
      width: Style.bounded(isOutputTerminal ? columns ?? Style.plainWidth : Style.plainWidth))
  }
}
