import ManagerCore
import Protocol

/// What a caller wants to know of a metric.
package struct MetricRequest: Hashable, Sendable {
  package var metric: String
  /// Labels to sum over; empty asks for each series by itself.
  package var by: [String]
  /// Only series with all of these labels.
  package var match: [String: String]
  /// How far back from now.
  package var seconds: Int64
  package var isRate: Bool
  package init(
    metric: String, by: [String] = [], match: [String: String] = [:], seconds: Int64 = 3_600,
    isRate: Bool = false
  ) {
    self.metric = metric
    self.by = by
    self.match = match
    self.seconds = seconds
    self.isRate = isRate
  }
}

/// Which jobs did most.
package struct JobTopRequest: Hashable, Sendable {
  package var by: JobMeasure
  /// By label or id.
  package var targets: [String]
  /// By name or id. Without targets and file systems all are meant.
  package var fileSystems: [String]
  /// How far back from now.
  package var seconds: Int64
  package var limit: Int
  package init(
    by: JobMeasure = .write, targets: [String] = [], fileSystems: [String] = [],
    seconds: Int64 = 600, limit: Int = 20
  ) {
    self.by = by
    self.targets = targets
    self.fileSystems = fileSystems
    self.seconds = seconds
    self.limit = limit
  }
}

/// Everything that the API can ask of the manager. A name that nobody knows is `not-found`, one that
/// several things have is `ambiguous-name`; any code without an HTTP status of its own becomes
/// `internal-error` and its reason stays in the log.
package protocol SiteService: Sendable {
  func status() async -> SiteStatus
  func servers() async -> [ServerSummary]
  /// By name or id.
  func server(_ name: String) async throws(DiagnosticError) -> ServerDetail
  func forget(server: String, by caller: Caller) async throws(DiagnosticError)
  func revoke(server: String, by caller: Caller) async throws(DiagnosticError)
  func fileSystems() async -> [FileSystemSummary]
  /// By name or id.
  func fileSystem(_ name: String) async throws(DiagnosticError) -> FileSystemDetail
  /// Of one file system, by name or id, or of all.
  func targets(fileSystem: String?) async throws(DiagnosticError) -> [TargetSummary]
  /// By label or id.
  func target(_ name: String) async throws(DiagnosticError) -> TargetDetail
  func forget(target: String, by caller: Caller) async throws(DiagnosticError)

  func metricNames() async -> [MetricListing]
  func query(_ request: MetricRequest) async throws(DiagnosticError) -> MetricAnswer
  func jobTop(_ request: JobTopRequest) async throws(DiagnosticError) -> JobTopView
  /// The last values of all series in Prometheus's text format.
  func exposition() async -> String

  func enrolmentTokens() async throws(DiagnosticError) -> [EnrolmentTokenView]
  /// The only answer with the secret.
  func createEnrolmentToken(
    _ request: EnrolmentTokenRequest, by caller: Caller
  ) async throws(DiagnosticError) -> EnrolmentTokenView
  func revokeEnrolmentToken(_ id: String, by caller: Caller) async throws(DiagnosticError)

  func apiTokens() async throws(DiagnosticError) -> [APITokenView]
  /// The only answer with the secret.
  func createAPIToken(
    _ request: APITokenRequest, by caller: Caller
  ) async throws(DiagnosticError) -> APITokenView
  func revokeAPIToken(_ id: String, by caller: Caller) async throws(DiagnosticError)

  /// Limits its own rate (`rate-limited`). `address` is the asking host's, or `local`.
  func enrol(
    _ request: EnrolmentRequest, from address: String
  ) async throws(DiagnosticError) -> EnrolmentAnswer

  /// The holder of a token that is valid now, else `nil`.
  func authenticate(bearer: String, from address: String) async -> Caller?
  /// What keeps the manager from serving; empty when it is ready.
  func readiness() async -> [Diagnostic]
}
