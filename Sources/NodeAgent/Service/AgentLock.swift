import Glibc
import Platform
import Protocol

/// Keeps a second agent out of a state directory: two that speak for one server throw each other out.
final class AgentLock {
  private let lock: FileLock

  /// `nil` where nothing can be locked, for example on a disk that is full or read-only, and when the
  /// agent before was killed but still has a read that hangs in the kernel: neither may keep an agent
  /// from its work.
  ///
  /// - Throws: `DiagnosticError` when another agent runs on the directory.
  init?(directory: String) throws {
    do throws(FileLock.Refusal) {
      lock = try FileLock("\(directory)/agent.lock", .naming)
    } catch {
      guard case .held(let holder) = error else { return nil }
      if let holder, Self.isDying(holder) { return nil }
      throw DiagnosticError(
        .stateDirectoryUnusable, subject: directory,
        reason: "another agent\(holder.map { " (pid \($0))" } ?? "") runs on this state directory",
        remedy: "Stop it first; a second agent needs a state directory and an enrolment of its own."
      )
    }
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
