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
package final class CollectorContext: Sendable {
  package let bootID: BootID
  package let facts: NodeFacts
  /// Of those of one source, another whenever the facts are others; 0 when nobody has numbered them.
  let factsNumber: UInt64
  let listings: Listings
  /// What the facts are made of; `nil` when not all of it can be asked again.
  private let trace: AskedTrace?

  /// Reads the facts anew; a few small files, none of which asks a target.
  ///
  /// - Parameter before: the last; its facts stand when the files say the same.
  package init(_ host: HostRoot, after before: CollectorContext? = nil) {
    listings = Listings()
    if let before, let known = before.trace, case .none = known.ask(host, listings) {
      (bootID, facts, factsNumber) = (before.bootID, before.facts, before.factsNumber)
      trace = known
      return
    }
    let recorder = host.remembers ? ReadRecorder(knowing: [], samplesBefore: []) : nil
    let epoch = host.memory.epoch
    bootID = host.bootID(recorder)
    facts = NodeFacts(host, listings, NodeFacts.lustre(host, recorder), recorder)
    factsNumber = 0
    trace = recorder?.finish().map {
      AskedTrace($0.trace, host, turn: 0, epoch: epoch, looksAlways: true)
    }
  }

  private init(_ other: CollectorContext, _ number: UInt64, _ listings: Listings) {
    (bootID, facts, trace) = (other.bootID, other.facts, other.trace)
    factsNumber = number
    self.listings = listings
  }

  /// The same facts; directories are listed anew.
  func listingAnew() -> CollectorContext { CollectorContext(self, factsNumber, Listings()) }

  func numbered(_ number: UInt64) -> CollectorContext { CollectorContext(self, number, listings) }
}

/// A collector whose files mostly stand still: it is run only when one of them says something else
/// than before.
protocol SteadyCollector: Collector {
  func collect(
    _ host: HostRoot, _ context: CollectorContext, _ recorder: ReadRecorder?
  ) -> CollectorAnswer
}

extension SteadyCollector {
  package func collect(_ host: HostRoot, _ context: CollectorContext) -> CollectorAnswer {
    collect(host, context, nil)
  }

  package func task(_ host: HostRoot, _ source: ContextSource) -> CollectorTask {
    CollectorTask(name: name, period: period) {
      let context = source.current()
      return host.memory.answers.answer(
        name, host, context.listings, facts: context.factsNumber
      ) { collect(host, context, $0) }
    }
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
