import Glibc

/// systemd's notification protocol: datagrams of `KEY=value` lines to the socket that
/// `NOTIFY_SOCKET` names (sd_notify(3)). Does nothing when there is none.
package struct ServiceNotifier: Sendable {
  private let address: String?
  /// Half of `WATCHDOG_USEC`, when systemd watches this process.
  package let watchdogInterval: Duration?

  package init(environment: (String) -> String? = ServiceNotifier.environment) {
    address = environment("NOTIFY_SOCKET").flatMap { $0.isEmpty ? nil : $0 }
    let isOurs = environment("WATCHDOG_PID").map { $0 == String(getpid()) } ?? true
    watchdogInterval = environment("WATCHDOG_USEC").flatMap(Int64.init).flatMap {
      isOurs && $0 > 0 ? .microseconds(min($0, 86_400_000_000) / 2) : nil
    }
  }

  package static func environment(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
  }

  package func ready(status: String) { send("READY=1\nSTATUS=\(status)") }
  package func status(_ text: String) { send("STATUS=\(text)") }
  package func watchdog() { send("WATCHDOG=1") }
  package func stopping() { send("STOPPING=1") }

  private func send(_ text: String) {
    guard let address else { return }
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    var path = Array(address.utf8)
    // A leading @ stands for the NUL of the abstract namespace.
    if path.first == UInt8(ascii: "@") { path[0] = 0 }
    let room = MemoryLayout.size(ofValue: name.sun_path)
    guard path.count < room else { return }
    withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path) }
    let length = socklen_t(MemoryLayout<sa_family_t>.size + path.count)
    let bytes = Array(text.utf8)
    _ = withUnsafePointer(to: &name) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), $0, length)
      }
    }
  }
}
