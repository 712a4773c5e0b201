import AgentCore
import Platform
import Protocol

/// What the jobs of the targets here do. The reading alone tells what each did since its entry
/// began; `task` keeps what was read, and tells increases.
struct JobsCollector: Collector {
  let name = "jobs"
  let sections: [String] = []

  func collect(_ host: HostRoot, _ context: CollectorContext) -> CollectorAnswer {
    var reader = JobStatsReader(countsEverything: true)
    return reader.collect(host, context)
  }

  func task(_ host: HostRoot, _ source: ContextSource) -> CollectorTask {
    let keeper = JobStatsKeeper()
    return CollectorTask(name: name, period: { keeper.pause }) {
      keeper.collect(host, source.current())
    }
  }
}
