import GRDB
import ManagerCore
import Protocol

/// What the observed state starts from after a restart.
package struct SiteRecords: Sendable {
  /// Enrolled servers without the forgotten ones.
  package var servers: [ServerRecord]
  package var mgs: [MGSRecord]
  package var targets: [TargetRecord]
  /// Of the enrolled servers.
  package var memories: [ServerMemory]
  package init(
    servers: [ServerRecord], mgs: [MGSRecord], targets: [TargetRecord],
    memories: [ServerMemory] = []
  ) {
    self.memories = memories
    self.servers = servers
    self.mgs = mgs
    self.targets = targets
  }
}

extension StateStore {
  /// All records, by id. Who is enrolled and with which certificate, the trust tables tell.
  package func siteRecords() async throws(DiagnosticError) -> SiteRecords {
    let remembered = try await documents(.server, as: ServerRecord.self)
    let servers = try await servers().filter { !$0.isForgotten }.map { entry in
      var record = ServerRecord(
        id: entry.id, hostname: entry.hostname, profile: entry.profile.rawValue,
        enrolledNanoseconds: entry.enrolledNanoseconds, certificateSerial: entry.certificateSerial,
        certificateExpiresNanoseconds: entry.certificateExpiresNanoseconds, lastBoot: entry.boot,
        lastHeardNanoseconds: entry.heardNanoseconds, nids: remembered[entry.id.text]?.nids ?? [])
      record.readsTree = remembered[entry.id.text]?.readsTree
      record.collectorEvidence = remembered[entry.id.text]?.collectorEvidence
      return record
    }
    return SiteRecords(
      servers: servers.sorted { $0.id < $1.id },
      mgs: try await documents(.mgs, as: MGSRecord.self).values.sorted { $0.id < $1.id },
      targets: try await documents(.target, as: TargetRecord.self).values.sorted { $0.id < $1.id },
      memories: try await documents(.memory, as: ServerMemory.self).values
        .sorted { $0.server < $1.server })
  }

  /// Makes changes of the observed state durable, in one transaction. A server's enrolment and
  /// certificate are never changed here: a record may be older than what the trust tables say.
  package func apply(_ effects: [StateEffect]) async throws(DiagnosticError) {
    guard !effects.isEmpty else { return }
    try await write { db in
      for effect in effects { try Self.apply(effect, db) }
    }
  }

  private static func apply(_ effect: StateEffect, _ db: Database) throws {
    switch effect {
    case .mergedTarget(let from, let into):
      try db.execute(
        sql: "UPDATE series SET subject = ? WHERE subject_kind = 'target' AND subject = ?",
        arguments: [into, from])
    // What it means for targets and other records comes as effects of its own.
    case .mergedMGS: break
    case .removeServer(let id):
      try remove(.server, id.text, db)
      try remove(.memory, id.text, db)
      try remove(.timeline, id.text, db)
    case .removeTarget(let id): try remove(.target, id, db)
    case .removeMGS(let id): try remove(.mgs, id, db)
    case .persistServer(let record):
      try put(.server, record.id.text, record, db)
      try db.execute(
        sql: """
          UPDATE servers SET hostname = ?1, boot = coalesce(?2, boot),
            heard_ns = coalesce(?3, heard_ns) WHERE id = ?4
          """,
        arguments: [
          record.hostname, record.lastBoot?.text, record.lastHeardNanoseconds, record.id.text,
        ])
    case .persistMGS(let record): try put(.mgs, record.id, record, db)
    case .persistTarget(let record): try put(.target, record.id, record, db)
    case .persistTimeline(let record):
      try record.boots.isEmpty
        ? remove(.timeline, record.server.text, db)
        : put(.timeline, record.server.text, record, db)
    case .persistRepeatedTimes(let times): try put(.repeatedTimes, "manager", times, db)
    case .persistMemory(let memory):
      do {
        try put(.memory, memory.server.text, memory, db)
      } catch is EncodingError {
        // What one agent said must not stop the storing for all; without it its server is unknown
        // until it speaks.
        try remove(.memory, memory.server.text, db)
      }
    }
  }

  private static func remove(_ kind: DocumentKind, _ id: String, _ db: Database) throws {
    try db.execute(
      sql: "DELETE FROM documents WHERE kind = ? AND id = ?", arguments: [kind.rawValue, id])
  }
}
