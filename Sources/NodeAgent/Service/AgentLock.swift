import Glibc
import Protocol

/// Keeps a second agent out of a state directory: two that speak for one server throw each other out.
final class AgentLock {
  private let descriptor: Int32

  /// `nil` where nothing can be locked, for example on a disk that is full or read-only, and when the
  /// agent before was killed but still has a read that hangs in the kernel: neither may keep an agent
  /// from its work.
  ///
  /// - Throws: `DiagnosticError` when another agent runs on the directory.
  init?(directory: String) throws {
    let path = "\(directory)/agent.lock"
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return nil }
    self.descriptor = descriptor
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      guard errno == EWOULDBLOCK else { return nil }
      let holder = Self.holder(descriptor)
      if let holder, Self.isDying(holder) { return nil }
      throw DiagnosticError(
        .stateDirectoryUnusable, subject: directory,
        reason: "another agent\(holder.map { " (pid \($0))" } ?? "") runs on this state directory",
        remedy: "Stop it first; a second agent needs a state directory and an enrolment of its own."
      )
    }
    _ = ftruncate(descriptor, 0)
    let text = Array("\(getpid())\n".utf8)
    _ = write(descriptor, text, text.count)
  }

  deinit {
    // Not left to the close: a child between fork and exec has the descriptor too.
    _ = flock(descriptor, LOCK_UN)
    close(descriptor)
  }

  private static func holder(_ descriptor: Int32) -> pid_t? {
    var bytes = [UInt8](repeating: 0, count: 32)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    guard count > 0 else { return nil }
    let text = String(decoding: bytes[..<count], as: UTF8.self)
    return text.split(separator: "\n").first.flatMap { pid_t($0) }
  }

  /// Whether a process was killed and only waits for a thread in the kernel: it has ended but for that,
  /// or SIGKILL is pending (proc_pid_status(5)).
  static func isDying(_ process: pid_t) -> Bool {
    guard let status = try? HostRoot("/").read("/proc/\(process)/status") else { return false }
    for line in String(decoding: status, as: UTF8.self).split(separator: "\n") {
      let words = line.split(whereSeparator: { $0 == "\t" || $0 == " " })
      guard words.count > 1 else { continue }
      switch words[0] {
      case "State:": if words[1] == "Z" || words[1] == "X" { return true }
      case "SigPnd:", "ShdPnd:":
        if let pending = UInt64(words[1], radix: 16), pending & 1 << UInt64(SIGKILL - 1) != 0 {
          return true
        }
      default: break
      }
    }
    return false
  }
}
