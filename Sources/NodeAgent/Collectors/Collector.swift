import AgentCore
import Protocol

/// Reads one kind of thing of the machine, completely, once a cycle. It keeps nothing between
/// cycles, and a read of it may hang: run each on a worker of its own.
package protocol Collector: Sendable {
  var name: String { get }
  /// The names of the sections that it makes.
  var sections: [String] { get }
  /// How much time to leave between two cycles at least; zero means every cycle. In between, its
  /// sections and series stand.
  var period: Duration { get }
  /// Runs it cycle after cycle. Only a collector that must compare with what it read before has one of
  /// its own.
  func task(_ host: HostRoot, _ source: ContextSource) -> CollectorTask
  /// Blocks while it reads.
  func collect(_ host: HostRoot, _ context: CollectorContext) -> CollectorAnswer
}

extension Collector {
  package var period: Duration { .zero }

  package func task(_ host: HostRoot, _ source: ContextSource) -> CollectorTask {
    CollectorTask(name: name, period: period) { collect(host, source.current()) }
  }
}

/// What all collectors of one cycle share.
package struct CollectorContext: Sendable {
  package var bootID: BootID
  package var facts: NodeFacts
  let listings: Listings

  /// Reads the facts anew; a few small files, none of which asks a target.
  package init(_ host: HostRoot) {
    bootID = host.bootID()
    listings = Listings()
    facts = NodeFacts(host, listings)
  }
}

/// Every collector. A new one is a file and a line here.
package let allCollectors: [any Collector] = [
  HostCollector(),
  InterfacesCollector(),
  LNetCollector(),
  LustreCollector(),
  MGSCollector(),
  MDTCollector(),
  OSTCollector(),
  ExportsCollector(),
  MountsCollector(),
  ImportsCollector(),
  JobsCollector(),
]

/// Why a Lustre collector has nothing to say on a machine without Lustre.
let noLustre = "no Lustre here: neither /proc/fs/lustre nor /sys/fs/lustre exists"
