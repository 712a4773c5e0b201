import Protocol

/// Everything that is known of one server: what was enrolled, what its agent says, and since when.
/// Times without a unit in their name are nanoseconds of the manager's monotonic clock.
struct ReportedServer: Sendable {
  struct Session: Sendable {
    var id: String
    var opened: Int64
    var address: String
  }

  var record: ServerRecord
  var session: Session?
  var hello: Hello?
  var identity = IdentityUse()
  var heard: Int64?
  /// Its certificate is revoked: no session of it can open.
  var isRevoked = false
  /// Why the last session ended.
  var lastClose: Diagnostic?
  /// When a new boot id came; its collectors may not have spoken since.
  var rebooted: Int64?
  var sections: [SectionKey: ReportedSection] = [:]
  /// Of the sections' bodies, as text.
  var sectionBytes = 0
  var leftOut = LeftOut()
  /// Targets that are known by its word first, since the manager was started.
  var named = 0
  var pending: [String: [SectionKey]] = [:]
  /// Of this session only.
  var collectors: [String: CollectorProgress] = [:]
  /// Sections that were asked for again: until they come, a silence about them says nothing.
  var awaited: Set<SectionKey> = []
  /// Which target each held target section speaks of.
  var targetIDs: [SectionKey: String] = [:]
  /// Targets that its imports name, and those that its MGS lists.
  var importedTargets: Set<String> = []
  var registeredTargets: Set<String> = []
  /// NID lists of the MGSs to which this server is connected, one list an mgc.
  var mgcs: [[String]] = []
  var clockOffset: Int64?
  var skewedSince: Int64?
  var batches: UInt64 = 0
  var samples: UInt64 = 0
  var losses: [(loss: SampleLoss, found: Int64)] = []
  var log = LogBuffer()
  var persisted: Int64
  /// What it says has changed since it was last written down.
  var isMemoryDue = false

  init(_ record: ServerRecord, at now: Moment) {
    self.record = record
    heard = record.lastHeardNanoseconds.map { now.monotonic(ofWall: $0) }
    persisted = now.monotonicNanoseconds
  }

  var name: String { record.hostname.isEmpty ? record.id.text : record.hostname }

  /// By the monotonic clock alone: a link that is cut without a word shows by its silence.
  func contact(at now: Int64, _ policy: StatePolicy) -> Contact {
    guard let heard else { return .never }
    guard session != nil else { return .lost }
    let silence = now - heard
    if silence > policy.lostAfterNanoseconds { return .lost }
    return silence > policy.suspectAfterNanoseconds ? .suspect : .connected
  }

  func isHeard(at now: Int64, _ policy: StatePolicy) -> Bool {
    let contact = contact(at: now, policy)
    return contact == .connected || contact == .suspect
  }

  // MARK: Evidence

  /// When the last reads behind a section began; `nil` when no cycle has ended with it.
  func evidence(of held: ReportedSection) -> Int64? {
    guard case .confirmed = held.standing,
      let sampled = collectors[held.section.collector]?.sampledEvidence
    else { return held.earlierEvidence }
    return sampled
  }

  /// The unbroken time over which evidence says the same of a section; `nil` without evidence.
  func evidenceRun(of held: ReportedSection) -> ClosedRange<Int64>? {
    guard case .confirmed(let since) = held.standing,
      let progress = collectors[held.section.collector], let end = progress.sampledEvidence
    else { return nil }
    return min(max(since, progress.runStart ?? end), end)...end
  }

  /// Whether a section still counts. Only then is it evidence of the present.
  func isCurrent(_ held: ReportedSection, at now: Int64, _ policy: StatePolicy) -> Bool {
    guard case .confirmed = held.standing,
      let progress = collectors[held.section.collector], progress.outcome == .sampled
    else { return false }
    return isHeard(at: now, policy) && isFresh(progress, at: now, policy)
  }

  func currentFact(_ key: SectionKey, at now: Int64, _ policy: StatePolicy) -> ReportedFact? {
    guard let held = sections[key], isCurrent(held, at: now, policy) else { return nil }
    return held.fact
  }

  /// Whether a collector's last word tells all there is of its kind.
  func isComplete(_ collector: String, at now: Int64, _ policy: StatePolicy) -> Bool {
    guard let progress = collectors[collector],
      progress.outcome == .sampled || progress.outcome == .notApplicable, leftOut.sections.isEmpty
    else { return false }
    return isHeard(at: now, policy) && isFresh(progress, at: now, policy)
  }

