import Protocol

/// A counter whose rate is known exactly under `SiteConfiguration.steady`.
package struct ExpectedRate: Sendable, Hashable {
  package enum Field: String, Sendable { case samples, sum, value }
  /// The file in the server's tree, as in `SimulatedSite.tree(of:)`.
  package var file: String
  /// The target's label; `nil` for counters of the server.
  package var target: String?
  /// The counter's name in the file: `write_bytes`, `open`, `send_count` …
  package var counter: String
  /// `samples` or `sum` of a stats line, `value` of a plain number.
  package var field: Field
  /// Growth in one virtual second.
  package var perSecond: UInt64
}

extension SimulatedSite {
  /// Every counter of the server whose rate is known; nothing under a load with chance in it. Holds
  /// while the targets are served, between two moments that are whole ticks (100 ms) apart.
  package func expectedRates(of server: String) -> [ExpectedRate] {
    guard configuration.load == .steady, let position = self.server(server) else { return [] }
    let second = SteadyLoad(plan).deeds(ticks: UInt64(ticksPerSecond))
    var rates: [ExpectedRate] = []
    var totals: [Int: CounterSet] = [:]
    var traffic = ServerTraffic()
    for deed in second {
      guard let serving = states[deed.target].mounts.first?.server else { continue }
      if case .target(let peer) = deed.party, serving != position,
        states[peer].mounts.first?.server == position
      {
        traffic.ask(deed)
      }
      guard serving == position else { continue }
      traffic.serve(deed)
      totals[deed.target, default: CounterSet()].add(
        deed.operation, count: deed.count, mean: deed.size, spread: deed.spread)
    }
    for (target, counters) in totals.sorted(by: { $0.key < $1.key }) {
      rates += statsRates(plan.targets[target], servers[position].layout, counters)
    }
    let lnet: [(String, UInt64)] = [
      ("send_count", traffic.messagesSent), ("recv_count", traffic.messagesReceived),
      ("send_length", traffic.bytesSent), ("recv_length", traffic.bytesReceived),
    ]
    return rates
      + lnet.map {
        ExpectedRate(
          file: "sys/kernel/debug/lnet/stats", target: nil, counter: $0, field: .value,
          perSecond: $1)
      }
  }

  private func statsRates(
    _ target: SitePlan.Target, _ layout: Layout, _ counters: CounterSet
  ) -> [ExpectedRate] {
    let isObject = target.kind == .ost
    let family: ParameterFamily = isObject ? .objectStats : .metadataStats
    guard let root = family.root(in: layout) else { return [] }
    let file =
      "\(root.rawValue)/"
      + (isObject ? "obdfilter/\(target.label)/stats" : "mdt/\(target.label)/md_stats")
    var rates: [ExpectedRate] = []
    for operation in Operation.order(target.kind, layout) where counters[operation].count > 0 {
      var rate = ExpectedRate(
        file: file, target: target.label, counter: operation.name, field: .samples,
        perSecond: counters[operation].count)
      rates.append(rate)
      guard layout.hasLatencies || operation.isBytes else { continue }
      rate.field = .sum
      rate.perSecond = counters[operation].sum
      rates.append(rate)
    }
    return rates
  }
}
