import FoundationEssentials
import Glibc
import ManagerCore
import NIOCore

/// The process at the other end of a Unix socket, as it was when it connected. The kernel's
/// `struct ucred` (unix(7), `SO_PEERCRED`): pid, uid and gid, 32 bits each, in this order.
struct PeerCredentials: Sendable {
  let process: Int32
  let user: UInt32
  let group: UInt32

  static func of(_ channel: any Channel) async throws -> PeerCredentials {
    guard let provider = channel as? any SocketOptionProvider else {
      throw ChannelError.operationUnsupported
    }
    return try await provider.unsafeGetSocketOption(
      level: .socket, name: NIOBSDSocket.Option(rawValue: SO_PEERCRED)
    ).get()
  }
}

/// Whom the Unix socket admits: root, and the user that the manager runs as. Both can read the
/// manager's state anyway, so a token would protect nothing.
package enum LocalUsers {
  package static func caller(user: UInt32) -> Caller? {
    caller(user: user, own: geteuid(), name: ownName)
  }

  static func caller(user: UInt32, own: UInt32, name: String) -> Caller? {
    if user == 0 { return Caller(name: "root", role: .admin) }
    return user == own ? Caller(name: name, role: .admin) : nil
  }

  /// From `/etc/passwd` itself: the C library's lookup loads modules, which a static program cannot.
  private static let ownName: String = {
    let own = geteuid()
    let lines = (try? String(contentsOfFile: "/etc/passwd", encoding: .utf8)) ?? ""
    return name(of: own, in: lines) ?? "uid \(own)"
  }()

  static func name(of user: UInt32, in passwd: String) -> String? {
    for line in passwd.split(separator: "\n") {
      let fields = line.split(separator: ":", omittingEmptySubsequences: false)
      if fields.count >= 3, !fields[0].isEmpty, UInt32(fields[2]) == user {
        return String(fields[0])
      }
    }
    return nil
  }
}
