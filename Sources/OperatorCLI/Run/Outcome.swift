import ArgumentParser

/// The exit codes of `iml`: an interface that scripts rely on.
package enum Outcome: Int32, Sendable, CaseIterable {
  case fine = 0
  case failed = 1
  case usage = 2
  /// No manager answered.
  case unreachable = 3
  /// The manager refused (401, 403, 409), or a confirmation is missing.
  case refused = 4
  /// It worked, and what it shows is not healthy.
  case unhealthy = 5

  var exitCode: ExitCode { ExitCode(rawValue) }
}

/// What a verb says when it can not do its job: one form for all of them.
package struct Complaint: Error, Hashable, Sendable, CustomStringConvertible {
  package var outcome: Outcome
  /// What it is about; empty when `reason` names it.
  package var subject: String
  package var reason: String
  /// The next step; empty when there is none.
  package var remedy: String
  package init(_ outcome: Outcome, subject: String, reason: String, remedy: String = "") {
    self.outcome = outcome
    self.subject = subject
    self.reason = reason
    self.remedy = remedy
  }

  /// `iml: SUBJECT: reason`, and the remedy on a line of its own.
  package var description: String {
    let head = subject.isEmpty ? "iml: \(reason)" : "iml: \(subject): \(reason)"
    let lines = [printable(head), remedy.isEmpty ? "" : "  " + printable(remedy)]
    return lines.filter { !$0.isEmpty }.joined(separator: "\n")
  }
}
