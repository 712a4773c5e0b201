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
  /// Encoded anew only when something has changed.
  private var last: (body: CollectorsSection, section: Section)?
  package init() {}

  package mutating func make(_ cycle: CollectorRunner.Cycle, now: Stamp) -> (
    ends: [(end: CycleEnd, sections: [Section])], samples: [Sample], jobs: [JobReport]
  ) {
    var ends: [(end: CycleEnd, sections: [Section])] = []
    var samples: [Sample] = []
    var jobs: [JobReport] = []
    for result in cycle.finished {
      let (outcome, reason, collection) = Self.parts(result.answer)
      samples += collection.samples
      jobs += collection.jobs
      ends.append(
        (
          CycleEnd(
            collector: result.name, outcome: outcome, reason: reason, began: result.began,
            periodMilliseconds: Int64(result.period / .milliseconds(1))),
          collection.sections
        ))
      collectors[result.name] = CollectorsSection.Collector(
        name: result.name, outcome: outcome, reason: reason,
        leftovers: Self.unique(collection.leftovers.map(\.source)),
        failures: Self.unique(collection.failures.map { "\($0.source): \($0.reason)" }))
    }
    for stalled in cycle.stalled {
      let reason = "its read has not come back"
      ends.append(
        (
          CycleEnd(
            collector: stalled.name, outcome: .stalled, reason: reason, began: stalled.began), []
        ))
      collectors[stalled.name] = CollectorsSection.Collector(
        name: stalled.name, outcome: .stalled, reason: reason, leftovers: [], failures: [])
    }
    let all = collectors.values.sorted { $0.name < $1.name }
    if let own = section(CollectorsSection(collectors: all)) {
      ends.append(
        (CycleEnd(collector: Self.ownName, outcome: .sampled, reason: nil, began: now), [own]))
    }
    return (ends, samples, jobs)
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
