import AgentCore
import Protocol

/// Turns a cycle's answers into what the link reports.
package enum CycleReport {
  /// The collector's name under which the agent reports on its collectors.
  package static let ownName = "agent"
  /// Of leftovers and failures, so many are reported; the rest is seen with `inspect`.
  private static let examples = 20

  package static func make(_ cycle: CollectorRunner.Cycle, now: Stamp) -> (
    ends: [(end: CycleEnd, sections: [Section])], samples: [Sample]
  ) {
    var ends: [(end: CycleEnd, sections: [Section])] = []
    var samples: [Sample] = []
    var collectors: [CollectorsSection.Collector] = []
    for result in cycle.finished {
      let (outcome, reason, collection) = parts(result.answer)
      samples += collection.samples
      ends.append(
        (
          CycleEnd(
            collector: result.name, outcome: outcome, reason: reason, began: result.began),
          collection.sections
        ))
      collectors.append(
        CollectorsSection.Collector(
          name: result.name, outcome: outcome, reason: reason,
          leftovers: unique(collection.leftovers.map(\.source)),
          failures: unique(collection.failures.map { "\($0.source): \($0.reason)" })))
    }
    for stalled in cycle.stalled {
      let reason = "its read has not come back"
      ends.append(
        (
          CycleEnd(
            collector: stalled.name, outcome: .stalled, reason: reason, began: stalled.began), []
        ))
      collectors.append(
        CollectorsSection.Collector(
          name: stalled.name, outcome: .stalled, reason: reason, leftovers: [], failures: []))
    }
    collectors.sort { $0.name < $1.name }
    if let own = try? CollectorsSection(collectors: collectors).section(collector: ownName) {
      ends.append(
        (CycleEnd(collector: ownName, outcome: .sampled, reason: nil, began: now), [own]))
    }
    return (ends, samples)
  }

  private static func parts(_ answer: CollectorAnswer) -> (CollectorOutcome, String?, Collection)
  {
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
