import FoundationEssentials
import Manager
import ManagerCore
import Protocol
import Synchronization

/// Answers with fixed values and keeps what it was asked. Names choose the outcome: `missing`,
/// `twice` and `broken` fail, every other name is known.
final class APIScriptedSite: SiteService {
  static let secretReason = "place 77 of a table of ours is torn"
  private let asked = Mutex<[String]>([])
  private let unready = Mutex<[Diagnostic]>([])
  private let isHeld = Mutex(false)

  var calls: [String] { asked.withLock { $0 } }
  func becomeUnready(_ findings: [Diagnostic]) { unready.withLock { $0 = findings } }
  /// Whether questions for the server `slow` wait.
  func hold(_ isHeld: Bool) { self.isHeld.withLock { $0 = isHeld } }
  private func note(_ call: String) { asked.withLock { $0.append(call) } }

  private func check(_ name: String) throws(DiagnosticError) {
    switch name {
    case "missing": throw DiagnosticError(.notFound, subject: name, reason: "nobody has this name")
    case "twice": throw DiagnosticError(.ambiguousName, subject: name, reason: "two have this name")
    case "busy": throw DiagnosticError(.conflict, subject: name, reason: "it is in use")
    case "broken":
      throw DiagnosticError(.messageUnexpected, subject: name, reason: Self.secretReason)
    case "damaged":
      throw DiagnosticError(.databaseCorrupt, subject: name, reason: "page 7 is torn")
    default: break
    }
  }

  func status() async -> SiteStatus {
    note("status")
    return SiteStatus(
      managerVersion: "1", upSeconds: 5, health: .healthy, servers: [], fileSystems: [],
      findings: [])
  }
  func servers() async -> [ServerSummary] {
    note("servers")
    return [summary("oss1")]
  }
  private func summary(_ name: String) -> ServerSummary {
    ServerSummary(
      id: serverID, hostname: name, profile: "monitor", contact: .connected,
      heardSecondsAgo: 0.5, health: .healthy, reason: "", lustreVersion: nil, targets: [],
      bootID: nil, readsTree: false)
  }
  private var serverID: ServerID {
    ServerID(uuid: .init(uuid: (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)))
  }
  func server(_ name: String) async throws(DiagnosticError) -> ServerDetail {
    note("server \(name)")
    try check(name)
    while name == "slow", isHeld.withLock({ $0 }) {
      do { try await Task.sleep(for: .milliseconds(5)) } catch { break }
    }
    return ServerDetail(
      summary: summary(name), sections: [], findings: [], losses: [], batchesReceived: 1,
      samplesReceived: 2, recentLog: [])
  }
  func forget(server: String, by caller: Caller) async throws(DiagnosticError) {
    note("forget \(server) by \(caller.name)")
    try check(server)
  }
  func forget(target: String, by caller: Caller) async throws(DiagnosticError) {
    note("forget target \(target) by \(caller.name)")
    try check(target)
  }
  func revoke(server: String, by caller: Caller) async throws(DiagnosticError) {
    note("revoke \(server) by \(caller.name)")
    try check(server)
  }

  func fileSystems() async -> [FileSystemSummary] {
    note("fileSystems")
    return []
  }
  func fileSystem(_ name: String) async throws(DiagnosticError) -> FileSystemDetail {
    note("fileSystem \(name)")
    try check(name)
    return FileSystemDetail(
      summary: FileSystemSummary(
        id: "f1", name: name, mgs: "unknown", state: .unknown, reason: "", mdts: 0, osts: 0,
        targetsActive: 0), mgsNIDs: [], mgsActiveOn: [], targets: [], clients: [], findings: [])
  }
  func targets(fileSystem: String?) async throws(DiagnosticError) -> [TargetSummary] {
    note("targets \(fileSystem ?? "all")")
    try check(fileSystem ?? "")
    return []
  }
  func target(_ name: String) async throws(DiagnosticError) -> TargetDetail {
    note("target \(name)")
    try check(name)
    return TargetDetail(
      summary: TargetSummary(
        id: "t1", label: name, kind: .ost, fileSystem: nil, mgs: "unknown", state: .unknown,
        reason: "", activeOn: nil, lastActiveOn: nil, failoverServers: []), clientList: [],
      claims: [], findings: [])
  }