  func isFresh(_ progress: CollectorProgress, at now: Int64, _ policy: StatePolicy) -> Bool {
    guard let evidence = progress.completeEvidence else { return false }
    let limit = policy.staleAfterNanoseconds(period: progress.period)
    return now - progress.ended < limit
      && now - evidence < limit + policy.slowestReadNanoseconds
  }

  /// Why what a collector said does not count, or says nothing, as a clause about this server.
  func trouble(of collector: String?, at now: Int64, _ policy: StatePolicy) -> String {
    guard isHeard(at: now, policy) else { return silence(at: now) }
    guard let collector else { return "\(name) has not reported such targets" }
    guard let progress = collectors[collector] else {
      if let rebooted, let session, rebooted >= session.opened {
        return "\(name) has rebooted, and its collector \(collector) has not reported since"
      }
      return "\(name) is connected, but its collector \(collector) has not reported yet"
    }
    switch progress.outcome {
    case .failed:
      return "on \(name) the collector \(collector) fails"
        + (progress.reason.map { " (\($0))" } ?? "")
    case .stalled:
      return "on \(name) a read of the collector \(collector) has not come back yet"
    case .sampled, .notApplicable, .unrecognised:
      if isFresh(progress, at: now, policy) {
        return "\(name) has not reported all of it yet"
      }
      let age = AgeText.text(nanoseconds: now - (progress.completeEvidence ?? progress.ended))
      return "on \(name) the last report of the collector \(collector) is \(age) old"
    }
  }

  func silence(at now: Int64) -> String {
    guard let heard else { return "\(name) has never been heard" }
    return "\(name) has not been heard for \(AgeText.text(nanoseconds: now - heard))"
  }

  /// Whether a target that was said in an earlier session may be here and not be read yet: its agent was started
  /// anew, and holds nothing of it as long as that read hangs.
  func mayHoldUnread(_ key: SectionKey) -> Bool {
    guard let held = sections[key], case .target = held.fact, held.standing == .unconfirmed else {
      return false
    }
    let names = Set([held.section.collector, CollectorName.whole(held.section.collector)])
    return !names.contains { collectors[$0]?.completeEvidence != nil }
  }

  // MARK: Sessions

  /// What was said before is kept with its age, and counts for nothing until said again.
  mutating func startSession(_ id: String, hello: Hello, address: String, at now: Int64) {
    sections = sections.mapValues { held in
      var held = held
      held.earlierEvidence = evidence(of: held)
      held.standing = .unconfirmed
      return held
    }
    collectors = [:]
    pending = [:]
    awaited = []
    leftOut = LeftOut()
    session = Session(id: id, opened: now, address: address)
    self.hello = hello
    lastClose = nil
    heard = now
  }

  mutating func confirm(_ key: SectionKey) {
    guard let held = sections[key], held.standing == .unconfirmed else { return }
    sections[key]?.standing = .pending
    pending[held.section.collector, default: []].append(key)
  }

  mutating func found(_ loss: SampleLoss, at now: Int64) {
    losses.append((loss, now))
    if losses.count > StateLimits.losses { losses.removeFirst() }
  }
}

extension Moment {
  /// Brings a time of the wall clock onto the monotonic one; the future becomes now.
  func monotonic(ofWall wall: Int64) -> Int64 {
    let age = wallNanoseconds.subtractingReportingOverflow(wall)
    let behind = age.overflow ? (wall < 0 ? Int64.max : 0) : max(0, age.partialValue)
    // Half of all that there is: no difference to a later moment of this clock is too long then.
    return monotonicNanoseconds.subtractingReportingOverflow(min(behind, .max / 2)).partialValue
  }

  /// The wall clock's time at a moment of the monotonic one.
  func wall(ofMonotonic time: Int64) -> Int64 {
    let age = monotonicNanoseconds.subtractingReportingOverflow(time)
    let wall = wallNanoseconds.subtractingReportingOverflow(age.partialValue)
    return age.overflow || wall.overflow ? wallNanoseconds : wall.partialValue
  }
}

/// Seconds between two moments of the monotonic clock, never negative.
func seconds(from earlier: Int64, to later: Int64) -> Double {
  let (difference, overflow) = later.subtractingReportingOverflow(earlier)
  return overflow ? 0 : max(0, Double(difference) / 1e9)
}
