/// How much a diagnostic matters. `emergency` is reserved for evidence that data are in danger.
package enum Severity: String, WireEnum {
  case info, warning, error, emergency, unrecognised
}

/// A complaint: a code that never changes, what it is about, the reason, and what to do next.
package struct Diagnostic: Hashable, Codable, Sendable {
  /// Kebab-case, listed in `DiagnosticCode`; an unknown one from a newer peer is kept as text.
  package var code: String
  package var severity: Severity
  /// The thing, for example `fs1-OST0003` or a host name.
  package var subject: String
  package var reason: String
  /// The next step, an imperative sentence; empty when there is none.
  package var remedy: String

  package init(
    _ code: DiagnosticCode, _ severity: Severity = .error, subject: String, reason: String,
    remedy: String = ""
  ) {
    self.code = code.rawValue
    self.severity = severity
    self.subject = subject
    self.reason = reason
    self.remedy = remedy
  }
}

/// Every code that a diagnostic of this product may carry.
package enum DiagnosticCode: String, CaseIterable, Sendable {
  // link
  case frameTooLarge = "frame-too-large"
  case frameMalformed = "frame-malformed"
  case messageTooLarge = "message-too-large"
  case messageMalformed = "message-malformed"
  case messageUnexpected = "message-unexpected"
  case orderReplayed = "order-replayed"
  case seriesUndeclared = "series-undeclared"
  case protocolUnsupported = "protocol-unsupported"
  case identityMismatch = "identity-mismatch"
  case sessionReplaced = "session-replaced"
  case peerSilent = "peer-silent"
  case agentStopping = "agent-stopping"
  case managerStopping = "manager-stopping"
  // certificates and enrolment
  case certificateUnknown = "certificate-unknown"
  case certificateExpired = "certificate-expired"
  case certificateNotYetValid = "certificate-not-yet-valid"
  case certificateRevoked = "certificate-revoked"
  case certificateForeign = "certificate-foreign"
  case certificateMissing = "certificate-missing"
  case certificateWrongUse = "certificate-wrong-use"
  case serverForgotten = "server-forgotten"
  case requestMalformed = "request-malformed"
  case tokenUnknown = "token-unknown"
  case tokenUsedUp = "token-used-up"
  case tokenExpired = "token-expired"
  case tokenRevoked = "token-revoked"
  case tokenMalformed = "token-malformed"
  case rateLimited = "rate-limited"
  case managerBusy = "manager-busy"
  case managerUnreachable = "manager-unreachable"
  case managerUnproven = "manager-unproven"
  case notEnrolled = "not-enrolled"
  case alreadyEnrolled = "already-enrolled"
  // API
  case unauthenticated = "unauthenticated"
  case forbidden = "forbidden"
  case notFound = "not-found"
  case ambiguousName = "ambiguous-name"
  case conflict = "conflict"
  case internalError = "internal-error"
  // state
  case targetOnTwoServers = "target-on-two-servers"
  case serverLost = "server-lost"
  case serverSuspect = "server-suspect"
  case serverUnhealthy = "server-unhealthy"
  case healthNotTold = "health-not-told"
  case targetUnknown = "target-unknown"
  case targetRecovering = "target-recovering"
  case targetReadOnly = "target-read-only"
  case targetAway = "target-away"
  case deviceNotUp = "device-not-up"
  case lnetInterfaceDown = "lnet-interface-down"
  case importDisconnected = "import-disconnected"
  case sameNameOnTwoMGSs = "same-name-on-two-mgss"
  case hostNameShared = "host-name-shared"
  case identityShared = "identity-shared"
  case clockSkewed = "clock-skewed"
  case samplesLost = "samples-lost"
  case collectorFailed = "collector-failed"
  case collectorStalled = "collector-stalled"
  case evidenceStale = "evidence-stale"
  case readsFailing = "reads-failing"
  case reportLeftOut = "report-left-out"
  case debugfsUnreadable = "debugfs-unreadable"
  case parametersNotUnderstood = "parameters-not-understood"
  // store
  case databaseNewer = "database-newer"
  case databaseCorrupt = "database-corrupt"
  case databaseLocked = "database-locked"
  case stateDirectoryUnusable = "state-directory-unusable"
  case portInUse = "port-in-use"
}

/// A diagnostic on its way up; shells print it and turn it into exit codes or API problems.
package struct DiagnosticError: Error, CustomStringConvertible, Hashable {
  package let diagnostic: Diagnostic
  package init(_ diagnostic: Diagnostic) { self.diagnostic = diagnostic }
  package init(
    _ code: DiagnosticCode, subject: String, reason: String, remedy: String = ""
  ) {
    diagnostic = Diagnostic(code, subject: subject, reason: reason, remedy: remedy)
  }
  package var description: String {
    let d = diagnostic
    return d.remedy.isEmpty
      ? "\(d.subject): \(d.reason)" : "\(d.subject): \(d.reason)\n  \(d.remedy)"
  }
}
