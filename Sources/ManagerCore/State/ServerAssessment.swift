import Protocol

/// A server as it stands at one moment, and why.
struct ServerAssessment: Sendable {
  var server: ReportedServer
  var contact: Contact
  var health: Health
  /// Empty when healthy.
  var reason: String
  /// What a connected agent can not read or has ceased to tell, with why.
  var troubles: [Trouble]
  /// Parameters that were read and not understood: the server may be well, some numbers are missing.
  var notUnderstood: Trouble?

  struct Trouble: Sendable {
    /// Of the finding that it raises.
    var code: DiagnosticCode
    var reason: String
    var since: Int64
    /// Ids of the targets that it is about.
    var targets: Set<String> = []
  }

  var id: ServerID { server.record.id }
  var name: String { server.name }

  init(_ server: ReportedServer, doubled: [String], at now: Int64, _ policy: StatePolicy) {
    self.server = server
    contact = server.contact(at: now, policy)
    troubles = []
    health = .unknown
    reason = ""
    if contact == .connected || contact == .suspect {
      troubles =
        ServerAssessment.troubles(of: server, at: now, policy)
        + ServerAssessment.blindness(of: server, at: now, policy)
      notUnderstood = ServerAssessment.notUnderstood(by: server, at: now, policy)
    }
    (health, reason) = assess(doubled: doubled, at: now, policy)
  }

  private func assess(doubled: [String], at now: Int64, _ policy: StatePolicy) -> (Health, String) {
    switch contact {
    case .never, .unrecognised: return (.unknown, server.silence(at: now))
    case .lost:
      let why = server.lastClose.map { "; the last session ended: \($0.reason)" } ?? ""
      return (.unknown, server.silence(at: now) + why)
    case .connected, .suspect: break
    }
    if let label = doubled.first { return (.unhealthy, "\(label) is active here and elsewhere") }
    if let shared = server.identityTrouble(at: now, policy) { return (.unknown, shared) }
    let (lustre, why) = lustreHealth(at: now, policy)
    guard lustre == .healthy else { return (lustre, why) }
    if let trouble = troubles.first { return (.degraded, trouble.reason) }
    if contact == .suspect { return (.degraded, server.silence(at: now)) }
    return (.healthy, "")
  }

  /// Only a current report makes healthy; so does one that there is no Lustre, which has no fault.
  private func lustreHealth(at now: Int64, _ policy: StatePolicy) -> (Health, String) {
    let key = SectionKey(LustreSection.sectionName)
    guard let held = server.sections[key], case .lustre(let body) = held.fact else {
      if server.collectors["lustre"]?.outcome == .notApplicable,
        server.isComplete("lustre", at: now, policy)
      {
        return (.healthy, "")
      }
      return (.unknown, server.trouble(of: "lustre", at: now, policy))
    }
    guard server.isCurrent(held, at: now, policy) else {
      return (.unknown, server.trouble(of: held.section.collector, at: now, policy))
    }
    switch body.health {
    case .healthy: return (.healthy, "")
    case .unhealthy:
      let devices = body.unhealthyDevices.prefix(3).joined(separator: ", ")
      return (.unhealthy, "health_check says unhealthy" + (devices.isEmpty ? "" : ": \(devices)"))
    case .lbug: return (.unhealthy, "health_check says LBUG: the kernel found a defect in Lustre")
    case .unrecognised: return (.unknown, "health_check says what this manager does not know")
    case nil: return (.unknown, "health_check tells nothing")
    }
  }

  private static func troubles(of server: ReportedServer, at now: Int64, _ policy: StatePolicy)
    -> [Trouble]
  {
    var list: [Trouble] = []
    for (name, progress) in server.collectors.sorted(by: { $0.key < $1.key }) {
      let reason = server.trouble(of: name, at: now, policy)
      switch progress.outcome {
      case .failed, .stalled:
        list.append(
          Trouble(
            code: progress.outcome == .failed ? .collectorFailed : .collectorStalled,
            reason: reason, since: progress.outcomeSince))
      case .sampled, .notApplicable, .unrecognised:
        guard !server.isFresh(progress, at: now, policy) else { continue }
        list.append(
          Trouble(
            code: .evidenceStale, reason: reason,
            since: progress.completeEvidence ?? progress.ended))
      }
    }
    if let reason = server.leftOut.reason {
      list.append(
        Trouble(
          code: .reportLeftOut, reason: "of what \(server.name) reports is left out: \(reason)",
          since: server.leftOut.since ?? now))
    }
    if list.isEmpty, server.collectors.isEmpty, let opened = server.session?.opened,
      now - opened >= policy.staleAfterNanoseconds()
    {
      let age = AgeText.text(nanoseconds: now - opened)
      list.append(
        Trouble(
          code: .evidenceStale,
          reason: "\(server.name) connected \(age) ago and has reported nothing", since: opened))
    }
    return list
  }
}
