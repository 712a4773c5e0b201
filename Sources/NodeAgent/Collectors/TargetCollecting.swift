import AgentCore
import Protocol

/// A collector that reads one target after the other, each by itself: a target whose reads hang holds
/// up its own report only.
protocol TargetCollecting: Collector {
  var readers: [TargetReader] { get }
  /// Why there is nothing to say where Lustre has no such target.
  var absence: String { get }
  /// Reads one target.
  func collect(
    _ reader: TargetReader, _ identity: TargetReader.Identity, _ facts: NodeFacts,
    _ gathering: inout Gathering)
}

extension TargetCollecting {
  /// All targets, one after the other, as the one look of `inspect`.
  func collect(_ host: HostRoot, _ context: CollectorContext) -> CollectorAnswer {
    if let answer = context.facts.withoutLustre { return answer }
    var gathering = Gathering(name, host, context.listings)
    for reader in readers {
      for directory in reader.directories(&gathering) ?? [] {
        let identity = reader.identity(directory, &gathering, context.facts)
        collect(reader, identity, context.facts, &gathering)
      }
    }
    return gathering.answer(orNotApplicable: absence)
  }

  func task(_ host: HostRoot, _ source: ContextSource) -> CollectorTask {
    CollectorTask(name: name) {
      list(host, source.current()) { reader, directory in
        unit(reader, directory, host, source)
      }
    }
  }

  private func unit(
    _ reader: TargetReader, _ directory: String, _ host: HostRoot, _ source: ContextSource
  ) -> CollectorUnit {
    let subject = reader.subject(directory)
    let name = "\(name)/\(subject)"
    let period = period
    return CollectorUnit(subject: subject, lane: reader.lane(directory), period: { period }) {
      let context = source.current()
      let listings = context.listings
      return host.memory.answers.answer(
        name, host, listings, facts: context.factsNumber
      ) { recorder in
        var gathering = Gathering(name, host, listings, recorder: recorder)
        let identity = reader.identity(directory, &gathering, context.facts)
        collect(reader, identity, context.facts, &gathering)
        return gathering.answer(orNotApplicable: absence)
      }
    }
  }

  /// The targets that are set up here, by their directories alone.
  func list(
    _ host: HostRoot, _ context: CollectorContext,
    _ unit: (TargetReader, String) -> CollectorUnit
  ) -> CollectorListing {
    host.memory.answers.listing(name, host, context.listings, facts: context.factsNumber) {
      list(host, context, $0, unit)
    }
  }

  private func list(
    _ host: HostRoot, _ context: CollectorContext, _ recorder: ReadRecorder?,
    _ unit: (TargetReader, String) -> CollectorUnit
  ) -> CollectorListing {
    switch context.facts.lustre {
    case .here: break
    case .absent: return .notApplicable(reason: noLustre)
    case .unreadable(let reason): return .failed(reason: reason)
    }
    var gathering = Gathering(name, host, context.listings, recorder: recorder)
    var units: [CollectorUnit] = []
    for reader in readers {
      // Half a list would pass for the news that the other targets are gone.
      guard let directories = reader.directories(&gathering) else {
        let failure = gathering.collection.failures.first
        return .failed(
          reason: "\(failure?.source ?? reader.targets.pattern): \(failure?.reason ?? "unreadable")"
        )
      }
      units += directories.map { unit(reader, $0) }
    }
    return units.isEmpty ? .notApplicable(reason: absence) : .units(units)
  }
}
