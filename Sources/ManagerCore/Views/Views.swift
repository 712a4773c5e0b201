import Protocol

/// The answers of the API, as the CLI and the dashboard read them. Ages are in seconds, sizes in
/// bytes, times in nanoseconds since the epoch of the manager's corrected clock.

/// One word for a person: `unknown` is never shown as healthy.
package enum Health: String, WireEnum {
  case healthy, degraded, unhealthy, unknown, unrecognised
}

/// Whether an agent is heard.
package enum Contact: String, WireEnum {
  case connected, suspect, lost
  /// Enrolled, never heard since the manager's state began.
  case never
  case unrecognised
}

package enum FileSystemState: String, WireEnum {
  case available, degraded, unavailable, stopped, unknown, unrecognised
}

package enum TargetState: String, WireEnum {
  case mounted, recovering
  /// Fresh evidence from every server that may serve it says that it is nowhere active.
  case unmounted
  /// No evidence that still holds; `since` and `reason` tell why.
  case unknown
  /// Active on two servers: data are in danger.
  case twice
  case unrecognised
}

/// A diagnostic that holds now, and since when.
package struct Finding: Codable, Hashable, Sendable {
  package var diagnostic: Diagnostic
  package var ageSeconds: Double
  package init(diagnostic: Diagnostic, ageSeconds: Double) {
    self.diagnostic = diagnostic
    self.ageSeconds = ageSeconds
  }
}

/// `GET /api/v1/status`
package struct SiteStatus: Codable, Hashable, Sendable {
  package var managerVersion: String
  package var upSeconds: Double
  package var health: Health
  package var servers: [ServerSummary]
  package var fileSystems: [FileSystemSummary]
  /// Worst first.
  package var findings: [Finding]
  package init(
    managerVersion: String, upSeconds: Double, health: Health, servers: [ServerSummary],
    fileSystems: [FileSystemSummary], findings: [Finding]
  ) {
    self.managerVersion = managerVersion
    self.upSeconds = upSeconds
    self.health = health
    self.servers = servers
    self.fileSystems = fileSystems
    self.findings = findings
  }
}

/// `GET /api/v1/servers`
package struct ServerSummary: Codable, Hashable, Sendable {
  package var id: ServerID
  package var hostname: String
  package var profile: String
  package var contact: Contact
  /// Seconds since a byte was last heard; `nil` when never.
  package var heardSecondsAgo: Double?
  package var health: Health
  /// Why the health is what it is, in a sentence; empty when healthy.
  package var reason: String
  package var lustreVersion: String?
  /// Labels of the targets active here by the last evidence.
  package var targets: [String]
  package var bootID: BootID?
  /// The agent reads a tree instead of a live server.
  package var readsTree: Bool
  /// Its certificate is revoked: it is not heard until it is enrolled anew. `nil`: not told.
  package var isRevoked: Bool?
  package init(
    id: ServerID, hostname: String, profile: String, contact: Contact, heardSecondsAgo: Double?,
    health: Health, reason: String, lustreVersion: String?, targets: [String], bootID: BootID?,
    readsTree: Bool
  ) {
    self.id = id
    self.hostname = hostname
    self.profile = profile
    self.contact = contact
    self.heardSecondsAgo = heardSecondsAgo
    self.health = health
    self.reason = reason
    self.lustreVersion = lustreVersion
    self.targets = targets
    self.bootID = bootID
    self.readsTree = readsTree
  }
}

/// A reported section with the age of its evidence.
package struct SectionView: Codable, Hashable, Sendable {
  package var key: SectionKey
  package var collector: String
  /// Seconds since the reads behind it began, by the manager's clock.
  package var evidenceSecondsAgo: Double
  /// False when its collector fails, stalls or the agent is not connected.
  package var isCurrent: Bool
  package var body: JSONValue
  package init(
    key: SectionKey, collector: String, evidenceSecondsAgo: Double, isCurrent: Bool,
    body: JSONValue
  ) {
    self.key = key
    self.collector = collector
    self.evidenceSecondsAgo = evidenceSecondsAgo
    self.isCurrent = isCurrent
    self.body = body
  }
}

/// Samples that the manager does not have, and says so.
package struct SampleLoss: Codable, Hashable, Sendable {
  /// The last batch held before and the first after, by corrected time; `nil` at the beginning.
  package var afterNanoseconds: Int64?
  package var beforeNanoseconds: Int64
  /// Batches lost; `nil` when nobody can know (the agent's process died with them).
  package var batches: UInt64?
  /// Values lost in them, when the agent told.
  package var samples: UInt64?
  package var reason: String
  package init(
    afterNanoseconds: Int64?, beforeNanoseconds: Int64, batches: UInt64?, samples: UInt64?,
    reason: String
  ) {
    self.afterNanoseconds = afterNanoseconds
    self.beforeNanoseconds = beforeNanoseconds
    self.batches = batches
    self.samples = samples
    self.reason = reason
  }
}

/// `GET /api/v1/servers/{name or id}`
package struct ServerDetail: Codable, Hashable, Sendable {
  package var summary: ServerSummary
  package var agentVersion: String?
  package var address: String?
  package var certificateSerial: String?
  package var certificateExpiresNanoseconds: Int64?
  package var sessionSeconds: Double?
  /// Manager's wall clock minus the agent's, in seconds.
  package var clockOffsetSeconds: Double?
  package var sections: [SectionView]
  package var findings: [Finding]
  package var losses: [SampleLoss]
  package var batchesReceived: UInt64
  package var samplesReceived: UInt64
  package var recentLog: [LogLine]
  package init(
    summary: ServerSummary, sections: [SectionView], findings: [Finding], losses: [SampleLoss],
    batchesReceived: UInt64, samplesReceived: UInt64, recentLog: [LogLine]
  ) {
    self.summary = summary
    self.sections = sections
    self.findings = findings
    self.losses = losses
    self.batchesReceived = batchesReceived
    self.samplesReceived = samplesReceived
    self.recentLog = recentLog
  }
}

