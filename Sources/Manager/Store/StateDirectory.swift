import Glibc
import Platform
import Protocol

/// The manager's state directory: its own, mode 0700, and held by one process at a time.
///
/// The lock is a `flock` on `lock` inside it; the kernel drops it with the process, so a manager
/// that was killed leaves nothing to clean up.
package final class StateDirectory: Sendable {
  package let path: String
  private let lock: FileLock

  /// Makes the directory when it is missing, closes it to others, and takes the lock.
  package init(path: String) throws(DiagnosticError) {
    var path = path
    while path.count > 1 && path.hasSuffix("/") { path.removeLast() }
    if mkdir(path, 0o700) != 0 && errno != EEXIST {
      throw Self.unusable(path, "it can not be created", errno)
    }
    guard chmod(path, 0o700) == 0 else {
      throw Self.unusable(path, "its permissions can not be set to 0700", errno)
    }
    self.path = path
    do throws(FileLock.Refusal) {
      lock = try FileLock(path + "/lock", .naming, flags: O_NOFOLLOW)
    } catch {
      throw Self.refusal(path, error)
    }
  }

  /// Whoever held it has ended all that touches it, though not every reference may be gone yet.
  package func release() { lock.release() }

  private static func refusal(_ path: String, _ refusal: FileLock.Refusal) -> DiagnosticError {
    switch refusal {
    case .held(let holder):
      let pid = holder.map { String($0) } ?? "unknown"
      return DiagnosticError(
        .databaseLocked, subject: path,
        reason: "another manager (pid \(pid)) uses this state directory",
        remedy: "Stop that manager, or choose another state directory.")
    case .unusable(let error):
      let what = error.operation == "open" ? "opened" : "locked"
      return unusable(path, "its lock file can not be \(what)", error.errorNumber)
    }
  }

  private static func unusable(_ path: String, _ what: String, _ code: CInt) -> DiagnosticError {
    DiagnosticError(
      .stateDirectoryUnusable, subject: path, reason: "\(what): \(String(cString: strerror(code)))",
      remedy: "Give the manager a directory that its user owns and may write.")
  }
}
