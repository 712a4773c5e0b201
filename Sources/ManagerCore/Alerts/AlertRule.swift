import Protocol

/// A diagnostic that a rule raises, since when, and what it is about.
struct RaisedFinding: Sendable {
  var diagnostic: Diagnostic
  /// Monotonic.
  var since: Int64
  var servers: Set<ServerID> = []
  var targets: Set<String> = []
  /// Ids of file systems.
  var fileSystems: Set<String> = []

  init(
    _ code: DiagnosticCode, _ severity: Severity, subject: String, reason: String, remedy: String,
    since: Int64
  ) {
    diagnostic = Diagnostic(code, severity, subject: subject, reason: reason, remedy: remedy)
    self.since = since
  }

  init(
    _ code: DiagnosticCode, _ severity: Severity, on server: ServerAssessment,
    in site: SiteSnapshot, reason: String, since: Int64
  ) {
    self.init(
      code, severity, subject: server.name, reason: reason,
      remedy: "iml server show \(site.commandName(server.server))", since: since)
    servers = [server.id]
  }

  init(
    _ code: DiagnosticCode, _ severity: Severity, on target: TargetAssessment,
    in site: SiteSnapshot, reason: String, since: Int64
  ) {
    let record = target.record
    self.init(
      code, severity, subject: record.label, reason: reason,
      remedy: "iml target show \(site.commandName(record))", since: since)
    targets = [record.id]
    servers = Set([target.active].compactMap { $0 })
    if let name = record.fileSystem { fileSystems = ["\(record.mgs)/\(name)"] }
  }

  func finding(at now: Int64) -> Finding {
    Finding(diagnostic: diagnostic, ageSeconds: seconds(from: since, to: now))
  }
}

/// One rule: what it looks for in the site as it stands, a pure answer for each moment.
struct AlertRule: Sendable {
  /// The code of what it raises; no two rules share one.
  var code: DiagnosticCode
  var evaluate: @Sendable (SiteSnapshot) -> [RaisedFinding]
}

/// All rules. A new one is a file in this folder and a line here.
enum AlertRules {
  static let all: [AlertRule] = [
    .targetOnTwoServers,
    .serverUnhealthy,
    .healthNotTold,
    .serverLost,
    .serverSuspect,
    .targetUnknown,
    .targetAway,
    .targetReadOnly,
    .targetRecovering,
    .deviceNotUp,
    .lnetInterfaceDown,
    .importDisconnected,
    .collectorFailed,
    .collectorStalled,
    .evidenceStale,
    .readsFailing,
    .reportLeftOut,
    .debugfsUnreadable,
    .parametersNotUnderstood,
    .samplesLost,
    .clockSkewed,
    .sameNameOnTwoMGSs,
    .hostNameShared,
    .identityShared,
  ]

  /// Worst first, then oldest first.
  static func findings(in site: SiteSnapshot) -> [RaisedFinding] {
    all.flatMap { $0.evaluate(site) }.sorted { a, b in
      (-a.diagnostic.severity.weight, a.since, a.diagnostic.code, a.diagnostic.subject)
        < (-b.diagnostic.severity.weight, b.since, b.diagnostic.code, b.diagnostic.subject)
    }
  }
}

extension Severity {
  /// Higher is worse. One from a newer peer counts as an error: better too loud.
  var weight: Int {
    switch self {
    case .info: 0
    case .warning: 1
    case .error, .unrecognised: 2
    case .emergency: 3
    }
  }
}