  func metricNames() async -> [MetricListing] {
    note("metricNames")
    return [MetricListing(name: "lustre_available_bytes", unit: "bytes", kind: .gauge, help: "")]
  }
  func query(_ request: MetricRequest) async throws(DiagnosticError) -> MetricAnswer {
    let match = request.match.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    note(
      "query \(request.metric) by \(request.by) match \(match) "
        + "seconds \(request.seconds) rate \(request.isRate)")
    try check(request.metric)
    return MetricAnswer(
      metric: request.metric, unit: "bytes", kind: .counter, isRate: request.isRate,
      fromNanoseconds: 0, throughNanoseconds: 1, groups: [])
  }
  func jobTop(_ request: JobTopRequest) async throws(DiagnosticError) -> JobTopView {
    note(
      "jobTop by \(request.by) targets \(request.targets) fs \(request.fileSystems) "
        + "seconds \(request.seconds) limit \(request.limit)")
    for name in request.targets { try check(name) }
    return JobTopView(
      [], by: request.by, limit: request.limit, targets: [:], fromNanoseconds: 0,
      throughNanoseconds: 1)
  }
  func exposition() async -> String {
    note("exposition")
    return "# TYPE up gauge\nup 1\n"
  }

  func enrolmentTokens() async throws(DiagnosticError) -> [EnrolmentTokenView] {
    note("enrolmentTokens")
    return []
  }
  func createEnrolmentToken(
    _ request: EnrolmentTokenRequest, by caller: Caller
  ) async throws(DiagnosticError) -> EnrolmentTokenView {
    note("createEnrolmentToken \(request.uses) by \(caller.name)")
    return EnrolmentTokenView(
      id: "e1", profile: request.profile, usesLeft: request.uses, expiresNanoseconds: 1,
      isRevoked: false, createdBy: caller.name, secret: "made-secret")
  }
  func revokeEnrolmentToken(_ id: String, by caller: Caller) async throws(DiagnosticError) {
    note("revokeEnrolmentToken \(id) by \(caller.name)")
    try check(id)
  }
  func apiTokens() async throws(DiagnosticError) -> [APITokenView] {
    note("apiTokens")
    return []
  }
  func createAPIToken(
    _ request: APITokenRequest, by caller: Caller
  ) async throws(DiagnosticError) -> APITokenView {
    note("createAPIToken \(request.name) by \(caller.name)")
    return APITokenView(
      id: "a1", name: request.name, role: request.role, expiresNanoseconds: nil,
      isRevoked: false, secret: "made-secret")
  }
  func revokeAPIToken(_ id: String, by caller: Caller) async throws(DiagnosticError) {
    note("revokeAPIToken \(id) by \(caller.name)")
    try check(id)
  }

  /// Tokens are `used-up`, `flood` or good.
  func enrol(
    _ request: EnrolmentRequest, from address: String
  ) async throws(DiagnosticError) -> EnrolmentAnswer {
    note("enrol \(request.hostname) from \(address)")
    switch request.token {
    case "used-up":
      throw DiagnosticError(.tokenUsedUp, subject: "token e1", reason: "it was used once already")
    case "flood":
      throw DiagnosticError(.rateLimited, subject: address, reason: "too many attempts")
    default:
      return EnrolmentAnswer(
        server: serverID, certificate: "PEM", authority: "PEM", profile: "monitor",
        agentPort: 8440)
    }
  }
  func authenticate(bearer: String, from address: String) async -> Caller? {
    switch bearer {
    case "viewer-secret": Caller(name: "watcher", role: .viewer)
    case "operator-secret": Caller(name: "hand", role: .operator)
    case "admin-secret": Caller(name: "chief", role: .admin)
    default: nil
    }
  }
  func readiness() async -> [Diagnostic] {
    note("readiness")
    return unready.withLock { $0 }
  }
}
