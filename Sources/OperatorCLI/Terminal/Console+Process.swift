import FoundationEssentials
import Glibc
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
    console.hasReader = { !isReaderGone.load(ordering: .relaxed) }
    return console
  }

  private static let isReaderGone = Atomic<Bool>(false)

  /// Writes all of it. A reader that went away (`| head`) has what it wanted: no complaint.
  private static func send(_ text: String, to descriptor: Int32) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if written > 0 {
        rest = rest.dropFirst(written)
      } else if written < 0, errno == EAGAIN {
        // A terminal or pipe that somebody made non-blocking: wait until it takes more.
        var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&ready, 1, -1)
      } else if written == 0 || errno != EINTR {
        if written < 0, errno == EPIPE, descriptor == STDOUT_FILENO {
          isReaderGone.store(true, ordering: .relaxed)
        }
        return
      }
    }
  }

  private static func terminalSize() -> (columns: Int, rows: Int)? {
    var size = winsize()
    let answer = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size)
    return answer == 0 && size.ws_col > 0 ? (Int(size.ws_col), max(Int(size.ws_row), 1)) : nil
  }
}
