import AgentCore
import Platform
import Protocol

/// What the jobs of the targets here do. One look tells what each did since its entry began; cycle
/// after cycle, what they did since the reading before.
struct JobsCollector: TargetCollecting {
  let name = "jobs"
  let sections: [String] = []
  let readers = [TargetReader.mdt, TargetReader.ost]
  let absence = "no target here keeps job statistics"

  func collect(
    _ reader: TargetReader, _ identity: TargetReader.Identity, _ facts: NodeFacts,
    _ gathering: inout Gathering
  ) {
    JobStatsReader(countsSince: Stamp(bootNanoseconds: 0, wallNanoseconds: 0))
      .read(reader, identity, &gathering)
  }

  func task(_ host: HostRoot, _ source: ContextSource) -> CollectorTask {
    let keeper = JobStatsKeeper()
    return CollectorTask(name: name) {
      // Before the list: whoever was mounted in between counts from here on.
      let now = HostClock().now()
      var lanes: Set<String> = []
      let listing = list(host, source.current()) { reader, directory in
        let target = reader.lane(directory)
        lanes.insert(target)
        let jobs = keeper.reader(of: target)
        let name = "\(name)/\(reader.subject(directory))"
        // Hundreds of MiB take many seconds; the target's own report does not wait for them.
        return CollectorUnit(
          subject: reader.subject(directory), lane: "jobs of \(target)",
          period: { keeper.pause(jobs) }
        ) {
          let context = source.current()
          var gathering = Gathering(name, host, context.listings)
          let target = host.memory.answers.target(
            name, host, context.listings, facts: context.factsNumber
          ) { recorder in
            gathering.recorder = recorder
            let identity = reader.identity(directory, &gathering, context.facts)
            let instance = reader.instance.flatMap { gathering.number($0, directory) }
            // What is not understood is told in each cycle.
            if !gathering.collection.leftovers.isEmpty { recorder?.giveUp() }
            gathering.recorder = nil
            return (identity, instance)
          }
          jobs.read(reader, target.identity, instance: target.instance, &gathering)
          return gathering.answer(orNotApplicable: absence)
        }
      }
      switch listing {
      // When nothing was listed anew, the targets are those of before.
      case .units: keeper.listed(lanes.isEmpty ? nil : lanes, at: now)
      case .notApplicable: keeper.listed([], at: now)
      case .failed: break
      }
      return listing
    }
  }
}
