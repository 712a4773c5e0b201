import Glibc

/// The terminal's second screen, without cursor and without wrapping at the edge. However the
/// process ends or is put aside, the first screen comes back as it was.
enum FullScreen {
  /// Signals that end a process by default, and may come from a terminal or a supervisor.
  private static let endings = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]

  static func enter() {
    for number in endings { signal(number, leaveAndEnd) }
    signal(SIGTSTP, leaveAndStop)
    signal(SIGCONT, comeBack)
    showSecond()
  }

  static func leave() {
    showFirst()
    for number in endings + [SIGTSTP, SIGCONT] { signal(number, SIG_DFL) }
  }
}

// Handlers of signals: nothing but system calls on constant bytes. The signal itself, sent again
// with its default action, takes effect when the handler returns.

private func leaveAndEnd(_ number: Int32) {
  showFirst()
  signal(number, SIG_DFL)
  raise(number)
}

private func leaveAndStop(_ number: Int32) {
  showFirst()
  signal(number, SIG_DFL)
  raise(number)
}

private func comeBack(_ number: Int32) {
  signal(SIGTSTP, leaveAndStop)
  showSecond()
}

private func showSecond() { put("\u{1b}[?1049h\u{1b}[?25l\u{1b}[?7l") }

private func showFirst() { put("\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l") }

private func put(_ text: StaticString) {
  _ = write(STDOUT_FILENO, text.utf8Start, text.utf8CodeUnitCount)
}