/// `GET /api/v1/filesystems`
package struct FileSystemSummary: Codable, Hashable, Sendable {
  package var id: String
  package var name: String
  /// The MGS's first NID, or `unknown`.
  package var mgs: String
  package var state: FileSystemState
  package var reason: String
  package var mdts: Int
  package var osts: Int
  /// Targets that are mounted or recovering by current evidence.
  package var targetsActive: Int
  /// Of the OSTs with a current or last value; `nil` when none has one. `bytesTargets` tells how
  /// many of `osts` that are: while they are fewer, the sums are a part of the whole.
  package var bytesTotal: UInt64?
  package var bytesFree: UInt64?
  package var bytesAvailable: UInt64?
  /// How many OSTs the bytes are summed over; `nil` of a manager that does not tell.
  package var bytesTargets: Int?
  /// MDTs and OSTs. It wraps around where a manager tells of more than there are numbers.
  package var targets: Int { mdts &+ osts }
  /// Of the MDTs.
  package var inodesTotal: UInt64?
  package var inodesFree: UInt64?
  /// How many MDTs the inodes are summed over.
  package var inodesTargets: Int?
  /// Distinct client UUIDs over the MDTs that tell; `nil` when none does.
  package var clients: Int?
  /// How many MDTs tell of their clients.
  package var clientsTargets: Int?
  /// Seconds since the oldest evidence behind the capacity and clients; `nil` without any.
  package var evidenceSecondsAgo: Double?
  package init(
    id: String, name: String, mgs: String, state: FileSystemState, reason: String, mdts: Int,
    osts: Int, targetsActive: Int
  ) {
    self.id = id
    self.name = name
    self.mgs = mgs
    self.state = state
    self.reason = reason
    self.mdts = mdts
    self.osts = osts
    self.targetsActive = targetsActive
  }
}

/// `GET /api/v1/filesystems/{name or id}`
package struct FileSystemDetail: Codable, Hashable, Sendable {
  package var summary: FileSystemSummary
  package var mgsNIDs: [String]
  /// Host names of the servers where this file system's MGS is active by current evidence.
  package var mgsActiveOn: [String]
  package var targets: [TargetSummary]
  package var clients: [ExportsSection.Client]
  package var findings: [Finding]
  package init(
    summary: FileSystemSummary, mgsNIDs: [String], mgsActiveOn: [String],
    targets: [TargetSummary], clients: [ExportsSection.Client], findings: [Finding]
  ) {
    self.summary = summary
    self.mgsNIDs = mgsNIDs
    self.mgsActiveOn = mgsActiveOn
    self.targets = targets
    self.clients = clients
    self.findings = findings
  }
}

/// `GET /api/v1/targets`
package struct TargetSummary: Codable, Hashable, Sendable {
  package var id: String
  package var label: String
  package var kind: TargetKind
  package var fileSystem: String?
  package var mgs: String
  package var state: TargetState
  package var reason: String
  /// Host name of the server where it is active by current evidence; of several the one that had it
  /// first.
  package var activeOn: String?
  /// All servers where it is active: two or more while its state is `twice`. That one of them has
  /// fallen silent meanwhile takes it off this list no more than it ends the danger.
  package var activeServers: [String]?
  /// Host name of the last server where it was seen active.
  package var lastActiveOn: String?
  /// Host names of the servers that may serve it and where it is not active; NIDs of servers without
  /// an agent.
  package var failoverServers: [String]
  package var evidenceSecondsAgo: Double?
  package var bytesTotal: UInt64?
  package var bytesFree: UInt64?
  package var bytesAvailable: UInt64?
  package var inodesTotal: UInt64?
  package var inodesFree: UInt64?
  /// Age of the oldest of these sizes: they may be older than what is known of the state.
  package var capacitySecondsAgo: Double?
  package var clients: Int?
  package var backend: String?
  package var recovery: RecoveryStatus?
  package init(
    id: String, label: String, kind: TargetKind, fileSystem: String?, mgs: String,
    state: TargetState, reason: String, activeOn: String?, lastActiveOn: String?,
    failoverServers: [String]
  ) {
    self.id = id
    self.label = label
    self.kind = kind
    self.fileSystem = fileSystem
    self.mgs = mgs
    self.state = state
    self.reason = reason
    self.activeOn = activeOn
    self.lastActiveOn = lastActiveOn
    self.failoverServers = failoverServers
  }
}

/// `GET /api/v1/targets/{label or id}`
package struct TargetDetail: Codable, Hashable, Sendable {
  package var summary: TargetSummary
  package var device: String?
  package var mountPoint: String?
  package var uuid: String?
  package var clientList: [ExportsSection.Client]
  /// Which server says what of it, newest evidence first.
  package var claims: [Claim]
  package var findings: [Finding]
  package struct Claim: Codable, Hashable, Sendable {
    package var server: String
    package var isActive: Bool
    package var isCurrent: Bool
    package var evidenceSecondsAgo: Double
    package init(server: String, isActive: Bool, isCurrent: Bool, evidenceSecondsAgo: Double) {
      self.server = server
      self.isActive = isActive
      self.isCurrent = isCurrent
      self.evidenceSecondsAgo = evidenceSecondsAgo
    }
  }
  package init(
    summary: TargetSummary, clientList: [ExportsSection.Client], claims: [Claim],
    findings: [Finding]
  ) {
    self.summary = summary
    self.clientList = clientList
    self.claims = claims
    self.findings = findings
  }
}
