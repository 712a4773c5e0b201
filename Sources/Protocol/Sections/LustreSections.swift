/// `health_check`, in its three shapes.
package enum LustreHealth: String, WireEnum {
  case healthy, unhealthy, lbug, unrecognised
}

/// The Lustre node as such: `version`, `health_check`, `devices`.
package struct LustreSection: SectionBody {
  package static let sectionName = "lustre"
  package struct Device: Codable, Hashable, Sendable {
    /// `UP`, `ST`, `IN`, `AT`, `--`.
    package var status: String
    /// `mgs`, `mdt`, `obdfilter`, `osp` …
    package var type: String
    package var name: String
    package init(status: String, type: String, name: String) {
      self.status = status
      self.type = type
      self.name = name
    }
  }
  package var version: String?
  package var health: LustreHealth?
  /// Devices that `health_check` calls unhealthy.
  package var unhealthyDevices: [String]
  package var devices: [Device]
  /// False when debugfs is not mounted or not readable: much of 2.12 and later is then invisible.
  package var debugfsReadable: Bool
  package init(
    version: String?, health: LustreHealth?, unhealthyDevices: [String], devices: [Device],
    debugfsReadable: Bool
  ) {
    self.version = version
    self.health = health
    self.unhealthyDevices = unhealthyDevices
    self.devices = devices
    self.debugfsReadable = debugfsReadable
  }
}

/// The management service: which file systems and targets are registered there (`live/*`).
package struct MGSSection: SectionBody {
  package static let sectionName = "mgs"
  package struct LiveFileSystem: Codable, Hashable, Sendable {
    package var name: String
    package var generation: Int64?
    /// Labels, in the file's order.
    package var targets: [String]
    /// `full`, `startup`, `disabled`, `partial`.
    package var imperativeRecovery: String?
    /// The other lines of `imperative_recovery_state`, and `flags`, as the file has them:
    /// `nonir_clients`, `nidtbl_version`, `notify_count`, `notify_duration_total`, `notify_duation_max` (sic).
    package var details: [String: String]?
    package init(
      name: String, generation: Int64?, targets: [String], imperativeRecovery: String?
    ) {
      self.name = name
      self.generation = generation
      self.targets = targets
      self.imperativeRecovery = imperativeRecovery
    }
  }
  /// NIDs of this MGS as this server knows them (its `mgc` and its own LNet NIDs without `0@lo`).
  package var nids: [String]
  package var fileSystems: [LiveFileSystem]
  package init(nids: [String], fileSystems: [LiveFileSystem]) {
    self.nids = nids
    self.fileSystems = fileSystems
  }
}

package enum TargetKind: String, WireEnum {
  case mgt = "MGT"
  case mdt = "MDT"
  case ost = "OST"
  case unrecognised
}

package enum RecoveryStatus: String, WireEnum {
  case inactive = "INACTIVE"
  case complete = "COMPLETE"
  case waiting = "WAITING"
  case waitingForClients = "WAITING_FOR_CLIENTS"
  case recovering = "RECOVERING"
  case unrecognised
}

/// A target that is active on this server: its OBD device is set up there. Subject: the label
/// (`MGS` for the management target). A server without the target has no such section.
package struct TargetSection: SectionBody {
  package static let sectionName = "target"
  package var kind: TargetKind
  package var reference: TargetReference
  /// `nil` for the MGT, and for a name that is no label.
  package var fileSystem: String?
  package var index: Int?
  package var uuid: String?
  /// `ldiskfs`, `zfs`.
  package var backend: String?
  /// From the mount table or `mntdev`.
  package var device: String?
  package var mountPoint: String?
  /// From Lustre 2.16 a server's `ro` is the truth; earlier it means nothing and this is `nil`.
  package var readOnly: Bool?
  /// `instance`: grows with each mount of the target.
  package var instance: Int64?
  package var recovery: RecoveryStatus?
  /// `VBR` and `IR` of `recovery_status`: `ENABLED` or `DISABLED`.
  package var versionBasedRecovery: String?
  package var imperativeRecovery: String?
  /// `non-ready MDTs` of a target that waits for them.
  package var waitsFor: String?
  /// `degraded` of an OST.
  package var degraded: Bool?
  package init(kind: TargetKind, reference: TargetReference) {
    self.kind = kind
    self.reference = reference
  }
}

/// Who is connected to a target. Subject: the label.
package struct ExportsSection: SectionBody {
  package static let sectionName = "exports"
  package struct Client: Codable, Hashable, Sendable, Comparable {
    package var uuid: String
    package var nid: String
    package init(uuid: String, nid: String) {
      self.uuid = uuid
      self.nid = nid
    }
    package static func < (a: Client, b: Client) -> Bool { (a.uuid, a.nid) < (b.uuid, b.nid) }
  }
  package var reference: TargetReference
  /// Real clients only, sorted; servers' own connections (`lwp`, `mdtlov`, …) are counted beside.
  package var clients: [Client]
  package var serverConnections: Int
  package init(reference: TargetReference, clients: [Client], serverConnections: Int) {
    self.reference = reference
    self.clients = clients
    self.serverConnections = serverConnections
  }
}

/// What this server's own connections to targets elsewhere know: `osp`, `lwp` and `mgc` imports.
package struct ImportsSection: SectionBody {
  package static let sectionName = "imports"
  package struct Import: Codable, Hashable, Sendable {
    /// `fs1-OST0000-osc-MDT0000`, `MGC10.0.0.1@tcp`.
    package var name: String
    /// The label of the target at the other end (`MGS` for an mgc).
    package var target: String
    /// `FULL`, `DISCONN`, `CONNECTING`, `RECOVER`, `EVICTED`, `IDLE` …
    package var state: String?
    package var currentConnection: String?
    /// All NIDs of all servers that may serve the target.
    package var failoverNIDs: [String]
    package var mgs: [String]
    package init(
      name: String, target: String, state: String?, currentConnection: String?,
      failoverNIDs: [String], mgs: [String]
    ) {
      self.name = name
      self.target = target
      self.state = state
      self.currentConnection = currentConnection
      self.failoverNIDs = failoverNIDs
      self.mgs = mgs
    }
  }
  package var imports: [Import]
  package init(imports: [Import]) { self.imports = imports }
}

/// How a collector's last cycle ended.
package enum CollectorOutcome: String, WireEnum {
  case sampled
  case notApplicable
  case failed
  /// Its read has not come back; its sections keep their age.
  case stalled
  case unrecognised
}

/// How the collectors fare, so that a missing number has its why. Subject: none.
package struct CollectorsSection: SectionBody {
  package static let sectionName = "collectors"
  package struct Collector: Codable, Hashable, Sendable {
    package var name: String
    package var outcome: CollectorOutcome
    package var reason: String?
    /// Parameters whose lines were not all understood, `obdfilter.fs1-OST0000.stats` …, at most 20.
    package var leftovers: [String]
    /// `source: reason` of each read that failed, at most 20.
    package var failures: [String]
    package init(
      name: String, outcome: CollectorOutcome, reason: String?, leftovers: [String],
      failures: [String]
    ) {
      self.name = name
      self.outcome = outcome
      self.reason = reason
      self.leftovers = leftovers
      self.failures = failures
    }
  }
  package var collectors: [Collector]
  package init(collectors: [Collector]) { self.collectors = collectors }
}
