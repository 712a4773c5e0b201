import Protocol

/// A section's body in its own type, taken apart once when it comes.
enum ReportedFact: Sendable {
  case host(HostSection)
  case lnet(LNetSection)
  case lustre(LustreSection)
  case mgs(MGSSection)
  case target(TargetSection)
  case exports(ExportsSection)
  case imports(ImportsSection)
  case collectors(CollectorsSection)
  case mounts(MountsSection)
  /// Nothing that state is made of, or of a shape that this manager does not know.
  case opaque

  init(_ section: Section) {
    func fact<Body: SectionBody>(_ make: (Body) -> ReportedFact) -> ReportedFact {
      if let body = try? Body(section) { make(body) } else { .opaque }
    }
    switch section.key.name {
    case HostSection.sectionName: self = fact(ReportedFact.host)
    case LNetSection.sectionName: self = fact(ReportedFact.lnet)
    case LustreSection.sectionName: self = fact(ReportedFact.lustre)
    case MGSSection.sectionName: self = fact(ReportedFact.mgs)
    case TargetSection.sectionName: self = fact(ReportedFact.target)
    case ExportsSection.sectionName: self = fact(ReportedFact.exports)
    case ImportsSection.sectionName: self = fact(ReportedFact.imports)
    case CollectorsSection.sectionName: self = fact(ReportedFact.collectors)
    case MountsSection.sectionName: self = fact(ReportedFact.mounts)
    default: self = .opaque
    }
  }
}

/// A section that the manager holds, and what stands behind it.
struct ReportedSection: Sendable {
  enum Standing: Hashable, Sendable {
    /// From an earlier session; not repeated in this one.
    case unconfirmed
    /// Came in this session; the cycle that made it has not ended yet.
    case pending
    /// A cycle that began at `since` has ended with it; later cycles of the collector confirm it.
    case confirmed(since: Int64)
  }

  var section: Section
  /// Of its body, as text.
  var bytes: Int
  var fact: ReportedFact
  var standing: Standing
  /// The evidence that stood behind it when this session began.
  var earlierEvidence: Int64?
  var arrived: Int64
  /// Since when the body is as it is, by arrival.
  var unchangedSince: Int64
}

/// How a collector of one server fares in this session. Times by the manager's monotonic clock;
/// evidence is the moment at which reads began, brought onto that clock.
struct CollectorProgress: Sendable {
  var outcome: CollectorOutcome
  var reason: String?
  /// When its last cycle's end came.
  var ended: Int64
  var outcomeSince: Int64
  /// Evidence of the last cycle that ended `sampled`.
  var sampledEvidence: Int64?
  /// Evidence of the last that ended `sampled` or `notApplicable`: it told all there is.
  var completeEvidence: Int64?
  /// The least time between two of its cycles; 0 when it runs in every one.
  var period: Int64 = 0
  /// Where the unbroken run of evidence that ends with `sampledEvidence` begins.
  var runStart: Int64?

  /// `nil` end: the first cycle of a session.
  init(_ end: CycleEnd, evidence: Int64, at now: Int64) {
    outcome = end.outcome
    reason = end.reason
    ended = now
    outcomeSince = now
    take(end, evidence: evidence, StatePolicy())
  }

  mutating func cycleEnded(
    _ end: CycleEnd, evidence: Int64, _ policy: StatePolicy, at now: Int64
  ) {
    if outcome != end.outcome { outcomeSince = now }
    outcome = end.outcome
    reason = end.reason
    ended = now
    take(end, evidence: evidence, policy)
  }

  /// A break in the evidence longer than it takes to be stale starts a new run: a target may have
  /// been elsewhere in between.
  private mutating func take(_ end: CycleEnd, evidence: Int64, _ policy: StatePolicy) {
    if let told = end.periodMilliseconds {
      // An hour bounds what a broken agent can claim: nothing is read less often.
      self.period = min(max(0, told), 3_600_000) * 1_000_000
    }
    guard end.outcome == .sampled || end.outcome == .notApplicable else { return }
    completeEvidence = max(completeEvidence ?? evidence, evidence)
    guard end.outcome == .sampled else {
      runStart = nil
      return
    }
    if let last = sampledEvidence, runStart != nil,
      evidence - last <= policy.staleAfterNanoseconds(period: period)
    {
      sampledEvidence = max(last, evidence)
    } else {
      runStart = evidence
      sampledEvidence = max(sampledEvidence ?? evidence, evidence)
    }
  }
}

extension SectionKey {
  static let lustre = SectionKey(LustreSection.sectionName)
  static let host = SectionKey(HostSection.sectionName)
  static let lnet = SectionKey(LNetSection.sectionName)
  static let imports = SectionKey(ImportsSection.sectionName)
  static let mgs = SectionKey(MGSSection.sectionName)
  static let collectors = SectionKey(CollectorsSection.sectionName)
  static let mounts = SectionKey(MountsSection.sectionName)
}

extension MountsSection.Mount {
  /// The label of a target, whose name has another separator on a disk that was never mounted.
  var label: String? {
    name.map { String($0.map { $0 == ":" || $0 == "=" ? "-" : $0 }) }
  }
}
