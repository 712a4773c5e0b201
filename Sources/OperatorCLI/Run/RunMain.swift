import ArgumentParser
import Platform
import Protocol

/// The program that a verb belongs to, for verbs about the program itself.
enum Program {
  @TaskLocal static var root: (any AsyncParsableCommand.Type)?
}

/// Parses and runs a command of `root`, prints whatever goes wrong in one form, and returns the
/// exit code that the process ends with.
package func runMain<Root: AsyncParsableCommand>(_ root: Root.Type, arguments: [String]) async
  -> Int32
{
  StandardStreams.occupy()
  let line = CommandLineWords(root: root, arguments: arguments)
  do {
    var command = try await root.asyncParseAsRoot(line.ordered)
    try await Program.$root.withValue(root) {
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    }
    try Console.current.checkOutput()
    return Outcome.fine.rawValue
  } catch {
    return report(error, of: root, line: line)
  }
}

private func report<Root: ParsableCommand>(
  _ error: any Error, of root: Root.Type, line: CommandLineWords
) -> Int32 {
  let console = Console.current
  func end(_ complaint: Complaint) -> Int32 {
    // A shell that asks for a completion has a line half typed, and no place for sentences.
    guard line.ordered.first != "---completion" else { return complaint.outcome.rawValue }
    console.complain(complaint.text(isJSON: line.output?.tellsErrorsInJSON ?? false))
    return complaint.outcome.rawValue
  }
  switch error {
  case let complaint as Complaint: return end(complaint)
  case let error as DiagnosticError:
    return end(Complaint(outcome(of: error.diagnostic), error.diagnostic))
  case let code as ExitCode where code != .validationFailure: return code.rawValue
  default: break
  }
  let code = root.exitCode(for: error)
  if code.isSuccess {
    // Help, the version, a completion script: asked for, so on standard output.
    console.write(ended(root.fullMessage(for: error)))
    do { try console.checkOutput() } catch { return report(error, of: root, line: line) }
    return Outcome.fine.rawValue
  }
  let subject = line.subcommands.joined(separator: " ")
  if code == .validationFailure {
    let message =
      line.unknownSubcommand.map { "there is no verb '\($0)'" }
      ?? (line.lacksVerb ? "no verb is named" : root.message(for: error))
    return end(usage(message, subject: subject, root: root))
  }
  return end(Complaint(.failed, subject: subject, reason: "\(error)"))
}

private func usage<Root: ParsableCommand>(
  _ message: String, subject: String, root: Root.Type
) -> Complaint {
  let words = subject.isEmpty ? root._commandName : "\(root._commandName) \(subject)"
  let reason = message.split(separator: "\n").map { $0.drop { $0 == " " } }
    .joined(separator: " ")
  return Complaint(
    .usage, subject: subject.isEmpty ? "usage" : subject, reason: reason,
    remedy: "See `\(words) --help`.")
}

private func outcome(of diagnostic: Diagnostic) -> Outcome {
  switch DiagnosticCode(rawValue: diagnostic.code) {
  case .managerUnreachable: .unreachable
  case .unauthenticated, .forbidden, .conflict: .refused
  default: .failed
  }
}

private func ended(_ text: String) -> String { text.hasSuffix("\n") ? text : text + "\n" }
