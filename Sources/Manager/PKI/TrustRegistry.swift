import Protocol
import Synchronization

/// Whom the manager trusts right now, in memory: asked at each handshake, so it never waits for a
/// disk. It is loaded from the store, and changed only after the store holds the change.
package final class TrustRegistry: Sendable {
  /// Certificates of one server that stopped to be trusted.
  package struct Revocation: Sendable, Hashable {
    package let server: ServerID
    package let serials: Set<String>
    /// What the live sessions of these certificates are told.
    package let diagnostic: Diagnostic
  }
  enum Standing { case known, forgotten, unknown }

  private struct State {
    var servers: Set<ServerID> = []
    var forgotten: Set<ServerID> = []
    /// All serials ever revoked: 2,000 servers, one a year, are 40 kB.
    var revoked: Set<String> = []
    var watchers: [@Sendable (Revocation) -> Void] = []
  }
  private let state = Mutex(State())

  package init() {}

  /// Takes what the store knows.
  package convenience init(loading store: StateStore) async throws(DiagnosticError) {
    self.init()
    let servers = try await store.servers()
    let certificates = try await store.certificates()
    state.withLock { state in
      for server in servers {
        if server.isForgotten {
          state.forgotten.insert(server.id)
        } else {
          state.servers.insert(server.id)
        }
      }
      for certificate in certificates where certificate.revokedNanoseconds != nil {
        state.revoked.insert(certificate.serial)
      }
    }
  }

  /// Calls `watcher` at each later revocation, from any thread: the listener cuts those sessions.
  package func onRevocation(_ watcher: @escaping @Sendable (Revocation) -> Void) {
    state.withLock { $0.watchers.append(watcher) }
  }

  package func isRevoked(_ serial: String) -> Bool {
    state.withLock { $0.revoked.contains(serial) }
  }

  /// Why a certificate that our authority made is not trusted (any more); `nil` when it is.
  package func distrust(of server: ServerID, serial: String) -> Diagnostic? {
    // A forgotten server's certificates are revoked too; the more telling reason comes first.
    switch standing(of: server) {
    case .known: break
    case .forgotten:
      return Diagnostic(
        .serverForgotten, subject: server.text, reason: "the server was forgotten by this manager",
        remedy: "Enrol it anew with a token.")
    case .unknown:
      return Diagnostic(
        .certificateUnknown, subject: server.text,
        reason: "the server is not enrolled with this manager", remedy: "Enrol it with a token.")
    }
    guard isRevoked(serial) else { return nil }
    return Diagnostic(
      .certificateRevoked, subject: server.text, reason: "its certificate \(serial) was revoked",
      remedy: "Enrol it anew with a token.")
  }

  func standing(of server: ServerID) -> Standing {
    state.withLock { state in
      state.servers.contains(server)
        ? .known : state.forgotten.contains(server) ? .forgotten : .unknown
    }
  }

  func enrolled(_ server: ServerID) {
    state.withLock { state in
      state.forgotten.remove(server)
      state.servers.insert(server)
    }
  }

  func revoked(_ revocation: Revocation, forgets: Bool) {
    let watchers = state.withLock { state in
      state.revoked.formUnion(revocation.serials)
      if forgets {
        state.servers.remove(revocation.server)
        state.forgotten.insert(revocation.server)
      }
      return state.watchers
    }
    for watcher in watchers { watcher(revocation) }
  }
}
