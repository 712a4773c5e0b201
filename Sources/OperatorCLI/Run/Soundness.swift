import ManagerCore
import Protocol

/// Whether what a verb shows is sound. Only proven health is: unknown, degraded, recovering and
/// whatever a newer manager calls it make the exit code 5.
enum Soundness {
  static func isSound(_ status: SiteStatus) -> Bool {
    status.health == .healthy && isQuiet(status.findings)
  }

  static func isSound(_ server: ServerDetail) -> Bool {
    server.summary.health == .healthy && isQuiet(server.findings)
  }

  static func isSound(_ fileSystem: FileSystemDetail) -> Bool {
    fileSystem.summary.state == .available && isQuiet(fileSystem.findings)
  }

  static func isSound(_ target: TargetDetail) -> Bool {
    target.summary.state == .mounted && isQuiet(target.findings)
  }

  /// Warnings are for people to read; errors and emergencies are a state of their own.
  private static func isQuiet(_ findings: [Finding]) -> Bool {
    findings.allSatisfy { $0.diagnostic.severity == .info || $0.diagnostic.severity == .warning }
  }
}
