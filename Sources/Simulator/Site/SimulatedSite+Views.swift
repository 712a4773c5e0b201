import Protocol

extension SimulatedSite {
  /// The targets with where they are now.
  package var targets: [SimulatedTarget] {
    zip(plan.targets, states).map { target, state in
      SimulatedTarget(
        label: target.label, kind: target.kind,
        fileSystem: plan.fileSystems.indices.contains(target.fileSystem)
          ? plan.fileSystems[target.fileSystem].name : nil,
        servers: [servers[target.primary].name, servers[target.failover].name],
        mountedOn: state.mounts.map { servers[$0.server].name },
        recovery: state.mounts.first.map { status(target, $0) },
        instance: state.lastInstance)
    }
  }

  private func status(_ target: SitePlan.Target, _ mount: Mount) -> RecoveryStatus {
    guard target.kind != .mgt else { return .inactive }
    return switch mount.recovery(at: now).phase {
    case .waitingForClients: .waitingForClients
    case .recovering: .recovering
    case .complete: .complete
    }
  }

  /// The UUIDs of a file system's clients and their NIDs.
  package func clients(of fileSystem: String) -> [(uuid: String, nid: String)] {
    guard let position = plan.fileSystems.firstIndex(where: { $0.name == fileSystem }) else {
      return []
    }
    return plan.clients.map { ($0.uuids[position], $0.nid) }
  }

  /// What a file system's clients say they moved, since their targets were first mounted.
  package func clientTotals(of fileSystem: String) -> (read: UInt64, written: UInt64) {
    guard let position = plan.fileSystems.firstIndex(where: { $0.name == fileSystem }) else {
      return (0, 0)
    }
    return clientBytes[position].reduce(into: (0, 0)) { total, client in
      total.0 += client.read
      total.1 += client.written
    }
  }

  /// What a file system's OSTs counted over all their mounts.
  package func objectTotals(of fileSystem: String) -> (read: UInt64, written: UInt64) {
    guard let whole = plan.fileSystems.first(where: { $0.name == fileSystem }) else {
      return (0, 0)
    }
    return whole.objectTargets.reduce(into: (0, 0)) { total, target in
      total.0 += states[target].bytesRead
      total.1 += states[target].bytesWritten
    }
  }
}
