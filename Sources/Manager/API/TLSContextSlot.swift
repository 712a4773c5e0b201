import NIOCore
import NIOSSL
import Synchronization

/// Gives the context for one new connection. Called on an event loop for each connection, so it
/// must not block: keep the context made, and exchange it when the certificate changes.
package typealias TLSContextProvider = @Sendable () throws -> NIOSSLContext

/// Holds the context of the current certificate. New connections get the latest; those that are
/// open keep what they shook hands with.
package final class TLSContextSlot: Sendable {
  private let slot: Mutex<NIOSSLContext>

  package init(_ configuration: TLSConfiguration) throws {
    slot = Mutex(try Self.context(configuration))
  }

  package func replace(_ configuration: TLSConfiguration) throws {
    let context = try Self.context(configuration)
    slot.withLock { $0 = context }
  }

  package func current() -> NIOSSLContext { slot.withLock { $0 } }

  private static func context(_ configuration: TLSConfiguration) throws -> NIOSSLContext {
    var configuration = configuration
    configuration.applicationProtocols = ["http/1.1"]
    // How long a closing connection waits for its client's goodbye: clients that keep idle
    // connections never say it, and the manager must stop within seconds.
    configuration.shutdownTimeout = .seconds(1)
    return try NIOSSLContext(configuration: configuration)
  }
}
