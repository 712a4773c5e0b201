import Protocol

/// A server as it is kept over a restart of the manager.
package struct ServerRecord: Hashable, Codable, Sendable {
  package var id: ServerID
  package var hostname: String
  package var profile: String
  package var enrolledNanoseconds: Int64
  package var certificateSerial: String?
  package var certificateExpiresNanoseconds: Int64?
  package var lastBoot: BootID?
  package var lastHeardNanoseconds: Int64?
  /// Its LNet NIDs when it last told them, so that failover servers have names after a restart.
  package var nids: [String]
  /// Whether its agent last read a tree instead of a live server; `nil` when it never said.
  package var readsTree: Bool?
  /// When each collector's last whole reads began, as last written down; `nil` from a manager that
  /// did not keep it. It dates what is kept of the server's words.
  package var collectorEvidence: [String: Int64]?
  package init(
    id: ServerID, hostname: String, profile: String, enrolledNanoseconds: Int64,
    certificateSerial: String? = nil, certificateExpiresNanoseconds: Int64? = nil,
    lastBoot: BootID? = nil, lastHeardNanoseconds: Int64? = nil, nids: [String] = []
  ) {
    self.id = id
    self.hostname = hostname
    self.profile = profile
    self.enrolledNanoseconds = enrolledNanoseconds
    self.certificateSerial = certificateSerial
    self.certificateExpiresNanoseconds = certificateExpiresNanoseconds
    self.lastBoot = lastBoot
    self.lastHeardNanoseconds = lastHeardNanoseconds
    self.nids = nids
  }
}

/// A management service: a connected component of NIDs, because every client and server reaches it
/// under some of them.
package struct MGSRecord: Hashable, Codable, Sendable {
  /// The id of targets whose MGS nobody names. There is no record of it.
  package static let unknownID = "unknown"
  package var id: String
  /// In the order in which they were learnt.
  package var nids: [String]
  /// The server on which it was found active while no NID of it was known.
  package var foundingServer: ServerID?
  /// Ids of records that turned out to be the same MGS.
  package var formerIDs: [String]
  package init(
    id: String, nids: [String], foundingServer: ServerID? = nil, formerIDs: [String] = []
  ) {
    self.id = id
    self.nids = nids
    self.foundingServer = foundingServer
    self.formerIDs = formerIDs
  }
}

/// A target and its id, which never changes; matched by (MGS, label).
package struct TargetRecord: Hashable, Codable, Sendable {
  package var id: String
  /// `MGSRecord.unknownID` until the MGS is known.
  package var mgs: String
  package var label: String
  package var kind: TargetKind
  package var fileSystem: String?
  package var lastActiveServer: ServerID?
  /// Kept beside the id, for a server may be forgotten.
  package var lastActiveHostname: String?
  package var lastActiveNanoseconds: Int64?
  /// Where it was ever seen active, sorted.
  package var servers: [ServerID]
  /// NIDs of the servers that may serve it, as the last imports named them, sorted.
  package var servingNIDs: [String]
  /// Ids of records that turned out to be the same target.
  package var formerIDs: [String]
  /// Capacity as last written down, by metric; `nil` from a manager that did not keep it.
  package var values: [String: KeptValue]?
  /// The servers that have it active at once, none of which has let go; `nil` when there are no two.
  package var double: KeptDouble?
  package init(
    id: String, mgs: String, label: String, kind: TargetKind, fileSystem: String?,
    lastActiveServer: ServerID? = nil, lastActiveHostname: String? = nil,
    lastActiveNanoseconds: Int64? = nil, servers: [ServerID] = [], servingNIDs: [String] = [],
    formerIDs: [String] = []
  ) {
    self.id = id
    self.mgs = mgs
    self.label = label
    self.kind = kind
    self.fileSystem = fileSystem
    self.lastActiveServer = lastActiveServer
    self.lastActiveHostname = lastActiveHostname
    self.lastActiveNanoseconds = lastActiveNanoseconds
    self.servers = servers
    self.servingNIDs = servingNIDs
    self.formerIDs = formerIDs
  }
}

/// Two servers or more with one target, as it is kept over a restart.
package struct KeptDouble: Hashable, Codable, Sendable {
  /// Sorted.
  package var servers: [ServerID]
  /// Wall clock.
  package var sinceNanoseconds: Int64
}

/// Which target and which MGS a server's words mean.
package struct ResolvedTarget: Hashable, Sendable {
  package var targetID: String
  /// `MGSRecord.unknownID` when nobody names it.
  package var mgsID: String
  package init(targetID: String, mgsID: String) {
    self.targetID = targetID
    self.mgsID = mgsID
  }
}

/// What the shell must do; records replace those of the same id.
package enum StateEffect: Hashable, Sendable {
  /// Two records are one target: series of `from` belong to `into` from now on.
  case mergedTarget(from: String, into: String)
  case mergedMGS(from: String, into: String)
  case removeServer(ServerID)
  case removeTarget(String)
  case removeMGS(String)
  case persistServer(ServerRecord)
  case persistMGS(MGSRecord)
  case persistTarget(TargetRecord)
  case persistMemory(ServerMemory)
  case persistTimeline(BatchTimeline.Record)
  case persistRepeatedTimes(RepeatedTimes)
}

/// Effects as they gather: each record once, however often it changed.
struct PendingEffects: Sendable {
  var merged: [StateEffect] = []
  var removedServers: Set<ServerID> = []
  var removedTargets: Set<String> = []
  var removedMGSs: Set<String> = []
  var servers: Set<ServerID> = []
  var targets: Set<String> = []
  var mgss: Set<String> = []
  var memories: [ServerID: ServerMemory] = [:]
  /// A danger is among them that a manager which ends now must know when it starts again.
  var isUrgent = false
}
