import AgentCore
import Protocol

/// Turns cycles' answers into what the link reports.
package struct CycleReport: Sendable {
  /// The collector's name under which the agent reports on its collectors.
  package static let ownName = "agent"
  /// Of leftovers and failures, so many are reported; the rest is seen with `inspect`.
  private static let examples = 20

  /// How each collector fared when it last ran: not every one runs in every cycle.
  private var collectors: [String: CollectorsSection.Collector] = [:]
  /// When the last cycle began.
  private var lastCycle: Stamp?
  /// How many samples the last cycle had: the next has about as many.
  private var lastSamples = 0
  /// Encoded anew only when something has changed.
  private var last: (body: CollectorsSection, section: Section)?
  package init() {}

  /// The name under which it reports on its spool.
  package static let spoolName = "spool"

  package mutating func make(
    _ cycle: CollectorRunner.Cycle, spool: Spool.Report? = nil, now: Stamp
  ) -> (
    ends: [(end: CycleEnd, sections: [Section])], late: LateSamples?, samples: [Sample],
    jobs: [JobReport]
  ) {
    var ends: [(end: CycleEnd, sections: [Section])] = []
    ends.reserveCapacity(cycle.finished.count + cycle.stalled.count + 2)
    var samples: [Sample] = []
    samples.reserveCapacity(lastSamples)
    defer { lastSamples = samples.count }
    var jobs: [JobReport] = []
    var late: LateSamples?
    for result in cycle.finished {
      let (outcome, reason, collection) = Self.parts(result.answer)
      if isLate(result, now) {
        late =
          late.map { $0.adding(collection.samples, result.began) }
          ?? LateSamples(stamp: result.began, samples: collection.samples)
      } else {
        samples += collection.samples
      }
      jobs += collection.jobs
      ends.append(
        (
          CycleEnd(
            collector: result.name, outcome: outcome, reason: reason, began: result.began,
            periodMilliseconds: result.period.nanoseconds / 1_000_000),
          collection.sections
        ))
      let isDull =
        result.isGone
        || outcome == .sampled && collection.leftovers.isEmpty
          && collection.failures.isEmpty
      if isDull, CollectorName.isUnit(result.name) {
        collectors[result.name] = nil
        continue
      }
      collectors[result.name] = CollectorsSection.Collector(
        name: result.name, outcome: outcome, reason: reason,
        leftovers: Self.unique(collection.leftovers.map(\.source)),
        failures: Self.unique(collection.failures.map { "\($0.source): \($0.reason)" }))
    }
    for stalled in cycle.stalled {
      let reason = stalled.reason
      ends.append(
        (
          CycleEnd(
            collector: stalled.name, outcome: .stalled, reason: reason, began: stalled.began), []
        ))
      collectors[stalled.name] = CollectorsSection.Collector(
        name: stalled.name, outcome: .stalled, reason: reason, leftovers: [], failures: [])
    }
    if let spool {
      let outcome: CollectorOutcome = spool.failure == nil ? .sampled : .failed
      let reason = spool.failure.map { "samples are kept in memory only: \($0)" }
      ends.append(
        (
          CycleEnd(collector: Self.spoolName, outcome: outcome, reason: reason, began: now), []
        ))
      collectors[Self.spoolName] = CollectorsSection.Collector(
        name: Self.spoolName, outcome: outcome, reason: reason, leftovers: [],
        failures: spool.damages)
    }
    let all = collectors.values.sorted { $0.name < $1.name }
    if let own = section(CollectorsSection(collectors: all)) {
      ends.append(
        (CycleEnd(collector: Self.ownName, outcome: .sampled, reason: nil, began: now), [own]))
    }
    lastCycle = now
    return (ends, late, samples, jobs)
  }

  /// Samples of reads that came back after their cycle had ended: they are as of then.
  package struct LateSamples: Sendable {
    package var stamp: Stamp
    package var samples: [Sample]

    /// The latest of the reads' beginnings counts: those of one cycle lie close together.
    func adding(_ more: [Sample], _ began: Stamp) -> LateSamples {
      LateSamples(
        stamp: began.bootNanoseconds > stamp.bootNanoseconds ? began : stamp,
        samples: samples + more)
    }
  }

  /// A read that began after the cycle before and before this one. One that hung for longer got its
  /// values only when it came back, which is now.
  private func isLate(_ result: CollectorRunner.Finished, _ now: Stamp) -> Bool {
    guard let lastCycle else { return false }
    let began = result.began.bootNanoseconds
    return lastCycle.bootNanoseconds < began && began < now.bootNanoseconds
  }

  private mutating func section(_ body: CollectorsSection) -> Section? {
    if let last, last.body == body { return last.section }
    guard let section = try? body.section(collector: Self.ownName) else { return nil }
    last = (body, section)
    return section
  }

  private static func parts(_ answer: CollectorAnswer) -> (CollectorOutcome, String?, Collection) {
    switch answer {
    case .sampled(let collection): (.sampled, nil, collection)
    case .notApplicable(let reason): (.notApplicable, reason, Collection())
    case .failed(let reason): (.failed, reason, Collection())
    }
  }

  private static func unique(_ texts: [String]) -> [String] {
    var seen: Set<String> = []
    return Array(texts.filter { seen.insert($0).inserted }.prefix(examples))
  }
}
