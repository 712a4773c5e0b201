import ArgumentParser
import Protocol

/// The exit codes of `iml`: an interface that scripts rely on.
package enum Outcome: Int32, Sendable, CaseIterable {
  case fine = 0
  case failed = 1
  case usage = 2
  /// No manager answered.
  case unreachable = 3
  /// The manager refused (401, 403, 409), or a confirmation is missing. What is not there is no
  /// refusal but a failure, whatever the verb.
  case refused = 4
  /// It worked, and what it shows is not healthy.
  case unhealthy = 5

  var exitCode: ExitCode { ExitCode(rawValue) }

  /// For the manual.
  var meaning: String {
    switch self {
    case .fine: "All went well."
    case .failed: "It did not work. That holds of a name that nothing has, in every verb."
    case .usage: "The command line can not be meant."
    case .unreachable: "No manager answered."
    case .refused: "The manager refused, or a confirmation is missing."
    case .unhealthy: "It worked, and what it shows is not proven healthy."
    }
  }

  /// What a complaint without a code of its own carries where programs read it.
  fileprivate var code: String {
    switch self {
    case .fine: "fine"
    case .failed: "failed"
    case .usage: "usage"
    case .unreachable: DiagnosticCode.managerUnreachable.rawValue
    case .refused: "refused"
    case .unhealthy: "unhealthy"
    }
  }
}

/// What a verb says when it can not do its job: one form for all of them.
package struct Complaint: Error, Hashable, Sendable, CustomStringConvertible {
  package var outcome: Outcome
  /// What it is about; empty when `reason` names it.
  package var subject: String
  package var reason: String
  /// The next step; empty when there is none.
  package var remedy: String
  /// Of the diagnostic behind it; `nil` where the outcome says as much.
  package var code: String?
  package init(
    _ outcome: Outcome, subject: String, reason: String, remedy: String = "", code: String? = nil
  ) {
    self.outcome = outcome
    self.subject = subject
    self.reason = reason
    self.remedy = remedy
    self.code = code
  }

  package init(_ outcome: Outcome, _ diagnostic: Diagnostic) {
    self.init(
      outcome, subject: diagnostic.subject, reason: diagnostic.reason, remedy: diagnostic.remedy,
      code: diagnostic.code)
  }

  /// `iml: SUBJECT: reason (code)`, and the remedy on a line of its own.
  package var description: String {
    let what = code.map { "\(reason) (\($0))" } ?? reason
    let head = subject.isEmpty ? "iml: \(what)" : "iml: \(subject): \(what)"
    let lines = [printable(head), remedy.isEmpty ? "" : "  " + printable(remedy)]
    return lines.filter { !$0.isEmpty }.joined(separator: "\n")
  }
}

extension Complaint {
  /// The diagnostic and the exit code, as programs read them on standard error.
  package struct Document: Codable, Hashable, Sendable {
    package var code: String
    package var severity: Severity
    package var subject: String
    package var reason: String
    package var remedy: String
    package var exitCode: Int32
  }

  package var document: Document {
    Document(
      code: code ?? outcome.code, severity: .error, subject: subject, reason: reason,
      remedy: remedy, exitCode: outcome.rawValue)
  }

  /// One line of JSON for those who read JSON, else sentences.
  func text(isJSON: Bool) -> String {
    guard isJSON, let bytes = try? CanonicalJSON.encode(document) else { return "\(self)\n" }
    return safeJSON(String(decoding: bytes, as: UTF8.self)) + "\n"
  }
}
