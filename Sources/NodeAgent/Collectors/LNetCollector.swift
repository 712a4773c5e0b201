import AgentCore
import Protocol

/// LNet's counters, own interfaces and peers.
struct LNetCollector: SteadyCollector {
  let name = "lnet"
  let sections = ["lnet"]

  func collect(
    _ host: HostRoot, _ context: CollectorContext, _ recorder: ReadRecorder?
  ) -> CollectorAnswer {
    var gathering = Gathering(name, host, context.listings, recorder: recorder)
    readStats(&gathering)
    gathering.sample(.lnetMemory, gathering.number(.lnetMemoryUsed))
    let interfaces = readInterfaces(&gathering)
    let peers = readPeers(&gathering)
    if interfaces != nil || peers != nil {
      gathering.section(
        LNetSection(
          interfaces: interfaces ?? [], peersUp: peers?.up ?? 0, peersDown: peers?.down ?? 0,
          downPeers: peers?.downPeers ?? []))
    }
    return gathering.answer(orNotApplicable: "LNet is not loaded, or its files are not shown")
  }

  private func readStats(_ gathering: inout Gathering) {
    guard let bytes = gathering.read(.lnetStats),
      let file = gathering.take(LNetParser.stats(bytes.span), from: "stats")
    else { return }
    gathering.sample(.lnetAllocated, file.allocated)
    gathering.sample(.lnetMaximum, file.maximum)
    let counters: [(Metric, UInt64)] = [
      (.lnetErrors, file.errors), (.lnetSent, file.sent), (.lnetReceived, file.received),
      (.lnetRouted, file.routed), (.lnetDropped, file.dropped),
      (.lnetSentBytes, file.sentBytes), (.lnetReceivedBytes, file.receivedBytes),
      (.lnetRoutedBytes, file.routedBytes), (.lnetDroppedBytes, file.droppedBytes),
    ]
    for (metric, value) in counters { gathering.sample(metric, bits: value) }
  }

  private func readInterfaces(_ gathering: inout Gathering) -> [LNetSection.Interface]? {
    guard let bytes = gathering.read(.lnetInterfaces) else { return nil }
    let entries = gathering.take(LNetParser.interfaces(bytes.span), from: "nis")
    for entry in entries {
      let labels = ["nid": entry.nid]
      gathering.sample(.lnetInterfaceUp, entry.status == "up" ? 1 : 0, labels)
      gathering.sample(.lnetInterfaceCredits, entry.credits, labels)
      gathering.sample(.lnetInterfaceCreditsMinimum, entry.minimumCredits, labels)
    }
    return entries.map { LNetSection.Interface(nid: $0.nid, status: $0.status) }
  }

  private func readPeers(_ gathering: inout Gathering) -> LNetPeersFile? {
    guard let bytes = gathering.read(.lnetPeers) else { return nil }
    let file = gathering.take(LNetParser.peers(bytes.span), from: "peers")
    // Without its heading it is no table, and says nothing of how many there are.
    guard file.isTable else { return nil }
    gathering.sample(.lnetPeers, Int64(file.up), ["state": "up"])
    gathering.sample(.lnetPeers, Int64(file.down), ["state": "down"])
    gathering.sample(.lnetPeers, Int64(file.unknown), ["state": "unknown"])
    gathering.sample(.lnetPeersQueued, file.queuedBytes)
    return file
  }
}

extension Gathering {
  /// A gauge of the server with labels.
  mutating func sample(_ metric: Metric, _ value: Int64, _ labels: [String: String]) {
    sample(metric, value, of: .server, labels)
  }
}
