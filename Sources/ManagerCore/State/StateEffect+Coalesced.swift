import Protocol

extension StateEffect {
  private enum Record: Hashable {
    case server(ServerID)
    case memory(ServerID)
    case mgs(String)
    case target(String)
    case timeline(ServerID)
    case repeatedTimes
  }

  /// The record that it writes; `nil` when it does more than that.
  private var written: Record? {
    switch self {
    case .persistServer(let record): .server(record.id)
    case .persistMemory(let memory): .memory(memory.server)
    case .persistMGS(let record): .mgs(record.id)
    case .persistTarget(let record): .target(record.id)
    case .persistTimeline(let record): .timeline(record.server)
    case .persistRepeatedTimes: .repeatedTimes
    case .mergedTarget, .mergedMGS, .removeServer, .removeTarget, .removeMGS: nil
    }
  }

  /// The same in the end, in the same order: what a later one writes anew is left out before. A
  /// record that is removed and comes back is written after its removal.
  package static func coalesced(_ effects: [StateEffect]) -> [StateEffect] {
    var seen: Set<Record> = []
    return effects.reversed().filter { effect in
      effect.written.map { seen.insert($0).inserted } ?? true
    }.reversed()
  }
}
