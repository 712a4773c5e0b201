import ArgumentParser
import ManagerCore
import Protocol
import Synchronization

@testable import OperatorCLI

/// A console that keeps what is printed and types what it was told.
final class RecordingConsole: Sendable {
  private struct Record {
    var output = ""
    var errors = ""
    var lines: [String]
    var pauses = 0
    var screens: [Bool] = []
  }
  private let record: Mutex<Record>
  private let environment: [String: String]
  private let isTerminal: Bool
  private let timeout: Duration
  private let ticks: Int
  private let trouble: String?

  /// A watch ends when it has paused `ticks` times.
  ///
  /// - Parameter trouble: why its output can not be written.
  init(
    environment: [String: String] = [:], isTerminal: Bool = false, typing lines: [String] = [],
    timeout: Duration = .seconds(30), ticks: Int = 0, trouble: String? = nil
  ) {
    record = Mutex(Record(lines: lines))
    self.environment = environment
    self.isTerminal = isTerminal
    self.timeout = timeout
    self.ticks = ticks
    self.trouble = trouble
  }

  var output: String { record.withLock { $0.output } }
  var errors: String { record.withLock { $0.errors } }
  /// Whenever the whole terminal was taken (true) or given back.
  var screens: [Bool] { record.withLock { $0.screens } }

  var console: Console {
    var console = Console(
      write: { [self] text in record.withLock { $0.output += text } },
      complain: { [self] text in record.withLock { $0.errors += text } },
      readLine: { [self] in
        record.withLock { $0.lines.isEmpty ? nil : $0.lines.removeFirst() }
      },
      isInputTerminal: isTerminal, isOutputTerminal: isTerminal, columns: nil,
      environment: environment, now: { [self] in Fixture.now + pauses * 1_000_000_000 },
      timeout: timeout)
    console.outputTrouble = { [self] in trouble }
    console.size = { (columns: 80, rows: 12) }
    console.fullScreen = { [self] taken in record.withLock { $0.screens.append(taken) } }
    console.pause = { [self] _ in
      let count = record.withLock {
        $0.pauses += 1
        return $0.pauses
      }
      if count >= ticks { throw CancellationError() }
    }
    return console
  }

  /// Each pause lets a second pass.
  private var pauses: Int64 { record.withLock { Int64($0.pauses) } }

  /// Runs a command line as the program would, and gives its exit code.
  func run(_ arguments: String...) async -> Int32 { await run(arguments) }

  func run(_ arguments: [String]) async -> Int32 {
    await Console.$current.withValue(console) {
      await runMain(ProgramUnderTest.self, arguments: arguments)
    }
  }
}

/// The operators' verbs under a root as the program has it.
struct ProgramUnderTest: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "iml", version: "1.2.3",
    subcommands: OperatorVerbs.subcommands + OperatorVerbs.aboutTheProgram
      + [Diagnosing.self]
  )

  /// A verb from elsewhere that fails in the ways that such verbs do.
  struct Diagnosing: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "diagnosing")
    @Argument var code: String
    mutating func run() throws {
      guard let code = DiagnosticCode(rawValue: code) else { throw ExitCode(7) }
      throw DiagnosticError(code, subject: "port 8443", reason: "it went wrong", remedy: "Mend it.")
    }
  }
}
