import Protocol

/// What one server says, or said, of a target.
struct TargetClaim: Hashable, Sendable {
  /// The section that says it.
  var key: SectionKey
  /// Whether that section is still held. Held is not current: the link may be cut.
  var isHeld: Bool
  /// When it ended, the last evidence there was.
  var lastEvidence: Int64?
}

/// Two servers had the target active at once. It holds until one of them says otherwise: silence
/// releases nothing.
struct DoubleClaim: Hashable, Sendable {
  var servers: Set<ServerID>
  var since: Int64
}

/// A value that a view shows, with when it was true.
struct HeldValue: Hashable, Sendable {
  var bits: SampleBits
  var evidence: Int64
}

/// A target as merged from all servers.
struct ObservedTarget: Sendable {
  var record: TargetRecord
  var claims: [ServerID: TargetClaim] = [:]
  /// Who imports it, and from which NIDs.
  var importNIDs: [ServerID: [String]] = [:]
  /// Which of these each of them is connected to.
  var importConnections: [ServerID: String] = [:]
  /// Servers whose MGS lists it among its live targets.
  var registeredBy: Set<ServerID> = []
  var values: [String: HeldValue] = [:]
  private(set) var double: DoubleClaim?
  /// `record.lastActiveNanoseconds` on the monotonic clock.
  var lastActive: Int64?
  /// When this manager came to know it.
  var known: Int64

  init(_ record: TargetRecord, at now: Moment) {
    self.record = record
    lastActive = record.lastActiveNanoseconds.map { now.monotonic(ofWall: $0) }
    known = now.monotonicNanoseconds
    double = record.double.map {
      DoubleClaim(servers: Set($0.servers), since: now.monotonic(ofWall: $0.sinceNanoseconds))
    }
    values = (record.values ?? [:]).mapValues {
      HeldValue(bits: $0.bits, evidence: now.monotonic(ofWall: $0.nanoseconds))
    }
  }

  /// Whether a server has it active, is connected to it, or has it registered, as it said last.
  var isToldOf: Bool {
    !(heldClaimants.isEmpty && importNIDs.isEmpty && registeredBy.isEmpty)
  }

  var heldClaimants: [ServerID] {
    claims.filter(\.value.isHeld).map(\.key).sorted()
  }

  /// Notes where it was active; `true` when that is news worth writing down at once.
  mutating func wasActive(on server: ReportedServer, evidence: Int64, at now: Moment) -> Bool {
    var isNews = false
    if !record.servers.contains(server.record.id) {
      record.servers = (record.servers + [server.record.id]).sorted()
      isNews = true
    }
    if let lastActive, lastActive > evidence { return isNews }
    if record.lastActiveServer != server.record.id || record.lastActiveHostname != server.name {
      record.lastActiveServer = server.record.id
      record.lastActiveHostname = server.name
      isNews = true
    }
    lastActive = evidence
    record.lastActiveNanoseconds = now.wall(ofMonotonic: evidence)
    return isNews
  }

  /// Of what is kept, by the wall clock as it is now.
  mutating func writeTimes(at now: Moment) {
    record.lastActiveNanoseconds = lastActive.map { now.wall(ofMonotonic: $0) }
    if let double { record.double?.sinceNanoseconds = now.wall(ofMonotonic: double.since) }
    if record.values != nil {
      record.values = values.mapValues {
        KeptValue(bits: $0.bits, nanoseconds: now.wall(ofMonotonic: $0.evidence))
      }
    }
  }

  /// Two servers have it active at once, or one more has.
  ///
  /// - Returns: `true` when that is news.
  mutating func claimDoubly(on servers: Set<ServerID>, since: Int64, at now: Moment) -> Bool {
    var claim = double ?? DoubleClaim(servers: [], since: since)
    claim.servers.formUnion(servers)
    guard claim != double else { return false }
    double = claim
    record.double = KeptDouble(
      servers: claim.servers.sorted(), sinceNanoseconds: now.wall(ofMonotonic: claim.since))
    return true
  }

  /// What was known of another record of the same target.
  mutating func absorbDouble(of lost: ObservedTarget) {
    guard let other = lost.double, let kept = lost.record.double else { return }
    let servers = other.servers.union(double?.servers ?? [])
    double = DoubleClaim(servers: servers, since: min(other.since, double?.since ?? other.since))
    record.double = KeptDouble(
      servers: servers.sorted(),
      sinceNanoseconds: min(
        kept.sinceNanoseconds, record.double?.sinceNanoseconds ?? kept.sinceNanoseconds))
  }

  /// A server has let go of it, or is no part of the site any more.
  ///
  /// - Returns: `true` when that is news.
  mutating func letGo(by server: ServerID) -> Bool {
    guard double?.servers.remove(server) != nil else { return false }
    record.double?.servers.removeAll { $0 == server }
    if double?.servers.count ?? 0 < 2 {
      double = nil
      record.double = nil
    }
    return true
  }

  /// The servers that imports name now; what they named last when none does.
  mutating func importsChanged() -> Bool {
    let nids = Set(importNIDs.values.joined()).sorted()
    guard !nids.isEmpty, nids != record.servingNIDs else { return false }
    record.servingNIDs = nids
    return true
  }
}
