import ArgumentParser
import Glibc
import Platform
import Protocol

/// Runs one of the agent's commands and turns its errors into words and exit codes: 0 fine,
/// 1 failed, 2 usage, 3 manager unreachable, 4 refused.
package enum AgentMain {
  package static let commands: [any ParsableCommand.Type] = [
    RunCommand.self, InspectCommand.self, EnrollCommand.self,
  ]

  package static func run(_ root: any AsyncParsableCommand.Type, _ arguments: [String]) async
    -> Int32
  {
    StandardStreams.occupy()
    do {
      var command = try root.parseAsRoot(arguments)
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
      return 0
    } catch let error as Unwritten {
      write("iml-agent: standard output: \(error.reason)")
      return 1
    } catch let error as DiagnosticError {
      complain(error.diagnostic)
      return code(of: error.diagnostic)
    } catch {
      let text = root.fullMessage(for: error)
      switch root.exitCode(for: error) {
      case .success:
        return tell(text)
      case .validationFailure:
        write(text)
        return 2
      default:
        write("iml-agent: \(text)")
        return 1
      }
    }
  }

  /// Standard output can not be written.
  struct Unwritten: Error {
    var reason: String
  }

  /// A line, or lines, on standard output.
  static func say(_ text: String) throws(Unwritten) {
    guard let number = StandardStreams.write(text + "\n", to: STDOUT_FILENO), number != EPIPE else {
      return
    }
    throw Unwritten(reason: StandardStreams.reason(number))
  }

  /// - Returns: the exit code.
  private static func tell(_ text: String) -> Int32 {
    do {
      try say(text)
      return 0
    } catch {
      write("iml-agent: standard output: \(error.reason)")
      return 1
    }
  }

  private static func complain(_ diagnostic: Diagnostic) {
    write("iml-agent: \(diagnostic.subject): \(diagnostic.reason)")
    if !diagnostic.remedy.isEmpty { write("  \(diagnostic.remedy)") }
  }

  private static func write(_ text: String) {
    _ = StandardStreams.write(text.hasSuffix("\n") ? text : text + "\n", to: STDERR_FILENO)
  }

  private static let refusals: Set<DiagnosticCode> = [
    .tokenUnknown, .tokenUsedUp, .tokenExpired, .tokenRevoked, .tokenMalformed, .rateLimited,
    .managerUnproven, .alreadyEnrolled, .forbidden, .unauthenticated, .requestMalformed,
  ]

  private static func code(of diagnostic: Diagnostic) -> Int32 {
    guard let code = DiagnosticCode(rawValue: diagnostic.code) else { return 1 }
    if code == .managerUnreachable { return 3 }
    return refusals.contains(code) ? 4 : 1
  }
}
