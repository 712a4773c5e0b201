/// Something that goes wrong on the site, or is put right again.
package enum Fault: Sendable, Hashable {
  case agentStop(server: String)
  case agentStart(server: String)
  /// Cuts the management network between the server's agent and the manager; Lustre goes on.
  case linkCut(server: String)
  case linkHeal(server: String)
  case powerLoss(server: String)
  case powerReturn(server: String)
  /// Moves targets that run on their failover server back to `server`, their primary.
  case failback(server: String)
  /// Mounts a target on its second server while the first still has it: the disaster.
  case mountTwice(target: String)
  /// Ends the second mount that `mountTwice` made.
  case unmountSecond(target: String)

  /// What puts it right, where something does.
  package var healed: Fault? {
    switch self {
    case .agentStop(let server): .agentStart(server: server)
    case .linkCut(let server): .linkHeal(server: server)
    case .powerLoss(let server): .powerReturn(server: server)
    case .mountTwice(let target): .unmountSecond(target: target)
    default: nil
    }
  }
}

/// A fault with its time on the site's clock.
package struct ScheduledFault: Sendable, Hashable {
  package var fault: Fault
  /// Nanoseconds since the site's start.
  package var at: Int64
  /// Nanoseconds until it is put right; `nil` for never.
  package var duration: Int64?

  package init(_ fault: Fault, at: Int64, duration: Int64? = nil) {
    self.fault = fault
    self.at = at
    self.duration = duration
  }
}

/// Why a fault's text means nothing, naming the part that is wrong and what could stand there.
package struct FaultSyntaxError: Error, Hashable, CustomStringConvertible {
  package var part: String
  package var reason: String
  package var possible: [String]

  package var description: String {
    let choice = possible.isEmpty ? "" : "; possible: " + possible.joined(separator: ", ")
    return "\"\(part)\" \(reason)\(choice)"
  }
}
