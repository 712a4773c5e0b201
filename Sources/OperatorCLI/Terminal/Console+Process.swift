import FoundationEssentials
import Glibc
import Platform
import Synchronization

extension Console {
  /// This process's own descriptors, environment and clock.
  package static var process: Console {
    var console = Console(
      write: { send($0, to: STDOUT_FILENO) },
      complain: { send($0, to: STDERR_FILENO) },
      readLine: { Swift.readLine(strippingNewline: true) },
      isInputTerminal: isatty(STDIN_FILENO) == 1,
      isOutputTerminal: isatty(STDOUT_FILENO) == 1,
      columns: terminalSize()?.columns,
      environment: ProcessInfo.processInfo.environment,
      now: {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
      },
      timeout: .seconds(30))
    console.size = terminalSize
    console.fullScreen = { $0 ? FullScreen.enter() : FullScreen.leave() }
    console.hasReader = { outputFailure.load(ordering: .relaxed) == 0 }
    console.outputTrouble = {
      let number = outputFailure.load(ordering: .relaxed)
      // A reader that went away (`| head`) has what it wanted.
      return number == 0 || number == EPIPE ? nil : StandardStreams.reason(number)
    }
    return console
  }

  /// The `errno` by which standard output could not be written; 0 while it can.
  private static let outputFailure = Atomic<Int32>(0)

  private static func send(_ text: String, to descriptor: Int32) {
    guard let number = StandardStreams.write(text, to: descriptor) else { return }
    if descriptor == STDOUT_FILENO { outputFailure.store(number, ordering: .relaxed) }
  }

  private static func terminalSize() -> (columns: Int, rows: Int)? {
    var size = winsize()
    let answer = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size)
    return answer == 0 && size.ws_col > 0 ? (Int(size.ws_col), max(Int(size.ws_row), 1)) : nil
  }
}
