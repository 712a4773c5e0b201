import Logging
import ManagerCore
import Platform
import Protocol

/// Job reports: from the link to the store, and what operators ask of them.
extension Site {
  private static let missingLimit = 10_000

  func jobs(_ report: JobReport, _ handle: SessionHandle) async {
    let stream = handle.stream
    guard !sessionsMissingJobs.contains(handle.session) else { return }
    do throws(DiagnosticError) {
      try await resumeJobs(stream)
    } catch {
      // The agent keeps the report and sends it again in its next session.
      // Of sessions that ended long ago nothing comes any more.
      if sessionsMissingJobs.count >= Self.missingLimit {
        sessionsMissingJobs.formIntersection(live.values.map(\.handle.session))
      }
      sessionsMissingJobs.insert(handle.session)
      failed(error)
      return
    }
    noteOwnStep()
    let now = self.now
    // One more than a server may name is no target.
    guard let target = observed.resolve(handle.server, report.target, at: now)?.targetID else {
      return
    }
    let began = corrected(report.began, handle, now)
    // A reading is no older than what is kept, whatever the agent's clock says.
    let oldest = began - settings.retention.wholeNanoseconds
    let span = JobSpan(
      report,
      target: target,
      fromNanoseconds: min(began, max(oldest, corrected(report.since, handle, now))),
      throughNanoseconds: began)
    if !jobBook.take(report, span, from: stream, now: now) {
      // It was stored before its acknowledgement got through.
      await acknowledgeJobs(handle.server)
    }
  }

  private func resumeJobs(_ stream: StreamKey) async throws(DiagnosticError) {
    guard !jobBook.knows(stream) else { return }
    jobBook.resume(stream, stored: try await jobStore.sequence(of: stream))
  }

  /// Ends the sessions whose reports could not be taken, once they can: the agents send all of them again.
  private func askForMissingJobs() async {
    for (server, session) in live where sessionsMissingJobs.contains(session.handle.session) {
      do throws(DiagnosticError) { try await resumeJobs(session.handle.stream) } catch {
        return failed(error)
      }
      // Nothing else failed meanwhile, or it is told by what is written next.
      jobFailure = nil
      guard live[server]?.handle == session.handle else { continue }
      await session.writer.end(
        Diagnostic(
          .conflict, .warning, subject: "manager",
          reason: "reports of jobs could not be stored; send them again"))
    }
  }

  private func corrected(_ stamp: Stamp, _ handle: SessionHandle, _ now: Moment) -> Int64 {
    min(clocks[handle.server]?.corrected(stamp) ?? now.wallNanoseconds, now.wallNanoseconds)
  }

  /// Writes what is due and acknowledges it.
  package func flushJobs(force: Bool = false) async {
    await inTurn { await $0.flushJobsNow(force: force) }
  }

  private func flushJobsNow(force: Bool) async {
    await askForMissingJobs()
    let writes = jobBook.cut(now: now, force: force)
    guard !writes.isEmpty else { return }
    do throws(DiagnosticError) {
      // A span never names a target that the store does not know.
      try await persistEffects()
      try await jobStore.append(writes, nanoseconds: Clock.wall())
      jobBook.wrote(writes)
      jobFailure = nil
      for server in live.keys { await acknowledgeJobs(server) }
    } catch {
      failed(error)
    }
  }

  /// Each once.
  func tellLostJobs() {
    for lost in jobStore.takeNewLosses() {
      let finding = lost.finding
      logger.error(
        "jobs that were stored are lost",
        metadata: [
          "file": "\(finding.subject)", "reason": "\(finding.reason)",
          "remedy": "\(finding.remedy)",
        ])
    }
  }

  private func failed(_ error: DiagnosticError) {
    if jobFailure == nil {
      logger.error(
        "job statistics can not be stored: agents keep what they have",
        metadata: ["reason": "\(error.diagnostic.reason)"])
    }
    jobFailure = error.diagnostic
  }

  private func acknowledgeJobs(_ server: ServerID) async {
    guard let session = live[server] else { return }
    let sequence = jobBook.storedSequence(session.handle.stream)
    guard sequence > session.acknowledgedJobs else { return }
    if await session.writer.offer(.jobsHeld(sequence: sequence)) {
      live[server]?.acknowledgedJobs = sequence
    }
  }

  func jobTop(_ request: JobTopRequest) async throws(DiagnosticError) -> JobTopView {
    let now = self.now
    var targets: [TargetSummary] = []
    for name in request.targets {
      targets.append(try observed.targetDetail(name, at: now).summary)
    }
    for name in request.fileSystems {
      targets += try observed.fileSystemDetail(name, at: now).targets
    }
    if request.targets.isEmpty, request.fileSystems.isEmpty { targets = observed.targets(at: now) }
    // An MGT has no jobs.
    targets.removeAll { $0.kind == .mgt }
    let labels = Dictionary(targets.map { ($0.id, $0.label) }, uniquingKeysWith: { a, _ in a })
    let (span, overflow) = request.seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let from = overflow ? 0 : max(0, now.wallNanoseconds - span)
    let range = from...now.wallNanoseconds
    // The book first: what is stored in between is then seen twice only if it is in both answers.
    let held = jobBook.spans(ended: range)
    let (stored, unreadable) = try await jobStore.spans(of: Set(labels.keys), ended: range)
    var view = JobTopView(
      stored + held.filter { !stored.contains($0) }, by: request.by, limit: request.limit,
      targets: labels, fromNanoseconds: from, throughNanoseconds: now.wallNanoseconds)
    if !unreadable.isEmpty { view.unreadable = unreadable }
    return view
  }

  func trimJobs() {
    let before = agingNow() - settings.retention.wholeNanoseconds
    do throws(DiagnosticError) { try jobStore.removeDays(endedBefore: before) } catch {
      failed(error)
    }
  }
}
