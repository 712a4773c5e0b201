import Protocol

/// A server of the simulated site.
package struct SimulatedServer: Sendable, Hashable {
  package let name: String
  /// The other server of its HA pair.
  package let twin: String
  package let nid: String
  package let layout: Layout
  package internal(set) var isPoweredOn = true
  /// False while `iml-agent` is to be stopped there, and while the power is off.
  package internal(set) var agentRunning = true
  /// False while the management network between its agent and the manager is cut.
  package internal(set) var linkUp = true
  package internal(set) var bootID: BootID
  /// Nanoseconds since the site's start; negative for a boot before it.
  package internal(set) var bootedAt: Int64
  /// Whom the operator or an earlier stop keeps the agent down for, across a return of power.
  var agentStopped = false
  var traffic = ServerTraffic()
}

/// What a server's kernel counts since its boot.
struct ServerTraffic: Sendable, Hashable {
  var messagesSent: UInt64 = 0
  var messagesReceived: UInt64 = 0
  var bytesSent: UInt64 = 0
  var bytesReceived: UInt64 = 0
  /// Microseconds that service threads were busy.
  var busyMicroseconds: UInt64 = 0
  var busyAtLastTick: UInt64 = 0
  var loadOne = 0.3
  var loadFive = 0.3
  var loadFifteen = 0.3
}

/// A target of the simulated site, for those who check what an agent or a manager says of it.
package struct SimulatedTarget: Sendable, Hashable {
  /// `scratch-OST0000`, or `MGS`.
  package var label: String
  package var kind: TargetKind
  /// `nil` for the management target.
  package var fileSystem: String?
  /// The primary server, then the failover server.
  package var servers: [String]
  /// Where it is mounted: one server, none, or two in the disaster.
  package var mountedOn: [String]
  package var recovery: RecoveryStatus?
  package var instance: Int64
}
